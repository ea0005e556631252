"""What the stand-in for actions/download-artifact does: `download.py PATTERN TARGET`."""

import fnmatch
import os
import re
import shutil
import sys
from pathlib import Path

pattern, target = sys.argv[1], Path(sys.argv[2])
braces = re.search(r"\{([^{}]*)\}", pattern)
patterns = [pattern.replace(braces[0], part) for part in braces[1].split(",")] if braces else [pattern]
found = [
    folder
    for folder in sorted(Path(os.environ["ACT_ARTIFACTS"]).iterdir())
    if any(fnmatch.fnmatchcase(folder.name, one) for one in patterns)
]
for folder in found:
    shutil.copytree(folder, target if len(found) == 1 else target / folder.name, dirs_exist_ok=True)
sys.stdout.write(f"{len(found)} artifacts for {pattern}\n")
