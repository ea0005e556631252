"""The declared environment: which variables a session sees, the same on a laptop and in CI."""

from __future__ import annotations

import contextlib
import os
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from isonox.model.record import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from isonox.model.pipeline import Facts

#: Variables that every session may see. They say where things are on this machine (tools, caches, package
#: index, proxy, certificates), not what a job should do. Patterns are those of `fnmatch`.
ALLOWED = (
    # where things are
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "XDG_*",
    "PYENV_ROOT", "ASDF_DATA_DIR", "ASDF_DIR", "MISE_DATA_DIR",
    # Windows can't start a process without these
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "PROGRAMFILES", "PROGRAMFILES(X86)", "USERPROFILE", "USERNAME", "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
    # package index
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_CLIENT_CERT",
    "PIP_PROXY", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT", "PIP_CACHE_DIR", "PIP_NO_INDEX",
    "UV", "UV_INDEX", "UV_INDEX_*", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_OFFLINE", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_HTTP_*", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS",
    "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_PYTHON_INSTALL_*", "UV_LINK_MODE",
    # proxy and certificates
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)  # fmt: skip

#: What is the same everywhere.
FIXED = {"TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def declared(outer: Mapping[str, str], facts: Facts, *, extra: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables that a session with these facts sees.

    Args:
        outer: The environment that nox was started in.
        facts: The stage's facts; their `env` and `secrets` are added.
        extra: More names that may pass, from `[tool.isonox] pass-env`.
    """
    patterns = (*ALLOWED, *extra, *facts.secrets)
    unset = {name for name in facts.secrets if not outer.get(name)}  # a workflow sets what is no secret to ""
    passed = {name: value for name, value in outer.items() if _allowed(name, patterns) and name not in unset}
    return {**passed, **FIXED, **facts.env}


def describe(outer: Mapping[str, str], facts: Facts, *, extra: Iterable[str] = ()) -> Environment:
    """Return what the record says about the environment: no value of a passed variable or secret."""
    if facts.environment == "inherited":
        return Environment(policy="inherited")
    patterns = (*ALLOWED, *extra)
    return Environment(
        policy="declared",
        values={**FIXED, **facts.env},
        passed=tuple(sorted(name for name in outer if _allowed(name, patterns))),
        secrets=tuple(sorted(name for name in facts.secrets if outer.get(name))),
    )


@contextlib.contextmanager
def replaced(values: Mapping[str, str]) -> Iterator[None]:
    """Make `values` the whole environment of this process, and put the old one back afterwards."""
    before = dict(os.environ)
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update(values)
    if hasattr(time, "tzset"):
        time.tzset()


def _allowed(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
