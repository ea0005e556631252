"""Take the picture of a command in a terminal: `.isonox/env/bin/python -m docs.terminal_picture [COMMAND ...]`.

The command runs for real, in a pseudo-terminal of 100 columns. The picture shows what stands there when it has ended,
the end of it if it is long, without the paths of this machine. The exit code is the command's own.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS, ROWS = 100, 50

#: Lines of output that a picture holds.
LINES = 60

OUTPUT = Path("docs/images/make-ci.svg")

#: Movements of the cursor that rich's live display makes, carriage returns and line feeds (ECMA-48).
_MOVES = re.compile(r"\x1b\[(?P<count>\d*)(?P<move>[AJK])|(?P<control>[\r\n])")
#: Everything else but colours: hidden cursors, titles.
_SILENT = re.compile(r"\x1b\[\?\d+[hl]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
#: The template of rich loads its font from another host.
_FONTS = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)


def main() -> int:
    """Run the command and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run (default: make ci)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the picture (default: {OUTPUT})")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where to run it (default: here)")
    arguments = parser.parse_args()
    command: list[str] = arguments.command or ["make", "ci"]
    folder: Path = arguments.folder.resolve()
    output, code = run(command, folder)
    lines = without_paths([f"$ {shlex.join(command)}", *cut(screen(output), LINES)], folder)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(picture(lines, title=lines[0].removeprefix("$ ")), encoding="utf-8")
    sys.stderr.write(f"{arguments.output}: {len(lines)} lines, exit code {code}\n")
    return code


def run(command: Sequence[str], folder: Path) -> tuple[str, int]:
    """Run a command in a pseudo-terminal; return what it wrote, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, cwd=folder, env=_environment(os.environ), stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    written = bytearray()
    while chunk := _read(ours):
        written += chunk
    os.close(ours)
    return written.decode(errors="replace"), process.wait()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux: nobody has the other end open any more
        return b""


def _environment(outer: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of somebody at a terminal, outside of CI and of other tools' environments."""
    unwanted = ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")
    return {**{name: value for name, value in outer.items() if name not in unwanted}, "TERM": "xterm-256color"}


def screen(output: str) -> list[str]:
    """Return the lines that stand on the terminal in the end, colours included.

    Rich erases a line before it writes it anew, so text is only ever added to the line of the cursor.
    """
    lines, row, at = [""], 0, 0
    output = _SILENT.sub("", output)
    for match in [*_MOVES.finditer(output), None]:
        lines[row] += output[at : match.start() if match else None]
        if match is None:
            break
        at = match.end()
        if match["control"] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif match["move"] == "A":
            row = max(0, row - int(match["count"] or 1))
        elif match["move"] == "K":
            lines[row] = ""
        elif match["move"] == "J":
            lines[row:] = [""]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def without_paths(lines: Sequence[str], folder: Path) -> list[str]:
    """Return the lines without the paths of this machine.

    Raises:
        ValueError: One is left; nobody should read it in the documentation.
    """
    home = str(Path.home())
    shown = [line.replace(f"{folder}/", "").replace(str(folder), ".").replace(f"{home}/", "~/") for line in lines]
    for line in shown:
        if match := re.search(r"(?<![\w.~:/])/(?:[\w.-]+/)+[\w.-]*", Text.from_ansi(line).plain):
            raise ValueError(f"the picture would show the path {match[0]}")
    return shown


def cut(lines: Sequence[str], limit: int) -> list[str]:
    """Return the last lines; the first of them says how many came before."""
    if len(lines) <= limit:
        return list(lines)
    return [f"[{len(lines) - limit + 1} more lines]", *lines[len(lines) - limit + 1 :]]


def picture(lines: Sequence[str], *, title: str) -> str:
    """Return the lines as SVG."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    for line in lines:
        console.print(Text.from_ansi(line), overflow="fold")
    drawn = console.export_svg(title=title, code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT), unique_id="terminal")
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


if __name__ == "__main__":
    sys.exit(main())
