"""The docs stage: strict builds, and links followed in the site and in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict
from isonox.stages import links

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRepository


def _noxfile(options: str = "") -> dict[str, str]:
    return {"noxfile.py": f"from isonox import stages\n\nstages.docs({options})\n"}


def test_a_site_is_kept_and_what_leads_nowhere_is_red(repository: MakeRepository) -> None:
    """Mkdocs calls a bad anchor information; links of the README into the docs are nobody's business but ours."""
    repo = repository(_noxfile(), base="supply-chain")

    run = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert {"docs/site/index.html", "docs/site/counting/index.html"} <= set(run.record.artifacts)

    repo.write(
        {
            "docs/counting.md": "# Counting\n\n## By foot\n",
            "README.md": "# till\n\n[the manual](docs/index.md#use)\n[not there](docs/none.md)\n",
        }
    )
    broken = repo.run_nox("-s", "docs")

    assert broken.record.verdict is Verdict.FAILED
    assert "counting/#by-hand (no such anchor in counting/index.html) and 2 more" in broken.record.reason, broken.output
    found = {(finding.path, finding.line, finding.message) for finding in broken.record.findings}
    assert ("README.md", 3, "docs/index.md#use: no such heading in index.md") in found
    assert ("README.md", 4, "docs/none.md: no such file") in found

    repo.write({"docs/index.md": "# Manual\n\n[gone](gone.md)\n"})
    strict = repo.run_nox("-s", "docs")

    assert "mkdocs: exit 1" in strict.record.reason, strict.output
    assert any(finding.tool == "mkdocs" and "gone.md" in finding.message for finding in strict.record.findings)


def test_sphinx_warnings_are_errors(repository: MakeRepository) -> None:
    """It is found by its conf.py; a reference to nothing is red, with file and line."""
    sphinx = {"docs/conf.py": 'project = "till"\n', "docs/index.rst": "Till\n====\n\nAdds up.\n"}
    repo = repository({**_noxfile('group="manual"'), **sphinx}, base="supply-chain")
    repo.git("rm", "--quiet", "mkdocs.yml", "README.md")
    repo.write({"README.md": "# till\n"})

    run = repo.run_nox("-s", "docs")
    repo.write({"docs/index.rst": "Till\n====\n\n:doc:`nowhere`\n"})
    broken = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert "docs/site/index.html" in run.record.artifacts
    assert broken.record.verdict is Verdict.FAILED
    assert "sphinx: exit 1" in broken.record.reason, broken.output
    assert ("docs/index.rst", 4) in {(finding.path, finding.line) for finding in broken.record.findings}


def test_zensical_builds_what_mkdocs_yml_describes(repository: MakeRepository) -> None:
    """Where the group lists it instead of mkdocs; the site is copied from where it builds it, wherever that is."""
    files = {"mkdocs.yml": "site_name: till\nsite_dir: 'built'  # ignored by git\n", ".gitignore": ".nox/\nbuilt/\n"}
    repo = repository({**_noxfile('group="site"'), **files}, base="supply-chain")

    run = repo.run_nox("-s", "docs")
    repo.write({"docs/counting.md": "# Counting\n"})
    broken = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert "docs/site/counting/index.html" in run.record.artifacts
    assert broken.record.verdict is Verdict.FAILED
    assert "zensical: exit 1" in broken.record.reason, broken.output
    assert ("index.md", 5) in {(finding.path, finding.line) for finding in broken.record.findings}, broken.output


def test_nothing_to_build_is_red(repository: MakeRepository) -> None:
    """The hint says how to start."""
    repo = repository(_noxfile(), base="supply-chain")
    repo.git("rm", "--quiet", "mkdocs.yml")

    run = repo.run_nox("-s", "docs")

    assert run.record.verdict is Verdict.FAILED
    assert "there is no documentation to build" in run.record.reason, run.output
    assert "start with: echo" in run.output


def test_an_unknown_builder_is_refused_at_once() -> None:
    """With what was meant, probably."""
    with pytest.raises(ConfigurationError, match="did you mean 'sphinx'"):
        stages.docs(builder="sphynx")  # type: ignore[arg-type]


def test_links_of_a_site(tmp_path: Path) -> None:
    """Relative, absolute and directory links, sources of images, anchors by id and name; other hosts are not asked."""
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide/index.html").write_text('<h2 id="café">x</h2><a name="old"></a><a href="../">up</a>')
    (tmp_path / "page.html").write_text("")
    (tmp_path / "index.html").write_text(
        "<a href='guide/#caf%C3%A9'>ok</a><a href='guide#old'>ok</a><a href='/guide/index.html#top'>ok</a>\n"
        "<a href='/served-below/guide/'>ok</a><a href='page'>ok</a><a href='https://example.org/x#y'>ok</a>\n"
        "<a href='mailto:someone@example.org'>ok</a><a href='#'>ok</a><link rel='canonical' href='/elsewhere/'>\n"
        "<a href='guide/#gone'>bad</a>\n<img src='gone.png'>\n<a href='#gone'>bad</a>\n"
    )

    assert [(broken.file, broken.line, broken.target, broken.why) for broken in links.in_site(tmp_path)] == [
        ("index.html", 4, "guide/#gone", "no such anchor in guide/index.html"),
        ("index.html", 5, "gone.png", "no such file in the site"),
        ("index.html", 6, "#gone", "no such anchor in index.html"),
    ]


def test_links_of_markdown(tmp_path: Path) -> None:
    """Headings as GitHub names them, twice the same, formatted ones; code is no link; the root is where "/" starts."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text(
        "Title\n=====\n\n## What's `new` in *2.0*?\n\n## Again\n\n## Again\n\n## [Linked](x)\n\n"
        '<a id="Old"></a>\n\n```\n# no heading\n```\n'
    )
    (tmp_path / "README.md").write_text(
        "# Read me\n[ok](docs/a.md#title) [ok](docs/a.md#whats-new-in-20 'title') [ok](#read-me)\n"
        "[ok](/docs/a.md#again-1) [ok](docs) [ok](<docs/a.md#linked>) [ok](docs/a.md#old) [ok](../../issues)\n"
        "`[code](gone.md)` <!-- [comment](gone.md) -->\n\n~~~\n[code](gone.md)\n~~~\n[ok](https://example.org)\n"
        "[bad](docs/a.md#again-2)\n[bad](docs/a.md#no-heading)\n![bad](gone.png)\n[ref][1] <img src='gone.svg'>\n\n"
        "[1]: gone.md\n"
    )

    broken = links.in_markdown(tmp_path, ["README.md", "docs/a.md"])

    assert {(link.file, link.line, link.target) for link in broken} == {
        ("README.md", 10, "docs/a.md#again-2"),
        ("README.md", 11, "docs/a.md#no-heading"),
        ("README.md", 12, "gone.png"),
        ("README.md", 13, "gone.svg"),
        ("README.md", 15, "gone.md"),
        ("docs/a.md", 10, "x"),
    }
