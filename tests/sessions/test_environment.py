"""Which variables a session sees."""

from __future__ import annotations

import os
import time

import pytest

from isonox.model.pipeline import PLAIN, Facts
from isonox.model.record import Environment
from isonox.sessions import environment
from isonox.system import processes

OUTER = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "TZ": "Asia/Tokyo",
    "LANG": "ja_JP.UTF-8",
    "DATABASE_URL": "postgres://stray",
    "CI": "true",
    "PYTHONPATH": "/somewhere",
    "PIP_INDEX_URL": "https://user:password@index.example.org/simple",  # pragma: allowlist secret
    "UV_INDEX_COMPANY_PASSWORD": "hush",  # pragma: allowlist secret
    "https_proxy": "http://proxy:3128",
    "SSL_CERT_FILE": "/ca.pem",
    "TOKEN": "t0ken",
}


def test_stray_variables_do_not_pass_and_infrastructure_does() -> None:
    """Index, proxy and certificates pass; what changes results does not."""
    seen = environment.declared(OUTER, Facts(), cores=1)

    assert {"DATABASE_URL", "CI", "PYTHONPATH", "TOKEN"}.isdisjoint(seen)
    assert {
        "PATH",
        "HOME",
        "PIP_INDEX_URL",
        "UV_INDEX_COMPANY_PASSWORD",
        "https_proxy",
        "SSL_CERT_FILE",
    } < set(seen)


def test_time_zone_and_locale_are_the_same_everywhere() -> None:
    """Whatever the laptop is set to."""
    seen = environment.declared(OUTER, Facts(), cores=1)

    assert (seen["TZ"], seen["LANG"], seen["LC_ALL"]) == ("UTC", "C.UTF-8", "C.UTF-8")


def test_declared_names_pass() -> None:
    """By `env`, `secrets`, and `[tool.isonox] pass-env` with patterns."""
    facts = Facts(env={"APP_MODE": "test", "TZ": "Europe/Berlin"}, secrets=("TOKEN",))

    seen = environment.declared(OUTER, facts, cores=1, extra=("DATABASE_*",))

    assert (seen["APP_MODE"], seen["TZ"], seen["TOKEN"]) == ("test", "Europe/Berlin", "t0ken")
    assert seen["DATABASE_URL"] == "postgres://stray"


def test_tools_are_told_how_many_cores_the_session_has() -> None:
    """Whatever is set outside; what the session itself declares wins."""
    outer = {**OUTER, "PYTEST_XDIST_AUTO_NUM_WORKERS": "64", "PYTHON_CPU_COUNT": "64"}

    seen = environment.declared(outer, Facts(env={"OMP_NUM_THREADS": "1"}), cores=3)

    assert {name: seen[name] for name in environment.CORES} == {
        "ISONOX_CORES": "3",
        "PYTEST_XDIST_AUTO_NUM_WORKERS": "3",
        "PYTHON_CPU_COUNT": "3",
        "RAYON_NUM_THREADS": "3",
        "OMP_NUM_THREADS": "1",
        "UV_CONCURRENT_BUILDS": "3",
        "UV_CONCURRENT_INSTALLS": "3",
    }


@pytest.mark.parametrize("stray", ["", "0", "-1", "many", "²"])
def test_a_session_that_runs_nox_in_turn_hands_its_share_on(stray: str) -> None:
    """Without a share, or with one that makes no sense, it is the whole machine."""
    assert environment.given_cores({"ISONOX_CORES": "3"}) == 3
    assert environment.given_cores({"ISONOX_CORES": stray}) == processes.cpu_count()
    assert environment.given_cores({}) == processes.cpu_count()


def test_the_record_names_what_passed_but_never_its_value() -> None:
    """An index URL can carry a password."""
    described = environment.describe(OUTER, Facts(secrets=("TOKEN", "UNSET")), cores=3)

    assert "PIP_INDEX_URL" in described.passed
    assert described.secrets == ("TOKEN",)
    assert described.cores == 3
    assert "password" not in repr(described)
    assert "t0ken" not in repr(described)


def test_plain_sessions_keep_their_environment() -> None:
    """A noxfile that isonox has never seen runs unchanged, and the record says so."""
    assert environment.describe(OUTER, PLAIN, cores=3) == Environment(policy="inherited")


def test_the_environment_is_put_back_whatever_happens() -> None:
    """Also the time zone of this process."""
    before, zone = dict(os.environ), time.tzname

    try:
        with environment.replaced(dict(os.environ), {"ONLY": "this", "TZ": "Asia/Tokyo"}):
            assert dict(os.environ) == {"ONLY": "this", "TZ": "Asia/Tokyo"}
            assert time.tzname[0] == "JST"
            raise RuntimeError  # noqa: TRY301 - as a session would
    except RuntimeError:
        pass

    assert (before, zone) == (dict(os.environ), time.tzname)
