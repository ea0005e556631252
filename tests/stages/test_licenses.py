"""The licenses stage: what it looks at, what the policy refuses, and the SBOM."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from isonox.model.config import Licenses
from isonox.model.verdict import Verdict
from isonox.stages.licenses import UNKNOWN, Shipped

if TYPE_CHECKING:
    from tests.conftest import MakeRepository, NoxRun

#: The name in the package is the stage.
licenses_stage = importlib.import_module("isonox.stages.licenses")

NOXFILE = {"noxfile.py": "from isonox import stages\n\nstages.licenses()\n"}


def _sbom(run: NoxRun) -> dict[str, Any]:
    (path,) = (name for name in run.record.artifacts if name.endswith("sbom.cdx.json"))
    bill: dict[str, Any] = json.loads((run.folder / "artifacts" / path).read_text())
    return bill


def test_the_policy_decides_over_what_comes_along_at_run_time(repository: MakeRepository) -> None:
    """No policy: listed, passed, said. Refused: red with package and licence. Ignored: the reason is printed."""
    repo = repository(NOXFILE, base="supply-chain")
    pyproject = (repo.path / "pyproject.toml").read_text()

    run = repo.run_nox("-s", "licenses")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert any(note.startswith("there is no licence policy") for note in run.record.notes)
    assert "sortedcontainers 2.4.0 (Apache Software License)" in run.output
    assert "cyclonedx-bom" in run.record.distributions
    assert "2 distribution(s) come along at run time" in run.output
    bill = _sbom(run)
    assert {part["name"] for part in bill["components"]} == {"iniconfig", "sortedcontainers"}
    assert bill["metadata"]["component"]["name"] == "till"
    assert {edge["ref"].partition("==")[0] for edge in bill["dependencies"]} == {
        "iniconfig",
        "root-component",
        "sortedcontainers",
    }
    assert str(repo.path) not in json.dumps(bill)

    repo.write({"pyproject.toml": f'{pyproject}\n[tool.isonox.licenses]\nallow = ["MIT"]\n'})
    refused = repo.run_nox("-s", "licenses")

    assert refused.record.verdict is Verdict.FAILED
    assert refused.record.reason.endswith("refuses sortedcontainers 2.4.0 (Apache Software License)"), refused.output
    assert refused.record.findings[0].path == "uv.lock"
    assert _sbom(refused)["components"]

    ignore = 'deny = ["apache-*"]\nignore = { sortedcontainers = "reviewed" }\n'
    repo.write({"pyproject.toml": f"{pyproject}\n[tool.isonox.licenses]\n{ignore}"})
    ignored = repo.run_nox("-s", "licenses")

    assert ignored.record.verdict is Verdict.PASSED, ignored.output
    assert "ignored: sortedcontainers: reviewed" in ignored.record.notes


def test_a_group_without_the_sbom_tool_is_red(sharing: MakeRepository) -> None:
    """The SBOM is part of the stage: without it nothing passes."""
    repo = sharing({"noxfile.py": 'from isonox import stages\n\nstages.licenses(group="bare")\n'}, base="supply-chain")

    run = repo.run_nox("-s", "licenses")

    assert run.record.verdict is Verdict.FAILED
    assert "uv add --group bare cyclonedx-bom" in run.record.reason, run.output


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([{"expression": "MIT OR Apache-2.0"}], ("MIT OR Apache-2.0",)),
        (
            [{"license": {"id": "MIT"}}, {"license": {"name": "License :: OSI Approved :: BSD License"}}],
            ("MIT", "BSD License"),
        ),
        ([], (UNKNOWN,)),
    ],
)
def test_what_a_component_says_of_its_licence(choices: list[dict[str, Any]], expected: tuple[str, ...]) -> None:
    """Expressions and ids as they are, classifiers by their last part; nothing is UNKNOWN."""
    component = {"name": "Typing_X", "version": "1", "licenses": choices}

    assert licenses_stage.of_component(component) == Shipped("typing-x", "1", expected)


def test_a_policy_refuses_what_it_does_not_know() -> None:
    """UNKNOWN and what is denied are refused, what is ignored is not; all that a package says must be allowed."""
    said = {"a": ("MIT",), "b": (UNKNOWN,), "c": ("MIT", "BSD License"), "d": ("AGPL-3.0-only",), "e_e": (UNKNOWN,)}
    shipped = [Shipped(name.replace("_", "-"), "1", licences) for name, licences in said.items()]

    allowing = Licenses(allow=("mit",), ignore={"E_e": "ours"})
    denying = Licenses(deny=("AGPL-*",), ignore={"E_e": "ours"})

    assert [one.name for one in licenses_stage.refused(shipped, allowing)] == ["b", "c", "d"]
    assert [one.name for one in licenses_stage.refused(shipped, denying)] == ["b", "d"]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT AND ISC", True),
        ("(GPL-3.0-only OR MIT) AND ISC", True),
        ("(MIT OR ISC) AND GPL-3.0-only", False),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0 AND GPL-2.0-only", False),
    ],
)
def test_an_expression_holds_if_its_parts_do(expression: str, *, holds: bool) -> None:
    """OR needs one side, AND both; AND binds closer; an exception is part of the name."""
    allowed = ["mit", "ISC", "GPL-2.0-only WITH *"]

    refused = licenses_stage.refused([Shipped("x", "1", (expression,))], Licenses(allow=tuple(allowed)))

    assert bool(refused) is not holds
