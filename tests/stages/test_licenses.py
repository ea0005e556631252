"""The licenses stage: what it looks at, what the policy refuses, and the SBOM."""

from __future__ import annotations

import json
from importlib.metadata import Distribution
from typing import TYPE_CHECKING, Any

import pytest

from isonox.model.verdict import Verdict
from isonox.stages import spdx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import MakeRepository, NoxRun

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
    assert "sortedcontainers 2.4.0: Apache-2.0" in run.output
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

    repo.write({"pyproject.toml": f'{pyproject}\n[tool.isonox.licenses]\nallow = ["MIT License"]\n'})
    refused = repo.run_nox("-s", "licenses")

    assert refused.record.verdict is Verdict.FAILED
    assert refused.record.reason.endswith("refuses sortedcontainers 2.4.0 (Apache-2.0)"), refused.output
    assert refused.record.findings[0].path == "uv.lock"
    assert _sbom(refused)["components"]

    ignore = 'deny = ["apache-*"]\nignore = { sortedcontainers = "reviewed", gone = "was here" }\n'
    repo.write({"pyproject.toml": f"{pyproject}\n[tool.isonox.licenses]\n{ignore}"})
    ignored = repo.run_nox("-s", "licenses")

    assert ignored.record.verdict is Verdict.PASSED, ignored.output
    assert "ignored: sortedcontainers: reviewed" in ignored.record.notes
    assert any("ignore names 'gone'" in note for note in ignored.record.notes)


def test_a_group_without_the_sbom_tool_is_red(repository: MakeRepository) -> None:
    """The SBOM is part of the stage: without it nothing passes."""
    repo = repository(
        {"noxfile.py": 'from isonox import stages\n\nstages.licenses(group="bare")\n'}, base="supply-chain"
    )

    run = repo.run_nox("-s", "licenses")

    assert run.record.verdict is Verdict.FAILED
    assert "uv add --group bare cyclonedx-bom" in run.record.reason, run.output


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"License-Expression": "mit or apache-2.0", "License": "something else"}, "MIT OR Apache-2.0"),
        ({"Classifier": "License :: OSI Approved :: MIT License", "License": "see LICENSE"}, "MIT"),
        ({"Classifier": "License :: OSI Approved", "License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD License"),
        ({"Classifier": "License :: Other/Proprietary License"}, "Other/Proprietary License"),
        ({"License": "GPL (any)"}, "GPL"),
        ({"License": "UNKNOWN"}, spdx.UNKNOWN),
        ({"License": "Permission is hereby granted\n to everyone"}, spdx.UNKNOWN),
        ({}, spdx.UNKNOWN),
    ],
)
def test_the_licence_that_a_distribution_declares(tmp_path: Path, fields: Mapping[str, str], expected: str) -> None:
    """The expression counts most, then classifiers, then the text; a text that is no name is no answer."""
    folder = tmp_path / "x-1.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.4", "Name: x", *(f"{name}: {value}" for name, value in fields.items())]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")

    assert spdx.of(Distribution.at(folder).metadata) == expected


def test_several_classifiers_must_all_be_allowed(tmp_path: Path) -> None:
    """They may mean "and" or "or": the stricter reading."""
    folder = tmp_path / "x-1.dist-info"
    folder.mkdir()
    classifiers = ["BSD License", "Apache Software License", "GNU General Public License (GPL)"]
    lines = [f"Classifier: License :: OSI Approved :: {name}" for name in classifiers]
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", "Name: x", *lines]))

    licence = spdx.of(Distribution.at(folder).metadata)

    assert licence == "BSD License AND Apache-2.0 AND GNU General Public License"
    assert spdx.holds(licence, lambda name: spdx.matches(name, ["bsd license", "Apache 2.0", "gnu *"]))
    assert not spdx.holds(licence, lambda name: spdx.matches(name, ["bsd license", "Apache 2.0"]))


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

    assert spdx.holds(expression, lambda name: spdx.matches(name, allowed)) is holds
