"""What a run on GitHub tells about itself, by environment variables and the event's file.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def without_secrets(environ: Mapping[str, str]) -> str:
    """Return why GitHub gives this run no secrets; empty where it does, or where this is not GitHub.

    Source: https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/use-secrets
    """
    if not is_here(environ):
        return ""
    if environ.get("GITHUB_ACTOR") == "dependabot[bot]":
        return "GitHub gives Dependabot no secrets"
    event = _event(environ)
    head, base = (_text(event, "pull_request", side, "repo", "full_name") for side in ("head", "base"))
    return "GitHub gives pull requests from forks no secrets" if head != base else ""


def is_here(environ: Mapping[str, str]) -> bool:
    """Return whether this is a run on GitHub."""
    return environ.get("GITHUB_ACTIONS") == "true"


def on_default_branch(environ: Mapping[str, str]) -> bool:
    """Return whether this run is for a push to the repository's default branch."""
    if not is_here(environ) or environ.get("GITHUB_EVENT_NAME") != "push":
        return False
    branch = _text(_event(environ), "repository", "default_branch")
    return bool(branch) and environ.get("GITHUB_REF") == f"refs/heads/{branch}"


def target(environ: Mapping[str, str]) -> str:
    """Return the revision that the change which this run is for goes to; empty where this is not GitHub.

    For a pull request that is its base branch, for a merge group the commit before it, else the default branch. Names
    are those that actions/checkout gives to what it fetches.
    """
    if not is_here(environ):
        return ""
    event = _event(environ)
    if commit := _text(event, "merge_group", "base_sha"):
        return commit
    branch = _text(event, "pull_request", "base", "ref") or _text(event, "repository", "default_branch")
    return f"origin/{branch}" if branch else ""


def other_commit(environ: Mapping[str, str], commit: str | None) -> str:
    """Return what is wrong if another commit is checked out than the one that GitHub runs the workflow for."""
    asked = environ.get("GITHUB_SHA", "")
    if not is_here(environ) or not asked or asked == commit:
        return ""
    return f"this run is for commit {asked[:7]}, and {(commit or 'none')[:7]} is checked out"


def _event(environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        event = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _text(event: Any, *keys: str) -> str:
    """Return the text that keys lead to; empty where there is none: a fork that was deleted has no repository."""
    for key in keys:
        event = event.get(key) if isinstance(event, dict) else None
    return event if isinstance(event, str) else ""
