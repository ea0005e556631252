"""Text from unknown programs, made harmless."""

from __future__ import annotations

import pytest

from isonox.system import terminal


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\rdone\n", "done\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("bell\x07 null\x00 tab\t", "bell null tab\t"),
        ("\x1bPdevice\x1b\\control", "control"),
        ("ünï \U0001f600", "ünï \U0001f600"),
        ("cut off \x1b[", "cut off "),
    ],
)
def test_escapes_and_controls_are_removed(raw: str, shown: str) -> None:
    """What is left can neither move the cursor nor set the title."""
    assert shown == terminal.plain(raw)


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False), (None, False)]
)
def test_ci_is_what_the_variable_means(value: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - parametrised
    """`CI=false` is no CI, unlike for nox."""
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)

    assert expected == terminal.in_ci()


def test_data_ends_with_one_newline(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether it came with one or not."""
    terminal.write_data("a")
    terminal.write_data("b\n")

    assert "a\nb\n" == capsys.readouterr().out
