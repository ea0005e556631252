"""The declared environment: which variables a session sees, the same on a laptop and in CI."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
import time
from typing import TYPE_CHECKING

from isonox.model.record import Environment
from isonox.system import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from isonox.model.pipeline import Facts

#: Variables that every session may see. They say where things are on this machine (tools, caches, package
#: index, proxy, certificates), not what a job should do. Patterns are those of `fnmatch`.
ALLOWED = (
    # where things are
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "XDG_*",
    "PLAYWRIGHT_BROWSERS_PATH",
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

_MAGIC = frozenset("*?[")

#: What is the same everywhere.
FIXED = {"TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

#: How many cores a session has: read by isonox itself, where a session runs nox or `isonox ci` in turn.
CORES_VARIABLE = "ISONOX_CORES"

#: Variables that tell tools so, and who reads them. They say how many, never what to do.
CORES = {
    CORES_VARIABLE: "isonox",
    "PYTEST_XDIST_AUTO_NUM_WORKERS": "pytest-xdist, for `-n auto`",
    "PYTHON_CPU_COUNT": "Python 3.13 and newer: `os.cpu_count()`, and with it multiprocessing and executors",
    "RAYON_NUM_THREADS": "ruff, ty, zizmor and other tools in Rust",
    "OMP_NUM_THREADS": "OpenMP, OpenBLAS and MKL: NumPy, SciPy, PyTorch",
    "UV_CONCURRENT_BUILDS": "uv, when it builds from source",
    "UV_CONCURRENT_INSTALLS": "uv, when it unpacks and links",
}


def given_cores(outer: Mapping[str, str]) -> int:
    """Return how many cores this process may use: its share, if a session started it, else all of the machine."""
    share = outer.get(CORES_VARIABLE, "")
    return int(share) if share.isdecimal() and int(share) else processes.cpu_count()


def declared(outer: Mapping[str, str], facts: Facts, *, cores: int, extra: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables that a session with these facts sees.

    Args:
        outer: The environment that nox was started in.
        facts: The stage's facts; their `env` and `secrets` are added.
        cores: How many cores the session has.
        extra: More names that may pass, from `[tool.isonox] pass-env`.
    """
    passed = {name: outer[name] for name in _allowed(outer, (*ALLOWED, *extra)) if name not in facts.secrets}
    secrets = {name: outer[name] for name in facts.secrets if outer.get(name)}  # a workflow sets what is none to ""
    return {**passed, **secrets, **FIXED, **dict.fromkeys(CORES, str(cores)), **facts.env}


def describe(outer: Mapping[str, str], facts: Facts, *, cores: int, extra: Iterable[str] = ()) -> Environment:
    """Return what the record says about the environment: no value of a passed variable or secret."""
    if facts.environment == "inherited":
        return Environment(policy="inherited")
    return Environment(
        policy="declared",
        values={**FIXED, **facts.env},
        passed=tuple(sorted(_allowed(outer, (*ALLOWED, *extra)))),
        secrets=tuple(sorted(name for name in facts.secrets if outer.get(name))),
        cores=cores,
    )


@contextlib.contextmanager
def replaced(before: Mapping[str, str], values: Mapping[str, str]) -> Iterator[None]:
    """Make `values` the whole environment of this process, and put the one that it has, `before`, back afterwards."""
    _change(before, values)
    try:
        yield
    finally:
        _change(dict(os.environ), before)


@contextlib.contextmanager
def added(values: Mapping[str, str]) -> Iterator[None]:
    """Set some variables of this process, and put what they were back afterwards."""
    before = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        os.environ[name] = value
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


def _change(now: Mapping[str, str], values: Mapping[str, str]) -> None:
    for name in now.keys() - values.keys():
        del os.environ[name]
    for name, value in values.items():
        if now.get(name) != value:
            os.environ[name] = value
    if hasattr(time, "tzset"):
        time.tzset()


def _allowed(names: Iterable[str], patterns: tuple[str, ...]) -> list[str]:
    """Return those names that match a pattern."""
    exact, match = _sorted_out(patterns)
    return [name for name in names if name in exact or match(name)]


@functools.cache
def _sorted_out(patterns: tuple[str, ...]) -> tuple[frozenset[str], Callable[[str], object]]:
    """Return the patterns, most of which are plain names, and what matches a name with one of the others."""
    others = (pattern for pattern in patterns if not _MAGIC.isdisjoint(pattern))
    return frozenset(patterns), re.compile("|".join(map(fnmatch.translate, others)) or "(?!)").match
