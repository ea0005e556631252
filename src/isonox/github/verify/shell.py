"""The few lines of shell that gates are written in: tests, `exit`, `if`, `for`, `&&` and `||`.

A script with anything else is not modelled, and whoever asked is told so: nothing is guessed.
Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html (the POSIX shell), with bash's `[[`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Runs what the shell itself does not have: words and standard input in, exit status out; may raise `NotModelled`.
Command: TypeAlias = "Callable[[Sequence[str], str], int]"

_TOKEN = re.compile(
    r"""
      [ \t]+ | \\\n | (?<!\S)\#[^\n]*
    | (?P<redirect> <<< | \d?>>?(?:&\d)? | &> )
    | (?P<operator> && | \|\| | [\n;|] )
    | (?P<word> (?: "(?:[^"\\]|\\.)*" | '[^']*' | \\. | [^\s;&|<>()`'"\\] )+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(
    r"""'(?P<raw>[^']*)'|"(?P<quoted>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<bare>[^'"\\]+)""", re.DOTALL
)
_VARIABLE = re.compile(r"\\(?P<escaped>[$`\"\\])|\$(?:(?P<name>\w+)|\{(?P<braced>\w+)\})|(?P<bad>[$`])")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_UNKNOWN_WORDS = frozenset(
    {"while", "until", "case", "function", "select", "{", "trap", "source", ".", "eval", "break", "continue", "return"}
)
#: `&&` and `||` between `[[` and `]]`, which no variable can become.
_AND, _OR = "\0&&", "\0||"
_EQUAL, _UNEQUAL = frozenset({"=", "==", "-eq"}), frozenset({"!=", "-ne"})


class NotModelled(Exception):  # noqa: N818 - it is no error: the script is just more than this module knows
    """The script does something that is not modelled."""


class _Exit(Exception):  # noqa: N818 - the script's way to end
    def __init__(self, status: int) -> None:
        self.status = status


class _Simple(NamedTuple):
    words: tuple[str, ...]
    redirects: tuple[tuple[str, str], ...] = ()


class _If(NamedTuple):
    branches: tuple[tuple[tuple[_Chain, ...], tuple[_Chain, ...]], ...]
    otherwise: tuple[_Chain, ...]


class _For(NamedTuple):
    variable: str
    words: tuple[str, ...]
    body: tuple[_Chain, ...]


class _Pipe(NamedTuple):
    negated: bool
    commands: tuple[_Simple | _If | _For, ...]


class _Chain(NamedTuple):
    """Pipelines, each but the first with the operator before it."""

    parts: tuple[tuple[Literal["", "&&", "||"], _Pipe], ...]


def run(script: str, env: Mapping[str, str], command: Command, *, pipefail: bool) -> tuple[int, tuple[str, ...]]:
    """Run a script as `bash -e` does.

    Args:
        script: The text, GitHub's expressions filled in.
        env: Variables.
        command: See `Command`.
        pipefail: Whether a pipeline fails with any of its commands: GitHub sets it for `shell: bash`.

    Returns:
        The exit status, and the commands that are not modelled and were taken to succeed.

    Raises:
        NotModelled: The outcome depends on something that this module does not know.
    """
    machine = _Machine(dict(env), command, pipefail=pipefail)
    try:
        status = machine.every(_parse(script))
    except _Exit as end:
        status = end.status
    return status, tuple(machine.passed_over)


class _Machine:
    def __init__(self, env: dict[str, str], command: Command, *, pipefail: bool) -> None:
        self.env = env
        self.command = command
        self.pipefail = pipefail
        self.passed_over: list[str] = []

    def every(self, chains: Sequence[_Chain], *, tested: bool = False) -> int:
        """Run one after another; `tested` are those of an `if`, whose failure ends nothing."""
        status = 0
        for chain in chains:
            status = self.chain(chain, tested=tested)
        return status

    def chain(self, chain: _Chain, *, tested: bool) -> int:
        status, ends = 0, False
        for number, (operator, pipe) in enumerate(chain.parts):
            if operator and (operator == "&&") != (status == 0):
                ends = False
                continue
            alone = len(chain.parts) == 1 and not (tested or pipe.negated) and isinstance(pipe.commands[0], _Simple)
            status = self.pipe(pipe, alone=alone)
            ends = number == len(chain.parts) - 1 and not pipe.negated
        if status and ends and not tested:
            raise _Exit(status)
        return status

    def pipe(self, pipe: _Pipe, *, alone: bool) -> int:
        statuses = []
        text = ""
        try:
            for one in pipe.commands:
                status, text = self.simple(one, text) if isinstance(one, _Simple) else (self.compound(one), "")
                statuses.append(status)
        except NotModelled as reason:
            if not alone:
                raise
            self.passed_over.append(str(reason))
            return 0
        status = next((one for one in reversed(statuses) if one), 0) if self.pipefail else statuses[-1]
        return int(not status) if pipe.negated else status

    def compound(self, command: _If | _For) -> int:
        if isinstance(command, _For):
            status = 0
            for word in [word for one in command.words for word in self.expanded(one, whole=False)]:
                self.env[command.variable] = word
                status = self.every(command.body)
            return status
        for test, body in command.branches:
            if self.every(test, tested=True) == 0:
                return self.every(body)
        return self.every(command.otherwise)

    def simple(self, command: _Simple, given: str) -> tuple[int, str]:
        """Return status and, where the next command of a pipeline needs it, standard output."""
        name = command.words[0] if command.words else ""
        if name in ("echo", "printf"):
            if any("GITHUB_OUTPUT" in target or "GITHUB_ENV" in target for _, target in command.redirects):
                raise NotModelled("sets outputs")
            return 0, ""
        whole = name == "[["  # which splits nothing and drops nothing
        words = [word for one in command.words for word in self.expanded(one, whole=whole)]
        for operator, target in command.redirects:
            if operator == "<<<":
                given = "".join(self.expanded(target, whole=True))
        while words and (match := _ASSIGNMENT.fullmatch(words[0])):
            self.env[match["name"]] = match["value"]
            del words[0]
        if not words:
            return 0, ""
        if words[0] == "tr" and words[1:] == ["\\n", "\\0"]:
            return 0, given.replace("\n", "\0")
        if words[:2] == ["xargs", "-0"]:
            return self.command([*words[2:], *given.removesuffix("\0").split("\0")], ""), ""
        return self.builtin(words, given), ""

    def builtin(self, words: list[str], given: str) -> int:
        match words:
            case ["true" | ":" | "tee", *_]:
                return 0
            case ["false", *_]:
                return 1
            case ["exit"]:
                raise _Exit(0)
            case ["exit", status] if status.isdecimal():
                raise _Exit(int(status) % 256)
            case ["set", *options] if not any(option.startswith("+") for option in options):
                self.pipefail = self.pipefail or "pipefail" in options
                return 0
            case ["[[", *test, "]]"]:
                return min(max(map(_test, _split(part, _AND))) for part in _split(test, _OR))
            case ["[", *test, "]"] | ["test", *test]:
                return _test(test)
        return self.command(words, given)

    def expanded(self, word: str, *, whole: bool) -> list[str]:
        """Return what a word becomes: nothing where it is an unquoted, empty variable, unless it stays whole."""
        found, quoted = [], False
        for piece in _PIECE.finditer(word):
            quoted = quoted or piece["bare"] is None
            if piece["raw"] is not None or piece["escaped"] is not None:
                found.append(piece["raw"] or piece["escaped"] or "")
            else:
                found.append(_VARIABLE.sub(self.value, piece["quoted"] or piece["bare"] or ""))
        text = "".join(found)
        if whole or quoted or "$" not in word:
            return [text]
        return text.split()

    def value(self, match: re.Match[str]) -> str:
        if match["bad"]:
            raise NotModelled(f"uses {match.string[match.start() :][:20]}")
        name = match["name"] or match["braced"] or ""
        if name not in self.env and name.startswith(("GITHUB_", "RUNNER_")):
            raise NotModelled(f"reads ${name}")
        return match["escaped"] or self.env.get(name, "")


def _split(words: list[str], operator: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words:
        found[-1:] = [found[-1], []] if word == operator else [[*found[-1], word]]
    return found


def _test(test: Sequence[str]) -> int:
    """Return the exit status of a test: 2 for one that lost an operand, as `[ $EMPTY = x ]` does."""
    match test:
        case ["!", *rest]:
            return (1, 0, 2)[_test(rest)]
        case [left, operator, right] if operator in _EQUAL | _UNEQUAL:
            if any(sign in right for sign in "*?["):
                raise NotModelled(f"compares with a pattern: {right}")
            return int((left == right) != (operator in _EQUAL))
        case [operator, _] if operator in _EQUAL | _UNEQUAL:
            return 2
        case ["-n", text] | [text]:
            return int(not text)
        case ["-z", text]:
            return int(bool(text))
        case []:
            return 1
    raise NotModelled(f"tests {' '.join(test)}")


@lru_cache(maxsize=4096)
def _parse(script: str) -> tuple[_Chain, ...]:
    parser = _Parser(script)
    found = parser.chains(())
    if parser.tokens:
        raise NotModelled(f"has {parser.tokens[-1][1]!r} where it is not understood")
    return found


class _Parser:
    def __init__(self, script: str) -> None:
        found = [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(script) if match.lastgroup]
        if odd := next((text for kind, text in found if kind == "other"), ""):
            raise NotModelled(f"uses {odd}")
        self.tokens = found[::-1]

    def next(self, kind: str = "", *texts: str) -> str:
        """Take the next token if it is of this kind, and one of these texts; else return an empty string."""
        if self.tokens and self.tokens[-1][0] == kind and (not texts or self.tokens[-1][1] in texts):
            return self.tokens.pop()[1]
        return ""

    def chains(self, ends: Sequence[str]) -> tuple[_Chain, ...]:
        found = []
        while self.tokens and self.tokens[-1][1] not in ends:
            if not self.next("operator", "\n", ";"):
                found.append(self.chain())
        return tuple(found)

    def chain(self) -> _Chain:
        parts: list[tuple[Literal["", "&&", "||"], _Pipe]] = [("", self.pipe())]
        while operator := self.next("operator", "&&", "||"):
            while self.next("operator", "\n"):
                pass
            parts.append(("&&" if operator == "&&" else "||", self.pipe()))
        return _Chain(tuple(parts))

    def pipe(self) -> _Pipe:
        negated = bool(self.next("word", "!"))
        commands = [self.command()]
        while self.next("operator", "|"):
            commands.append(self.command())
        return _Pipe(negated, tuple(commands))

    def command(self) -> _Simple | _If | _For:
        if self.next("word", "if"):
            return self.conditional()
        if self.next("word", "for"):
            return self.loop()
        words, redirects = [], []
        while True:
            if word := self.next("word"):
                words.append(word)
            elif words[:1] == ["[["] and words[-1] != "]]" and (operator := self.next("operator", "&&", "||", "\n")):
                words.extend([f"\0{operator}"] if operator != "\n" else [])
            elif redirect := self.next("redirect"):
                redirects.append((redirect, "" if "&" in redirect[1:] else self.next("word")))
            else:
                break
        if not words or words[0] in _UNKNOWN_WORDS or (words[0] == "[[" and words[-1] != "]]"):
            raise NotModelled(f"uses {words[0] if words else 'more than simple commands'}")
        return _Simple(tuple(words), tuple(redirects))

    def loop(self) -> _For:
        variable, word = self.next("word"), self.next("word", "in")
        words = []
        while one := self.next("word"):
            words.append(one)
        if not word or any(sign in one for one in words for sign in "*?[~") or not self.next("operator", "\n", ";"):
            raise NotModelled("has a `for` over something else than words")
        while self.next("operator", "\n"):
            pass
        begun = self.next("word", "do")
        body = self.chains(("done",))
        if not begun or not self.next("word", "done"):
            raise NotModelled("has a `for` without `do` and `done`")
        return _For(variable, tuple(words), body)

    def conditional(self) -> _If:
        branches = []
        otherwise: tuple[_Chain, ...] = ()
        word = "elif"
        while word == "elif":
            test = self.chains(("then",))
            self.next("word", "then")
            branches.append((test, self.chains(("elif", "else", "fi"))))
            word = self.next("word", "elif", "else", "fi")
        if word == "else":
            otherwise = self.chains(("fi",))
            word = self.next("word", "fi")
        if word != "fi":
            raise NotModelled("has an `if` without `fi`")
        return _If(tuple(branches), otherwise)
