"""The summary of a run as GitHub Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox.model.record import TestCounts
from isonox.model.verdict import Verdict
from isonox.report import figures
from isonox.report.markdown import escape, fenced, markdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from isonox.model.events import RunEnded
    from isonox.model.plan import PlannedJob
    from isonox.model.record import Record
    from isonox.sessions.run_directory import RunDirectory


def test_the_whole_document(
    ended: Callable[..., RunEnded],
    job: Callable[..., PlannedJob],
    record: Callable[..., Record],
    directory: RunDirectory,
) -> None:
    """Verdict, table, cause with its command and log, waiver, figures."""
    one, two = job("tests(a|b)"), job("audit")
    directory.log_path(one.id).write_text("```\n<b>\n")
    failed = record(one, Verdict.FAILED, reason="a_b", tests=TestCounts(passed=1, failed=1))
    expected = """\
## red: 2 jobs: failed 1, waived 1

| stage | job | verdict | time | tests | note |
| --- | --- | --- | --- | --- | --- |
| tests\\(a\\|b\\) | tests\\(a\\|b\\) | failed | 1.0s | 1 passed, 1 failed | a\\_b |
| audit | audit | waived | 1.0s |  | no answer |

### failed: tests\\(a\\|b\\)

a\\_b

```text
nox -s "tests(a|b)"
```

<details><summary>end of its log</summary>

````text
```
<b>
````

</details>

**waived audit**: no answer

- 1 passed, 1 failed
- **time**: 3.0s for 2.0s of jobs
- **critical path**: 1.0s: tests\\(a\\|b\\)
- **records and logs**: .isonox/runs/20261121T104500Z-3fa94c
"""

    run = ended((one, failed), (two, record(two, Verdict.WAIVED, reason="no answer")), seconds=3.0)

    assert expected == markdown(figures.of_run(run))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain-3.12", "plain-3.12"),
        ("[x](y)", r"\[x\]\(y\)"),
        ("a|b\\", r"a\|b\\"),
        ("<img> @me #1", r"\<img\> \@me \#1"),
    ],
)
def test_escaped_text_means_itself(text: str, expected: str) -> None:
    """Links, cells, tags and mentions are text."""
    assert expected == escape(text)


@pytest.mark.parametrize(("text", "fence"), [("x", "```"), ("`````", "``````"), ("a ``` b", "````")])
def test_a_fence_is_longer_than_what_it_holds(text: str, fence: str) -> None:
    """A log can't break out of its block."""
    assert f"{fence}text\n{text}\n{fence}" == fenced(text)
