"""The noxfile by its statements."""

from __future__ import annotations

import inspect

import pytest

from isonox.cache.statements import split

NOXFILE = inspect.cleandoc(
    '''
    """A noxfile."""
    import isonox
    from isonox import stages

    LIMIT = 3


    @isonox.session(
        tags=["style"],
    )
    def lint(session):
        session.run("ruff", "check")


    stages.tests()


    def helper():
        return LIMIT
    '''
)
LINT, TESTS = 8, 15


def hashes(source: str) -> tuple[str, str, str]:
    """Return the hash of what is common, of lint, and of tests."""
    found = split(source.encode())
    return found.common, found.declarations[LINT], found.declarations[TESTS]


def test_a_change_concerns_one_session_or_what_is_common() -> None:
    """Each of the three hashes stands for its own statements."""
    common, lint, tests = hashes(NOXFILE)

    assert (common, lint, tests) != hashes(NOXFILE.replace('"check"', '"format"'))
    assert (common, tests) == hashes(NOXFILE.replace('"check"', '"format"'))[::2]
    assert (common, lint) == hashes(NOXFILE.replace("stages.tests()", "stages.tests(markers='unit')"))[:2]
    assert (lint, tests) == hashes(NOXFILE.replace("LIMIT = 3", "LIMIT = 4"))[1:]
    assert common != hashes(NOXFILE.replace("LIMIT = 3", "LIMIT = 4"))[0]
    assert common != hashes(NOXFILE.replace("return LIMIT", "return LIMIT + 1"))[0]


def test_layout_and_comments_do_not_count() -> None:
    """They change no result."""
    assert hashes(NOXFILE) == hashes(NOXFILE.replace("LIMIT = 3", "LIMIT  =  3  # the limit"))


def test_every_line_of_a_statement_means_it() -> None:
    """A decorator may take several lines, and Python names one of them."""
    found = split(NOXFILE.encode())

    assert dict.fromkeys(range(LINT, LINT + 5), found.declarations[LINT]) == {
        line: digest for line, digest in found.declarations.items() if line < TESTS
    }


@pytest.mark.parametrize(
    "statement",
    [
        "@isonox.session\ndef one(session): pass",
        "@isonox.session()\ndef one(session): pass",
        "@isonox.session(python='3.12')\n@nox.parametrize('x', [1])\ndef one(session): pass",
        "@isonox.session\ndef one(session): one(session)",
        "stages.lint()",
        "isonox.stages.tests(workers=2)",
        "checks.tests()",
        "ruff()",
    ],
)
def test_what_only_declares_stands_for_itself(statement: str) -> None:
    """However isonox was imported."""
    head = "import isonox, nox\nimport isonox.stages as checks\nfrom isonox import stages\n"
    head += "from isonox.stages import lint as ruff\n"
    line = head.count("\n") + 1

    assert split(head.encode()).common == split(f"{head}{statement}".encode()).common
    assert line in split(f"{head}{statement}".encode()).declarations


@pytest.mark.parametrize(
    "statement",
    [
        "@nox.session\ndef one(session): pass",
        "@isonox.session\n@register\ndef one(session): pass",
        "@isonox.session\ndef helper(session): pass",
        "for name in ('a', 'b'):\n    stages.lint(name=name)",
        "other.lint()",
        "stages.lint().name",
        "stages.x.lint()",
        "stages = isonox.stages\nstages.lint()",
        "lint = stages.lint()",
        "x = 1",
        "@isonox.session\ndef one(session, x=REGISTRY.update(want=1)): pass",
        "@isonox.session(tags=(TAGS := ['a']))\ndef one(session): pass",
        "stages.lint(tags=(TAGS := ['a']))",
    ],
)
def test_what_may_do_more_is_common(statement: str) -> None:
    """A loop, a helper, a plain session, a function that another one calls, a name that is given away."""
    head = "import isonox, nox\nfrom isonox import stages\ndef other_session(session): helper(session)\n"

    assert split(head.encode()).common != split(f"{head}{statement}".encode()).common
    assert {} == split(f"{head}{statement}".encode()).declarations


def test_all_declarations_on_one_line_count() -> None:
    """A session only knows the line that it was declared at."""
    text = "from isonox import stages\nstages.lint(name='one'); stages.lint(name='two')"

    found = [split(one.encode()).declarations[2] for one in (text, text.replace("one", "1"), text.replace("two", "2"))]

    assert 3 == len(set(found))


def test_where_a_session_stands_among_the_common_statements_counts() -> None:
    """A constant may have another value there."""
    common, lint, tests = hashes(NOXFILE)
    moved = NOXFILE.replace("stages.tests()\n", "") + "\nstages.tests()\n"
    found = split(moved.encode())

    assert (common, lint) == (found.common, found.declarations[LINT])
    assert tests not in found.declarations.values()
