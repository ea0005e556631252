"""Scripts of gates end as bash ends them, and what is not understood is said, not guessed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from isonox.github.verify import shell

if TYPE_CHECKING:
    from collections.abc import Sequence

ENV = {"A": "success", "B": "failure", "EMPTY": "", "TWO": "x y", "LINES": "one\ntwo words\n"}

SCRIPTS = [
    "true",
    "false",
    ":",
    "exit 3",
    "exit",
    "false\ntrue",
    "true; false; true",
    "false || true",
    "false && true",
    "false && true\ntrue",
    "true && false",
    "true || exit 4",
    "! true",
    "! true\nexit 5",
    "! false",
    "[ $A = success ]",
    '[ "$A" != "success" ] && exit 1\ntrue',
    '[ "$A" == "failure" ] || exit 6',
    "[ '$A' = success ]",
    '[[ "$B" == success ]] || exit 1',
    "[[ $EMPTY == success ]]",
    "[[ $TWO == 'x y' ]]",
    "[ $EMPTY = success ]",
    "if [ $EMPTY != success ]; then exit 1; fi",
    'if [ "$EMPTY" != success ]; then exit 1; fi',
    "[ ! $A = success ]",
    "[ -z $EMPTY ]",
    '[ -n "$EMPTY" ]',
    "[ $A ]",
    "[ $EMPTY ]",
    'test "$A" = success',
    "test ${A} = suc${EMPTY}cess",
    'if [ "$A" = success ]; then\n  echo good\nelse\n  exit 1\nfi',
    "if false; then exit 1; elif [ $B = failure ]; then exit 2; else exit 3; fi",
    "if [ $A = success ] && [ $B = success ]; then exit 1; fi",
    "if true; then false; fi\nexit 9",
    "# exit 1\ntrue # exit 2",
    'echo "done: $A" >&2; exit 7',
    "echo 'it''s' \\\n  more\nexit 8",
    "set -euo pipefail\nfalse | true",
    "set -e\nfalse | true",
    "false | tee /dev/null",
    "[[ $A = b && $B = c ]]",
    "[[ $A == success && $B == failure ]]",
    "[[ $A == x || $B == failure && $EMPTY == '' ]]",
    "[[ $A == success || $B == x && $A == y ]]",
    "[[ ! $A == success &&\n$A == y ]] || exit 3",
    'if [[ "success" != "success" || $B != success ]]; then exit 4; fi',
    "for x in $A $B; do [ $x = success ] || exit 5; done",
    "for x in $A $A; do [ $x = success ] || exit 5; done",
    "for x in $TWO 'a b'\ndo\n  echo $x\ndone\n[ \"$x\" = 'a b' ]",
    "for x in $EMPTY; do exit 6; done",
    "for x in a b; do exit 1; done",
    "for x in a; do false; done; exit 7",
    "bad=0\nfor x in $A $B; do if [[ $x != success ]]; then bad=1; fi; done\nexit $bad",
    "X=$A; [ $X = success ]",
    "X=$A\nY='a b'\n[ \"$Y\" = 'a b' ] && [ $X = success ]",
]


def refuse(words: Sequence[str], given: str) -> int:
    """No command is known."""
    raise shell.NotModelled(f"runs {words[0]}")


@pytest.mark.parametrize("pipefail", [False, True])
@pytest.mark.parametrize("script", SCRIPTS)
def test_it_ends_as_bash_does(script: str, pipefail: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The same exit status, with and without pipefail."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    options = ["-eo", "pipefail"] if pipefail else ["-e"]
    done = subprocess.run([bash, *options, "-c", script], env=ENV, check=False, capture_output=True)

    assert (done.returncode, ()) == shell.run(script, ENV, refuse, pipefail=pipefail)


@pytest.mark.parametrize(
    ("script", "status", "passed_over"),
    [
        ("make x\nfalse", 1, ("runs make",)),
        ("jq -e . <<< $A", 0, ("runs jq",)),
        ("curl x | jq .", 0, ("runs curl",)),
        ("echo a=b >> $GITHUB_OUTPUT", 0, ("sets outputs",)),
        ("make $GITHUB_SHA", 0, ("reads $GITHUB_SHA",)),
    ],
)
def test_a_command_that_is_not_known_is_passed_over_and_named(
    script: str, status: int, passed_over: tuple[str, ...]
) -> None:
    """Only where nothing depends on how it ends."""
    assert (status, passed_over) == shell.run(script, ENV, refuse, pipefail=False)


@pytest.mark.parametrize(
    "script",
    [
        "make x || exit 1",
        "if make x; then exit 1; fi",
        'if [ "$(cat x)" = y ]; then exit 1; fi',
        "if [[ $A == succ* ]]; then exit 1; fi",
        "(exit 1)",
        "if true; then exit 1",
        "case $A in success) exit 1;; esac",
        "[ $A -gt 1 ] || exit 1",
        "for x in *; do exit 1; done",
        "for x; do exit 1; done",
        "for x in a b; exit 1; done",
        "for x in a b; do break; done",
        "[[ $A = success && ( $B = success || $B = failure ) ]]",
        "exit $(cat x) || true",
        "echo `x`",
        "'",
    ],
)
def test_what_is_not_understood_is_said(script: str) -> None:
    """No outcome is made up."""
    with pytest.raises(shell.NotModelled):
        shell.run(script, ENV, refuse, pipefail=False)


def test_commands_get_their_words_and_what_a_pipe_gives_them() -> None:
    """The way in which workflows hand sessions to nox, which may hold any character but a line's end."""
    seen = []

    def note(words: Sequence[str], given: str) -> int:
        seen.append(list(words))
        return 1

    script = """tr '\\n' '\\0' <<< "$LINES" | xargs -0 .env/bin/nox -s\n"""
    ended = shell.run(script, {"LINES": "one\ntwo words"}, note, pipefail=True)

    assert [[".env/bin/nox", "-s", "one", "two words"]] == seen
    assert (1, ()) == ended
