"""How reports word times, names and commands."""

from __future__ import annotations

import io
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from isonox.report import wording


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0s"),
        (-0.2, "0.0s"),
        (12.34, "12.3s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (125, "2m 05s"),
        (3599.6, "1h 00m"),
        (3725, "1h 02m"),
    ],
)
def test_spans_round_to_what_people_say(seconds: float, expected: str) -> None:
    """No `60.0s`, no `59m 60s`, nothing below zero."""
    assert expected == wording.span(seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\n  lines\t", "two lines"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x", "red x"),
        ("ring\x07 \x00nul", "ring nul"),
        ("not \udcff UTF-8", "not \\udcff UTF-8"),
        ("[red]as it is[/red]", "[red]as it is[/red]"),
    ],
)
def test_any_text_becomes_one_plain_line(text: str, expected: str) -> None:
    """Escapes, control characters, line ends and lone surrogates do not get through."""
    assert expected == wording.one_line(text)


@pytest.mark.parametrize("text", ["tests-3.12(django='4.2', db='postgres')", "测试-3.12(数据库)", "e\u0301" * 30])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 24])
def test_a_cut_name_never_takes_more_cells(text: str, width: int) -> None:
    """Wide and combining characters included."""
    assert cell_len(wording.cut(text, width)) <= width


@given(
    st.lists(st.tuples(*[st.text(st.characters(max_codepoint=0x17F), max_size=12)] * 3), min_size=1, max_size=5),
    st.integers(10, 60),
)
@example(rows=[("", "", "")] * 2, width=10)
def test_a_plain_table_is_that_of_rich(rows: list[tuple[str, ...]], width: int) -> None:
    """Without importing rich; where a layout is needed, there is none."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    headings = ("job", "verdict", "notes")

    found = wording.plain_table(headings, rows, width)

    with console.capture() as captured:
        console.print(wording.table(headings, rows))
    whole = captured.get()
    if found is not None:
        printed = f"{found}\n"
        assert [line.rstrip() for line in whole.splitlines()] == [line.rstrip() for line in printed.splitlines()]
    else:
        assert not whole.isascii() or max(map(len, whole.splitlines())) + 2 >= width


def test_a_cut_name_keeps_both_ends() -> None:
    """The stage is at the start of an id, the parameter that differs at its end."""
    assert "tests…res')" == wording.cut("tests-3.12(db='postgres')", 11)
    assert "lint" == wording.cut("lint", 4)


@pytest.mark.parametrize(
    ("session", "posargs", "noxfile", "expected"),
    [
        ("lint", (), "noxfile.py", "nox -s lint"),
        ("tests-3.12(api)", ("-k", "name"), "noxfile.py", 'nox -s "tests-3.12(api)" -- -k name'),
        ("tests(db='x')", ("a b",), "noxfile.py", """nox -s "tests(db='x')" -- "a b\""""),
        ("lint", (), "../noxfile.py", "nox -f ../noxfile.py -s lint"),
    ],
)
def test_the_line_that_repeats_a_job(session: str, posargs: tuple[str, ...], noxfile: str, expected: str) -> None:
    """What is not the default is said, and nothing else."""
    assert expected == wording.repeat(session, posargs, noxfile)


@pytest.mark.parametrize(
    "word", ["a and not 'b'", '$HOME `x` "q" *', "", "--", "ü\n2", "back\\slash", "wow!", "'\"'", "~", "a;b&c|d"]
)
def test_the_line_that_repeats_a_job_survives_a_shell(word: str) -> None:
    """Quotes, dollars, stars, empty words: a shell reads back exactly what was meant."""
    line = wording.repeat("tests(x='[a b]')", (word,), "noxfile.py")

    read = subprocess.run(
        ["sh", "-c", line.replace("nox", "printf '%s\\0'", 1)], capture_output=True, check=True, text=True
    )

    assert ["-s", "tests(x='[a b]')", "--", word] == read.stdout.split("\0")[:-1]
