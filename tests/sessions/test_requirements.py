"""What a command of pip or uv installs from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.sessions import requirements

if TYPE_CHECKING:
    from pathlib import Path

LONG = " or ".join(["python_version>3"] * 40)
HASHED = "attrs==1 \\\n    --hash=sha256:1\n"


@pytest.mark.parametrize(
    ("command", "files", "asks"),
    [
        ("uv pip install --no-deps ./a.whl", {"a.whl"}, False),
        ("uv pip install ./a.whl", {"a.whl"}, True),
        ("uv pip install --no-deps a.whl[cli] x@file:a.whl", {"a.whl"}, False),
        ("uv pip install --no-deps --quiet -U -e lib --python x", {"lib/setup.py"}, False),
        ("uv pip install --no-deps lib", set(), True),
        ("uv pip install --no-deps ./lib --index-url=https://x", {"lib"}, False),
        ("pip install --no-index --find-links wheels attrs", {"wheels/b.whl"}, False),
        ("python -m pip install --no-deps -rhashed.txt", {"hashed.txt"}, False),
        ("pip3 install --no-deps --requirement=nested.txt", {"nested.txt", "hashed.txt", "a.whl"}, True),
        ("pip install --require-hashes -r nested.txt", {"nested.txt", "hashed.txt", "a.whl"}, False),
        ("uv pip install --no-deps -qUr nested.txt", {"nested.txt", "hashed.txt", "a.whl"}, True),
        ("uv pip install --no-deps long.txt", {"long.txt"}, True),
        ("pip install --no-index -r long.txt", {"long.txt"}, False),
        ("uv pip sync hashed.txt", {"hashed.txt"}, False),
        ("uv pip sync nested.txt", {"nested.txt", "hashed.txt", "a.whl"}, True),
        ("uv pip install --no-deps https://x/a.whl", set(), True),
        ("pip uninstall --yes attrs", set(), False),
    ],
)
def test_files_are_found_and_what_has_no_hash(tmp_path: Path, command: str, files: set[str], *, asks: bool) -> None:
    """In arguments and in files of requirements that name each other; an index decides the rest."""
    contents = {
        "a.whl": "", "long.txt": f"attrs==1; {LONG}\n", "wheels/b.whl": "", "lib/setup.py": "", "hashed.txt": HASHED,
        "nested.txt": "# some\n-r hashed.txt\n-c nested.txt\n./a.whl ; python_version > '3'\nattrs == 1  # that one\n",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    found = requirements.taken(command.split(), tmp_path)

    assert files == {path.relative_to(tmp_path).as_posix() for path in found.files}
    assert asks == found.asks
