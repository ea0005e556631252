"""`isonox verify` from the command line: on what isonox wrote, and on files of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.github.conftest import setting_of

from isonox.cli import main
from isonox.github import files
from isonox.model.plan import Selection
from isonox.verbs.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

CI = ".github/workflows/ci.yml"
NOXFILE = """
import nox

@nox.session(python=False)
def lint(session):
    '''Look.'''

@nox.session(python=False, requires=["lint"])
def tests(session):
    '''Try.'''
"""
BY_HAND = """\
on: pull_request
concurrency: ci
jobs:
  lint:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps: [{run: ruff check}]
  gate:
    if: always()
    needs: lint
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps: [{run: exit 1, if: needs.lint.result != 'success'}]
"""


@pytest.fixture
def written(repository: MakeRepository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with the workflows that isonox writes for it, and the current folder."""
    repo = repository({"noxfile.py": NOXFILE})
    monkeypatch.chdir(repo.path)
    plan = Checkout.here().plan(Selection())
    repo.write(files.generate(plan, setting_of(plan), codeql=True))
    return repo


@pytest.fixture
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workflow that somebody wrote, in a folder that is no repository."""
    path = tmp_path / CI
    path.parent.mkdir(parents=True)
    path.write_text(BY_HAND, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("written")
def test_what_isonox_wrote_is_proved(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument; other workflows beside it have no gate, and are left alone."""
    code = main(["verify"])

    *_, last = capsys.readouterr().out.splitlines()
    assert 0 == code
    assert last.startswith("proved: the gate is green exactly when every one of 2 jobs passed, was cached or waived: ")
    assert last.endswith(" s")


def test_a_mistake_is_shown_with_its_place_and_story(written: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """What happens, what GitHub does, what the gate says, what it should, and where the cause is."""
    path = written.path / CI
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("]\n    if: always()", "]\n    if: ${{ !cancelled() }}"), encoding="utf-8")

    code = main(["verify"])

    out = capsys.readouterr().out
    line = text[: text.index("]\n    if: always()")].count("\n") + 2
    assert 1 == code
    assert f"1. {CI}:{line}: `if: ${{{{ !cancelled() }}}}` of the gate: the gate gets skipped" in out
    assert "then:       job 'lint' runs when the run is cancelled" in out
    assert "GitHub:     lint cancelled, tests skipped, gate skipped" in out
    assert "the gate:   green" in out
    assert "it should:  be red: no job ran 'lint'" in out
    assert "fix:        if: always()" in out
    assert out.splitlines()[-1].startswith("not proved: 1 counter-example, 1 finding: ")


@pytest.mark.usefixtures("by_hand")
def test_a_workflow_of_others_needs_no_noxfile(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor a repository."""
    assert 0 == main(["verify", CI])
    assert "every one of 1 jobs succeeded" in capsys.readouterr().out


def test_what_else_should_be_otherwise_counts_unless_only_the_gate_is_asked_for(
    by_hand: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate is proved; the file is not as it should be."""
    by_hand.write_text(BY_HAND.replace("    timeout-minutes: 5\n", "", 1), encoding="utf-8")

    assert 1 == main(["verify", CI])
    out = capsys.readouterr().out
    assert f"{CI}:5: job 'lint' has no `timeout-minutes`" in out
    assert out.endswith("; but 1 thing in the file should be otherwise (--only-gate leaves it out)\n")
    assert 0 == main(["verify", CI, "--only-gate"])
    assert "timeout-minutes" not in capsys.readouterr().out


@pytest.mark.usefixtures("by_hand")
def test_the_document_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Versioned JSON."""
    assert 0 == main(["verify", CI, "--json"])

    document = json.loads(capsys.readouterr().out)
    assert 1 == document["version"]
    (one,) = document["workflows"]
    assert one["proved"]
    assert ("hand-written", "gate", 1) == (one["proof"]["shape"], one["proof"]["gate"], one["proof"]["jobs"])
    assert {"no fault": 1, "one fault": 6} == one["proof"]["cases"]
    assert [] == one["hardening"]


def test_a_file_that_is_not_committed_is_noted(written: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """GitHub has another one, or none."""
    text = (written.path / CI).read_text(encoding="utf-8")
    (written.path / CI).write_text(f"{text}# more\n", encoding="utf-8")
    (written.path / "new.yml").write_text(BY_HAND, encoding="utf-8")

    notes = []
    for name in ("new.yml", CI, CI):
        main(["verify", name])
        notes.append([line for line in capsys.readouterr().out.splitlines() if "committed" in line])
        if name == CI:
            written.write({CI: text})

    assert [
        ["note: new.yml is not committed"],
        [f"note: {CI} is not committed as it is: it differs from HEAD"],
        [],
    ] == notes


def test_a_gate_that_is_not_found_has_to_be_named(by_hand: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and how to name it."""
    by_hand.write_text(
        BY_HAND.replace("  gate:", "  last:").replace("needs.lint.result", "github.sha"), encoding="utf-8"
    )

    assert 2 == main(["verify", CI])
    assert "--gate JOB" in capsys.readouterr().err
    assert 1 == main(["verify", CI, "--gate", "last"])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "can't read"), ("a: [", f"{CI}:1: "), ("on: push\n", "there are no `jobs`")],
    ids=["missing", "no YAML", "no workflow"],
)
def test_a_file_that_can_not_be_read_is_an_error(
    by_hand: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    """Exit 2, with the place."""
    by_hand.unlink() if content is None else by_hand.write_text(content, encoding="utf-8")

    assert 2 == main(["verify", CI])
    assert message in capsys.readouterr().err


def test_without_workflows_the_error_says_how_to_get_them(
    repository: MakeRepository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2."""
    monkeypatch.chdir(repository({"noxfile.py": NOXFILE}).path)

    assert 2 == main(["verify"])
    assert "hint: isonox workflows writes it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (CI, "--no-dependencies -s", "--no-dependencies --install-only -s"),
        (".github/actions/set-up/action.yml", "fetch-depth: 0", "ref: main"),
        (".github/actions/keep-records/action.yml", "retention-days: 7", "retention-days: 1"),
    ],
)
def test_what_isonox_wrote_and_somebody_edited_is_not_proved(
    written: Repository, capsys: pytest.CaptureFixture[str], name: str, before: str, after: str
) -> None:
    """Work could be left out in more ways than a model knows."""
    text = (written.path / name).read_text(encoding="utf-8")
    assert before in text
    written.write({name: text.replace(before, after)})

    code = main(["verify"])

    said = capsys.readouterr().out
    assert 1 == code
    assert f"{name}:1: this file was edited by hand after isonox wrote it" in said
    assert "\nnot proved: " in said


def test_the_gates_name_is_taken_elsewhere(by_hand: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Branch protection can't tell the checks apart."""
    other = by_hand.with_name("other.yml")
    other.write_text(BY_HAND.replace("  gate:\n", "  tests:\n    name: Gate\n"), encoding="utf-8")

    code = main(["verify", "--only-gate", str(by_hand)])

    assert 1 == code
    assert "job 'tests' has the name of the gate, 'gate'" in capsys.readouterr().out


def test_pull_request_target_is_no_pull_request(by_hand: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs on the code of the branch that the pull request goes to."""
    by_hand.write_text(BY_HAND.replace("on: pull_request", "on: pull_request_target"), encoding="utf-8")

    code = main(["verify", "--only-gate", str(by_hand)])

    assert 1 == code
    assert "no pull request starts this workflow" in capsys.readouterr().out
