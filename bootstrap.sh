#!/bin/sh
# Make the private environment that `make` runs isonox from: `sh bootstrap.sh DIRECTORY [OPTIONS OF uv sync]`.
# uv installs what uv.lock says, hash-checked. Needs Python 3.11+ and either uv, or venv and pip
# (which then fetch uv, in the version that the lock names).
set -eu

environment=$1
shift
python=${PYTHON:-python3}

fail() {
    printf 'bootstrap: %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 2
}

command -v "$python" >/dev/null 2>&1 ||
    fail "there is no '$python' on PATH" "install Python 3.11 or newer, or name one: make ci PYTHON=python3.12"
"$python" -c '' || fail "'$python' does not run" "name another: make ci PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "'$python' is older than Python 3.11" "name a newer one: make ci PYTHON=python3.12"

export UV_PROJECT_ENVIRONMENT="$PWD/$environment" UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV
uv=${UV:-uv}
if ! command -v "$uv" >/dev/null 2>&1; then
    [ -x "$environment/bin/python" ] || "$python" -m venv "$environment" ||
        fail "'$python' can't make a virtual environment" "install its venv module (Debian: apt install python3-venv), or uv"
    version=$(sed -n '/^name = "uv"$/{n;s/^version = "\(.*\)"$/\1/p;}' uv.lock)
    [ -n "$version" ] || fail "uv.lock does not name uv" "add it: uv add --group ci uv"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$version" ||
        fail "pip could not install uv $version" "check the network and the package index (pip config list)"
    uv=$environment/bin/uv
fi
"$uv" sync --quiet --locked "$@" --python "$("$python" -c 'import sys; print(sys.executable)')" ||
    fail "uv could not install from uv.lock" "see what uv says: a lock that is out of date wants uv lock, a missing group what isonox init prints"
touch "$environment/.bootstrapped"
