"""The audit stage against a server that speaks OSV's query interface, or fails to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from isonox import stages
from isonox.errors import ConfigurationError
from isonox.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeRepository, Repository


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
def ledger(repository: MakeRepository, osv: Osv) -> Repository:
    """Return a repository whose lock has two forks, to be audited by `osv`."""
    return repository(_noxfile(osv.url), base="audited-forks")


def test_every_version_of_every_fork_is_asked_about(ledger: Repository, osv: Osv) -> None:
    """A clean lock passes; both versions of the forked package were asked about, the project itself was not."""
    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.PASSED, run.output
    assert {("iniconfig", "2.0.0"), ("iniconfig", "2.1.0")} <= set(osv.asked)
    assert "ledger" not in {name for name, _ in osv.asked}
    assert f"{len(osv.asked)} of {len(osv.asked)} packages of uv.lock were checked" in run.output


def test_a_vulnerability_is_red_unless_it_is_ignored_with_a_reason(ledger: Repository, osv: Osv) -> None:
    """The reason names package, version, advisory and fix; an ignored one prints its reason."""
    osv.advisories["iniconfig"] = _advisory("iniconfig")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "iniconfig 2.0.0: CVE-2026-1, fixed in 99.1" in run.record.reason, run.output
    assert "iniconfig 2.1.0: CVE-2026-1, fixed in 99.1" in run.record.reason
    assert {finding.path for finding in run.record.findings} == {"uv.lock"}
    assert "It leaks." in run.output

    ledger.write(_noxfile(osv.url, ', ignore={"GHSA-aaaa-bbbb-cccc": "not reachable", "CVE-1": "old"}'))
    ignored = ledger.run_nox("-s", "audit")

    assert ignored.record.verdict is Verdict.PASSED, ignored.output
    assert "ignored: GHSA-aaaa-bbbb-cccc: not reachable" in ignored.record.notes
    assert "`ignore` names 'CVE-1', which nothing needs" in ignored.record.notes


def test_a_partial_failure_is_never_a_pass(ledger: Repository, osv: Osv) -> None:
    """A package without an answer is red and named, on a laptop too; the others are still judged."""
    osv.failing = {"certifi"}
    osv.advisories["iniconfig"] = _advisory("iniconfig")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "1 package(s) could not be checked: certifi" in run.record.reason, run.output
    assert "500 Server Error" in run.output
    assert "iniconfig 2.1.0: CVE-2026-1" in run.record.reason


def test_what_was_answered_before_the_service_failed_still_counts(ledger: Repository, osv: Osv) -> None:
    """With many failures it gives up asking; that is red, since some were answered, and their advisories are kept."""
    osv.failing = {"iniconfig", "pip", "requests", "rich", "urllib3"}
    osv.advisories["certifi"] = _advisory("certifi", aliases=[])

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "certifi" in run.record.reason.partition("could not be checked")[0], run.output
    assert "not asked about: the advisory service had failed before" in run.output


def test_no_answer_at_all_is_waived_here_and_red_in_ci(ledger: Repository, osv: Osv) -> None:
    """Errors for all, and nobody listening: the same; the reason is printed."""
    osv.failing = {"*"}

    errors = ledger.run_nox("-s", "audit")
    ledger.write(_noxfile("http://127.0.0.1:1/v1/query"))
    refused = ledger.run_nox("-s", "audit")
    in_ci = ledger.run_nox("-s", "audit", env={"CI": "true"})

    assert (errors.exit_code, errors.record.verdict) == (0, Verdict.WAIVED), errors.output
    assert "did not answer for any of" in errors.record.reason
    assert "did not answer for any of" in errors.output
    assert (refused.exit_code, refused.record.verdict) == (0, Verdict.WAIVED), refused.output
    assert "ConnectionError" in refused.record.reason
    assert (in_ci.exit_code, in_ci.record.verdict) == (1, Verdict.FAILED), in_ci.output


def test_an_advisory_that_pip_audit_leaves_out_is_red(ledger: Repository, osv: Osv) -> None:
    """Pip-audit warns of a format that it does not know, and calls the package clean."""
    osv.advisories["iniconfig"] = _advisory("iniconfig", schema_version="2.0.0")

    run = ledger.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "Unsupported OSV schema version" in run.record.reason, run.output


def test_a_group_without_pip_audit_is_red(repository: MakeRepository, osv: Osv) -> None:
    """Nothing was asked, so nothing passes."""
    repo = repository(_noxfile(osv.url, ', group="bare"'), base="audited-forks")

    run = repo.run_nox("-s", "audit")

    assert run.record.verdict is Verdict.FAILED
    assert "pip-audit is needed here, but not in the dependency group 'bare'" in run.record.reason, run.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"service": "ovs"}, "did you mean 'osv'"),
        ({"service_url": "http://127.0.0.1/v1/query"}, "not for 'pypi'"),
        ({"ignore": {"CVE-1": " "}}, "'CVE-1' without a reason"),
    ],
)
def test_senseless_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    """Before anything is installed."""
    with pytest.raises(ConfigurationError, match=message):
        stages.audit(**options)
