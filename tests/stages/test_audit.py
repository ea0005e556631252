"""The audit stage against a server that speaks OSV's query interface, or fails to."""

from __future__ import annotations

import importlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict
from isonox.stages.audit import Advisory, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeRepository, Repository


#: The name in the package is the stage.
audit_stage = importlib.import_module("isonox.stages.audit")


@dataclass
class Osv:
    """An advisory service on this machine.

    Attributes:
        url: Where it answers.
        asked: Name and version of every query.
        advisories: What it answers, by package name; `{}`, as OSV does, for the others.
        failing: Names for which it answers with status 500; "*" for all.
    """

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    advisories: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)


@pytest.fixture
def osv() -> Iterator[Osv]:
    """Start the service, and stop it afterwards."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            service.asked.append((name, query["version"]))
            body = json.dumps({"vulns": [service.advisories[name]]} if name in service.advisories else {}).encode()
            self.send_response(500 if service.failing & {name, "*"} else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Osv(f"http://127.0.0.1:{server.server_port}/v1/query")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


def _advisory(name: str, **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "99.1"}]
    affected = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return {
        "id": "GHSA-aaaa-bbbb-cccc",
        "aliases": ["CVE-2026-1"],
        "summary": "It leaks.",
        "affected": [affected],
        **more,
    }


def _noxfile(url: str, more: str = "") -> dict[str, str]:
    return {"noxfile.py": f'from isonox import stages\n\nstages.audit(service="osv", service_url="{url}"{more})\n'}


@pytest.fixture
def ledger(sharing: MakeRepository, osv: Osv) -> Repository:
    """Return a repository whose lock has two forks, to be audited by `osv`."""
    return sharing(_noxfile(osv.url), base="audited-forks")


def test_a_vulnerability_is_red_unless_it_is_ignored_with_a_reason(ledger: Repository, osv: Osv) -> None:
    """Every version of every fork is asked about, the project is not; an ignored advisory prints its reason."""
    osv.advisories["iniconfig"] = _advisory("iniconfig")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "iniconfig 2.0.0: CVE-2026-1, fixed in 99.1" in run.record.reason, run.output
    assert "iniconfig 2.1.0: CVE-2026-1, fixed in 99.1" in run.record.reason
    assert {finding.path for finding in run.record.findings} == {"uv.lock"}
    assert "It leaks." in run.output
    assert {("iniconfig", "2.0.0"), ("iniconfig", "2.1.0")} <= set(osv.asked)
    assert "ledger" not in {name for name, _ in osv.asked}
    assert f"{len(osv.asked)} of {len(osv.asked)} packages of uv.lock were checked" in run.output

    ledger.write(_noxfile(osv.url, ', ignore={"GHSA-aaaa-bbbb-cccc": "not reachable"}'))
    ignored = ledger.run_nox("-s", "audit")

    assert ignored.record.verdict is Verdict.PASSED, ignored.output
    assert (True, ()) == (ignored.record.traced, ignored.record.undeclared)  # its verdict is used for a time
    assert "ignored: GHSA-aaaa-bbbb-cccc: not reachable" in ignored.record.notes


def test_a_partial_failure_is_never_a_pass(ledger: Repository, osv: Osv) -> None:
    """A package without an answer is red and named, on a laptop too; the others are still judged."""
    osv.failing = {"certifi"}
    osv.advisories["iniconfig"] = _advisory("iniconfig")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "1 package(s) could not be checked: certifi" in run.record.reason, run.output
    assert "500 Server Error" in run.output
    assert "iniconfig 2.1.0: CVE-2026-1" in run.record.reason


def test_no_answer_at_all_is_waived_on_a_laptop(sharing: MakeRepository) -> None:
    """Nobody listens; the reason is printed."""
    run = sharing(_noxfile("http://127.0.0.1:1/v1/query"), base="audited-forks").run_nox("-s", "audit")

    assert (run.exit_code, run.record.verdict) == (0, Verdict.WAIVED), run.output
    assert "did not answer for any of" in run.record.reason
    assert "did not answer for any of" in run.output
    assert "ConnectionError" in run.record.reason


def test_an_advisory_that_pip_audit_leaves_out_is_red(ledger: Repository, osv: Osv) -> None:
    """Pip-audit warns of a format that it does not know, and calls the package clean."""
    osv.advisories["iniconfig"] = _advisory("iniconfig", schema_version="2.0.0")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "Unsupported OSV schema version" in run.record.reason, run.output


@pytest.mark.parametrize(
    ("in_ci", "answers", "ending"),
    [
        (True, [Answer("a", skip_reason="refused")], "red: the advisory service did not answer"),
        (False, [Answer("a", skip_reason="refused")], "waived: the advisory service did not answer"),
        (False, [Answer("a", skip_reason="refused"), Answer("b")], "red: 1 package.s. could not be checked: a"),
        (True, [Answer("a", vulns=(Advisory("CVE-1"),))], "red: a : CVE-1, no fix is known"),
    ],
)
def test_what_answers_mean(stand_in: Any, answers: list[Answer], ending: str, *, in_ci: bool) -> None:
    """Silence is waived on a laptop and red in CI; half an answer is red everywhere."""
    stand_in.in_ci = in_ci

    with pytest.raises(Exception, match=ending):
        audit_stage._judge(stand_in, answers, {})


def test_an_ignored_package_may_be_unknown(stand_in: Any) -> None:
    """It is printed with its reason each time; then there is nothing that was not checked."""
    answers = [Answer("a"), Answer("inside", skip_reason="not on PyPI")]

    audit_stage._judge(stand_in, answers, {"inside": "ours"})

    assert stand_in.notes == ["ignored: inside: ours"]


@pytest.mark.parametrize(
    ("failing", "unanswered"),
    [
        ({"c"}, {"c"}),
        ({"a", "b", "c"}, {"a", "b", "c", "d", "e", "twice"}),
        ({"b", "c", "d"}, {"b", "c", "d", "e", "twice"}),
    ],
)
def test_it_gives_up_after_three_failures(
    stand_in: Any, monkeypatch: pytest.MonkeyPatch, failing: set[str], unanswered: set[str]
) -> None:
    """Answers before the first failure are kept; what was not asked about says so."""

    def run(_session: Any, pins: list[tuple[str, str]], _arguments: Any) -> Any:
        bad = next((pin for pin in pins if pin[0] in failing), None)
        return ({}, bad, "failed") if bad else ({pin: Answer(*pin) for pin in pins}, None, "")

    monkeypatch.setattr(audit_stage, "_run", run)
    pins = [(name, "1") for name in ("a", "b", "c", "d", "e", "twice")] + [("twice", "2")]

    answers = audit_stage._ask(stand_in, pins, ())

    assert [(answer.name, answer.version) for answer in answers] == pins
    assert {answer.name for answer in answers[:-1] if answer.skip_reason} == unanswered


def test_a_group_without_pip_audit_is_red(sharing: MakeRepository, osv: Osv) -> None:
    """Nothing was asked, so nothing passes."""
    repo = sharing(_noxfile(osv.url, ', group="bare"'), base="audited-forks")

    run = repo.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "pip-audit is needed here, but not in the dependency group 'bare'" in run.record.reason, run.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"service": "ovs"}, "did you mean 'osv'"),
        ({"service_url": "http://127.0.0.1/v1/query"}, "services that speak OSV"),
        ({"ignore": {"CVE-1": " "}}, "'CVE-1' without a reason"),
    ],
)
def test_senseless_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    """Before anything is installed."""
    with pytest.raises(ConfigurationError, match=message):
        stages.audit(**options)
