"""Which variables a session sees."""

from __future__ import annotations

import os
import time

from isonox.model.pipeline import PLAIN, Facts
from isonox.sessions import environment

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
    seen = environment.declared(OUTER, Facts())

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
    seen = environment.declared(OUTER, Facts())

    assert (seen["TZ"], seen["LANG"], seen["LC_ALL"]) == ("UTC", "C.UTF-8", "C.UTF-8")


def test_declared_names_pass() -> None:
    """By `env`, `secrets`, and `[tool.isonox] pass-env` with patterns."""
    facts = Facts(env={"APP_MODE": "test", "TZ": "Europe/Berlin"}, secrets=("TOKEN",))

    seen = environment.declared(OUTER, facts, extra=("DATABASE_*",))

    assert (seen["APP_MODE"], seen["TZ"], seen["TOKEN"]) == ("test", "Europe/Berlin", "t0ken")
    assert seen["DATABASE_URL"] == "postgres://stray"


def test_the_record_names_what_passed_but_never_its_value() -> None:
    """An index URL can carry a password."""
    described = environment.describe(OUTER, Facts(secrets=("TOKEN", "UNSET")))

    assert "PIP_INDEX_URL" in described.passed
    assert described.secrets == ("TOKEN",)
    assert "password" not in repr(described)
    assert "t0ken" not in repr(described)


def test_plain_sessions_keep_their_environment() -> None:
    """A noxfile that isonox has never seen runs unchanged, and the record says so."""
    assert environment.describe(OUTER, PLAIN).policy == "inherited"


def test_the_environment_is_put_back_whatever_happens() -> None:
    """Also the time zone of this process."""
    before, zone = dict(os.environ), time.tzname

    try:
        with environment.replaced({"ONLY": "this", "TZ": "Asia/Tokyo"}):
            assert dict(os.environ) == {"ONLY": "this", "TZ": "Asia/Tokyo"}
            assert time.tzname[0] == "JST"
            raise RuntimeError  # noqa: TRY301 - as a session would
    except RuntimeError:
        pass

    assert (before, zone) == (dict(os.environ), time.tzname)
