"""Write all reports that coverage has into the folder that the argument names; the data is where COVERAGE_FILE says.

Each of `coverage html`, `xml` and `json` would start Python anew. Source: https://coverage.readthedocs.io/en/latest/api.html
"""

from __future__ import annotations

import sys
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import CoverageException


def main(folder: Path) -> None:
    """Write them; their thresholds are not looked at."""
    measured = Coverage()
    measured.load()
    measured.html_report(directory=str(folder / "html"))
    measured.xml_report(outfile=str(folder / "coverage.xml"))
    measured.json_report(outfile=str(folder / "coverage.json"))
    with (folder / "coverage.md").open("w", encoding="utf-8") as stream:
        measured.report(file=stream, output_format="markdown")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except CoverageException as error:
        sys.exit(f"{error}")
