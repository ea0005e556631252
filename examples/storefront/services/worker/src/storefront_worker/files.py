"""Write files so that a crash leaves the old one or the new one, never half of one."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Make `text` the content of `path`, at once."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
