"""`[tool.isonox]`: defaults, and every problem at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from isonox.errors import ConfigurationError, ConfigurationErrors
from isonox.model.config import Config, Licenses, Quarantined
from isonox.workspace import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tree = Callable[..., Path]


def problems(root: Path) -> tuple[str, ...]:
    """Return what loading the configuration of `root` complains about."""
    with pytest.raises(ConfigurationErrors) as caught:
        config.load(root)
    return caught.value.problems


def test_without_pyproject_all_is_default(tmp_path: Path) -> None:
    """No file, no configuration, no error."""
    assert Config() == config.load(tmp_path)
    assert Config().runner == "ubuntu-24.04"
    assert Config().branches == ("main",)


def test_every_key_is_read(tree: Tree) -> None:
    """The keys of the reference, each with a value other than its default."""
    root = tree(
        {
            "pyproject.toml": """
            [tool.isonox]
            packages = ["libs/*", "."]
            pythons = ["3.12", "3.13t", "pypy3.10"]
            ci = ["lint", "tests"]
            pass-env = ["AWS_PROFILE"]
            licenses = { allow = ["MIT"], deny = ["GPL-3.0"], ignore = { left-pad = "vendored" } }
            runner = "ubuntu-24.04-arm"
            branches = ["main", "release/*"]
            codecov = "required"
            target-minutes = 7.5
            remote-cache = true
            affected = true

            [[tool.isonox.quarantine]]
            test = "tests/test_it.py::test_late"
            owner = "mail team"
            until = 2026-12-31
            reason = "the clock"
        """
        }
    )

    assert config.load(root) == Config(
        packages=("libs/*", "."),
        pythons=("3.12", "3.13t", "pypy3.10"),
        ci=("lint", "tests"),
        pass_env=("AWS_PROFILE",),
        licenses=Licenses(allow=("MIT",), deny=("GPL-3.0",), ignore={"left-pad": "vendored"}),
        runner="ubuntu-24.04-arm",
        branches=("main", "release/*"),
        codecov="required",
        target_minutes=7.5,
        remote_cache=True,
        affected=True,
        quarantine=(
            Quarantined(
                test="tests/test_it.py::test_late", owner="mail team", until=date(2026, 12, 31), reason="the clock"
            ),
        ),
    )


def test_all_problems_come_at_once(tree: Tree) -> None:
    """Each says file and key; a misspelt key gets a suggestion."""
    root = tree(
        {
            "pyproject.toml": """
            [tool.isonox]
            package = ["libs/*"]
            pythons = ["3", 3.10, true, "3.12", "3.12"]
            ci = "lint"
            pass-env = ["A B", "OK"]
            runner = 24.04
            branches = []
        """
        }
    )

    assert problems(root) == (
        "pyproject.toml: tool.isonox.package: unknown key (did you mean 'packages'?)",
        "pyproject.toml: tool.isonox.pythons[0]: '3' is no Python version such as \"3.12\"",
        (
            "pyproject.toml: tool.isonox.pythons[1]: 3.1 is a number, and 3.10 would be 3.1: write it in quotes, "
            'such as "3.10"'
        ),
        "pyproject.toml: tool.isonox.pythons[2]: expected a string, got a boolean",
        "pyproject.toml: tool.isonox.pythons[4]: '3.12' is there twice",
        "pyproject.toml: tool.isonox.ci: expected a list of strings, got the string 'lint'",
        "pyproject.toml: tool.isonox.pass-env[0]: 'A B' is no name of an environment variable",
        "pyproject.toml: tool.isonox.runner: expected a string, got the number 24.04",
        "pyproject.toml: tool.isonox.branches: names no branch, so nothing would ever be checked on a push",
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("licenses = []", "licenses: expected a table, got a list"),
        ("licenses = { alow = [] }", "licenses.alow: unknown key (did you mean 'allow'?)"),
        ("licenses = { allow = ['MIT'], deny = ['MIT'] }", "licenses.deny: 'MIT' is allowed as well"),
        ("licenses = { allow = 'MIT' }", "licenses.allow: expected a list of strings, got the string 'MIT'"),
        (
            "licenses = { ignore = ['x'] }",
            "licenses.ignore: expected a table of package names and reasons, got a list",
        ),
        (
            "licenses.ignore.x = ' '",
            'licenses.ignore.x: needs a reason, such as "vendored; reviewed by legal"',
        ),
        ("pythons = { x = 1 }", 'pythons: expected a list of strings such as ["3.12"], got a table'),
        ("packages = ['a', 'a']", "packages[1]: 'a' is there twice"),
        ("packages = ['']", "packages[0]: is empty"),
        ("ci = [2026-11-21]", "ci[0]: expected a string, got a date or time"),
        ("runner = ' '", "runner: is empty"),
        ("target-minutes = 0", "target-minutes: 0 must be more than 0 and finite"),
        ("target-minutes = '5'", "target-minutes: expected a number of minutes, got the string '5'"),
        ("remote-cache = 1", "remote-cache: expected true or false, got the number 1"),
        ("codecov = 'yes'", "codecov: expected true, false or \"required\", got the string 'yes'"),
        ("affected = 'yes'", "affected: expected true or false, got the string 'yes'"),
    ],
)
def test_one_problem(tree: Tree, line: str, problem: str) -> None:
    """What else can be wrong with a value."""
    root = tree({"pyproject.toml": f"[tool.isonox]\n{line}\n"})

    assert problems(root) == (f"pyproject.toml: tool.isonox.{problem}",)


def test_the_section_must_be_a_table(tree: Tree) -> None:
    """`isonox = "yes"` is no configuration."""
    root = tree({"pyproject.toml": "[tool]\nisonox = 'yes'\n"})

    assert problems(root) == ("pyproject.toml: tool.isonox: expected a table, got the string 'yes'",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project]\nname = \n", "pyproject.toml:2: not valid TOML: Invalid value"),
        ("[project]\nname = 'x", "pyproject.toml:2: not valid TOML: "),
    ],
)
def test_invalid_toml_is_told_with_its_line(tree: Tree, text: str, message: str) -> None:
    """A syntax error, in the middle and at the end of the file."""
    with pytest.raises(ConfigurationError) as caught:
        config.load(tree({"pyproject.toml": text}))

    assert caught.value.message.startswith(message)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    (tmp_path / "pyproject.toml").write_bytes(b"# \xff")

    with pytest.raises(ConfigurationError, match="no UTF-8 at byte 2"):
        config.load(tmp_path)


PROJECT = "[project]\nname = 'x'\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROJECT + "classifiers = ['Programming Language :: Python :: 3.9', "
                   "'Programming Language :: Python :: 3.10', 'Programming Language :: Python :: 3']",
         ("3.9", "3.10")),
        (PROJECT + "requires-python = '>=3.11'", ("3.11", "3.12", "3.13")),
        (PROJECT + "requires-python = '>3.10.4,<3.13,!=3.11.*'", ("3.10", "3.12")),
        (PROJECT + "requires-python = '~=3.12'", ("3.12", "3.13")),
        (PROJECT + "requires-python = '==3.11.*'", ("3.11",)),
        (PROJECT + "requires-python = '>=3.14'", ("3.14",)),
        (PROJECT + "requires-python = '<4'", ()),
        (PROJECT + "requires-python = '>=2.7'", ()),
        (PROJECT + "requires-python = 'three'", ()),
        (PROJECT, ()),
        ("[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '^3.12'", ("3.12", "3.13")),
        ("[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '~3.12'", ("3.12",)),
        ("[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '3.12.*'", ("3.12",)),
        ("[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '>=3.11 <3.13'", ("3.11", "3.12")),
        ("[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '^3.8 || ^3.12'", ()),
        (PROJECT + "requires-python = '>=3.12'\n[tool.isonox]\npythons = []", ()),
    ],
)  # fmt: skip
def test_default_pythons(tree: Tree, text: str, expected: tuple[str, ...]) -> None:
    """Classifiers, else the minors that `requires-python` surely means, else none."""
    assert expected == config.load(tree({"pyproject.toml": text})).pythons


def test_default_pythons_of_a_virtual_root_are_its_members(tree: Tree) -> None:
    """The union, oldest first."""
    root = tree(
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*']\n",
            "libs/a/pyproject.toml": "[project]\nname = 'a'\nrequires-python = '>=3.13'\n",
            "libs/b/pyproject.toml": "[project]\nname = 'b'\nrequires-python = '>=3.9,<3.11'\n",
        }
    )

    assert config.load(root).pythons == ("3.9", "3.10", "3.13")


def test_default_pythons_need_no_git(tree: Tree) -> None:
    """A root with settings only, outside a repository: nothing is known."""
    assert config.load(tree({"pyproject.toml": "[tool.ruff]\n"})).pythons == ()


def test_a_quarantine_without_an_owner_or_an_end_is_refused(tree: Tree) -> None:
    """Each entry says which test, who, until when and why; a date is no text, and no time."""
    root = tree(
        {
            "pyproject.toml": """
            [[tool.isonox.quarantine]]
            test = "a"
            until = "2026-12-31"
            reason = ""
            [[tool.isonox.quarantine]]
            test = "a"
            owner = "me"
            until = 2026-12-31T10:00:00Z
            reason = "why"
            untill = 1
            """
        }
    )
    where = "pyproject.toml: tool.isonox.quarantine"

    assert (
        f"{where}[0]: has no 'owner'; test, owner, until and reason are needed",
        f"{where}[0].until: expected a date without quotes, such as 2026-12-31, got the string '2026-12-31'",
        f"{where}[0].reason: is empty",
        f"{where}[1].untill: unknown key (did you mean 'until'?)",
        f"{where}[1].until: expected a date without quotes, such as 2026-12-31, got a date or time",
        f"{where}[1].test: 'a' is there twice",
    ) == problems(root)

    tree({"pyproject.toml": "[tool.isonox.quarantine]\ntest = 'a'\n"})
    assert (f"{where}: expected a list of tables, each written as [[tool.isonox.quarantine]]",) == problems(root)
