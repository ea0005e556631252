"""What is generated, judged by the programs that judge workflows; see the fixture `lint`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.github.conftest import ALONE, FACTS, LARGE, ODDLY, SMALL, generated, job, plan_of

from isonox.github import pins

if TYPE_CHECKING:
    from tests.github.conftest import Lint

    from isonox.model.plan import Plan


@pytest.mark.parametrize(
    ("plan", "changes"),
    [
        (SMALL, {"runner": "macos-15", "branches": ("main", "release/*", "v1.[0-9]")}),
        (plan_of(*LARGE.jobs, job("docs-3.14", "tests(api)", "lint", python="3.14")), {"environment": "staging two"}),
        (plan_of(*ODDLY.jobs, *ALONE.jobs, job("on", "yes"), job("tests")), {}),
        (plan_of(*LARGE.jobs, *ODDLY.jobs), {"folder": "exämples/my shop"}),
        (plan_of(*LARGE.jobs, job("coverage", "tests(api)")), {"codecov": True}),
        (LARGE, {"targeted": True, "remote_cache": True, "affected": True, "folder": "exämples/my shop"}),
    ],
    ids=["listed", "planned", "odd", "folder", "codecov", "stored"],
)
def test_no_linter_finds_anything(lint: Lint, plan: Plan, changes: dict[str, Any]) -> None:
    """With secrets, every permission, further interpreters, and names that nobody should choose."""
    lint(generated(plan, {"tests": FACTS}, **changes))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("persist-credentials", "persist-credential", "artipacked"),
        (f"@{pins.shipped()['actions/checkout'].commit} #", "@v7 #", "unpinned-uses"),
        (" # the session asks for it", "", "undocumented-permissions"),
        ('-s "$SESSION"', "-s $SESSION", "SC2086"),
        ('<<< "$PYTHONS"', "<<< $PYTHON", "SC"),
        ("build-mode", "build-mod", 'input "build-mod" is not defined'),
        ("retention-days", "retention-day", 'input "retention-day" is not defined'),
        ("always()", "ever()", 'undefined function "ever"'),
        ("    required: true", "    requird: true", 'unexpected key "requird"'),
    ],
)
def test_the_linters_find_what_is_wrong(lint: Lint, old: str, new: str, said: str) -> None:
    """Each of them does look, also at scripts, and at the inputs of actions in actions."""
    made = {name: text.replace(old, new) for name, text in generated(SMALL, {"tests": FACTS}).items()}
    assert made != generated(SMALL, {"tests": FACTS})

    with pytest.raises(AssertionError, match=re.escape(said)):
        lint(made)
