"""Whom GitHub gives no secrets, and where a change goes to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from isonox.system import github

if TYPE_CHECKING:
    from pathlib import Path

FORK = "GitHub gives pull requests from forks no secrets"


def pull_request(head: str | None, base: str = "team/shop") -> dict[str, Any]:
    """Return the part of a pull request's event that names the repositories; a fork that was deleted has none."""
    repository = {"full_name": head} if head else None
    return {"pull_request": {"head": {"repo": repository}, "base": {"repo": {"full_name": base}}}}


@pytest.mark.parametrize(
    ("event", "actor", "expected"),
    [
        (pull_request("team/shop"), "somebody", ""),
        (pull_request("somebody/shop"), "somebody", FORK),
        (pull_request(None), "somebody", FORK),
        (pull_request("team/shop"), "dependabot[bot]", "GitHub gives Dependabot no secrets"),
        ({"ref": "refs/heads/main"}, "somebody", ""),
        (["no event"], "somebody", ""),
    ],
)
def test_forks_and_dependabot_get_no_secrets(tmp_path: Path, event: object, actor: str, expected: str) -> None:
    """The event's file says which repository a pull request comes from."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": actor, "GITHUB_EVENT_PATH": str(path)}
    assert expected == github.without_secrets(environ)
    assert "" == github.without_secrets(environ | {"GITHUB_ACTIONS": ""})


@pytest.mark.parametrize(
    ("changes", "event", "expected"),
    [
        ({}, {"repository": {"default_branch": "main"}}, True),
        ({}, {"repository": {"default_branch": "trunk"}}, False),
        ({"GITHUB_REF": "refs/heads/topic"}, {"repository": {"default_branch": "main"}}, False),
        ({"GITHUB_REF": "refs/tags/main"}, {"repository": {"default_branch": "main"}}, False),
        ({"GITHUB_EVENT_NAME": "pull_request"}, {"repository": {"default_branch": "main"}}, False),
        ({"GITHUB_ACTIONS": ""}, {"repository": {"default_branch": "main"}}, False),
        ({"GITHUB_REF": "refs/heads/None"}, {}, False),
        ({}, {"repository": "x"}, False),
    ],
)
def test_only_a_push_to_the_default_branch_leaves_something(
    tmp_path: Path,
    changes: dict[str, str],
    event: object,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """Not a pull request, not a tag of that name, not a laptop."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}

    assert expected == github.on_default_branch({**environ, "GITHUB_EVENT_PATH": str(path), **changes})


def test_an_event_that_is_missing_or_damaged_holds_nothing_back(tmp_path: Path) -> None:
    """The session then fails by itself, if it has to."""
    (tmp_path / "event.json").write_text("{", encoding="utf-8")
    for path in (tmp_path / "event.json", tmp_path / "none.json"):
        assert "" == github.without_secrets({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)})


def test_the_commit_that_is_checked_out_is_the_one_of_the_run() -> None:
    """Another one would be judged in its place; outside of GitHub nobody says which it should be."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "a" * 40}
    assert "" == github.other_commit(environ, "a" * 40)
    assert "this run is for commit aaaaaaa, and bbbbbbb is checked out" == github.other_commit(environ, "b" * 40)
    assert "this run is for commit aaaaaaa, and none is checked out" == github.other_commit(environ, None)
    assert "" == github.other_commit({"GITHUB_SHA": "a" * 40}, "b" * 40)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"pull_request": {"base": {"ref": "release/2"}}, "repository": {"default_branch": "main"}},
            "origin/release/2",
        ),
        ({"merge_group": {"base_sha": "0a1b2c"}, "repository": {"default_branch": "main"}}, "0a1b2c"),
        ({"ref": "refs/heads/topic", "repository": {"default_branch": "trunk"}}, "origin/trunk"),
        ({"repository": "x"}, ""),
        (["no event"], ""),
    ],
)
def test_where_a_change_goes_to(tmp_path: Path, event: object, expected: str) -> None:
    """A pull request to its base, a merge group behind the one before it, everything else to the default branch."""
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)}

    assert expected == github.target(environ)
    assert "" == github.target(environ | {"GITHUB_ACTIONS": ""})
