"""What it costs to trace which files a session uses: `python -m benchmarks.tracer_overhead [RUNS]`.

Each program runs with and without the tracer in turn. The figures are medians of the CPU time of the process and all
below it, in milliseconds.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from isonox.cache.tracer import sitecustomize

MODULES, FILES, TESTS = 200, 20, 20

TEST = """
from pathlib import Path

import pytest
from pack import {module}


@pytest.mark.parametrize("number", range({tests}))
def test_it(number: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(Path("data.txt").read_text())
    assert {module}.value(number) == number
"""

#: Name, and arguments for Python.
PROGRAMS = {
    "start of Python": ("-c", "pass"),
    "imports of the standard library": (
        "-c",
        "import asyncio, unittest.mock, xml.dom.minidom, http.server, concurrent",
    ),
    f"imports of {MODULES} modules of the workspace": ("-c", "import pack.all"),
    f"pytest, {FILES * TESTS} tests that read and write a file": ("-m", "pytest", "-q", "-p", "no:cacheprovider"),
}


def main() -> None:
    """Measure all programs and print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        root = _workspace(Path(folder).resolve() / "root")
        report = root.parent / "report"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ISONOX"))}
        kept["PYTEST_DEBUG_TEMPROOT"] = str(root.parent)  # where nobody else's folders wait to be removed
        ours = {
            "PYTHONPATH": str(Path(sitecustomize.__file__).parent),
            sitecustomize.REPORT: str(report),
            sitecustomize.ROOT: str(root),
        }
        print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, medians of {runs}; CPU time in ms")
        print("| program | without | with | more | ratio | facts |")
        print("|---|---|---|---|---|---|")
        for name, arguments in PROGRAMS.items():
            plain, traced = [], []
            for run in range(-1, runs):  # the first one compiles
                report.write_bytes(b"")
                without, with_it = _cpu(root, arguments, kept), _cpu(root, arguments, kept | ours)
                if run >= 0:
                    plain.append(without)
                    traced.append(with_it)
            before, after = statistics.median(plain), statistics.median(traced)
            facts = report.read_bytes().count(b"\0")
            print(f"| {name} | {before:.1f} | {after:.1f} | {after - before:.1f} | {after / before:.3f} | {facts} |")


def _workspace(root: Path) -> Path:
    """Make a package with many modules, and tests."""
    (root / "pack").mkdir(parents=True)
    (root / "data.txt").write_text("x" * 1000)
    names = [f"module{number}" for number in range(MODULES)]
    for name in names:
        (root / "pack" / f"{name}.py").write_text("def value(number: int) -> int:\n    return number\n")
    (root / "pack" / "__init__.py").touch()
    (root / "pack" / "all.py").write_text("".join(f"from pack import {name}\n" for name in names))
    for number in range(FILES):
        (root / f"test_{number}.py").write_text(TEST.format(module=names[number], tests=TESTS))
    return root


def _cpu(root: Path, arguments: tuple[str, ...], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=root, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
