"""The steps that let results and durations travel from run to run, in GitHub's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isonox.github import jobs
from isonox.github.workflow import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isonox.github.setting import Setting
    from isonox.github.workflow import Scalar

#: What a pull request saves only that pull request could use.
_ON_DEFAULT_BRANCH = (
    "${{ !cancelled() && github.event_name == 'push'"
    " && github.ref == format('refs/heads/{0}', github.event.repository.default_branch) }}"
)


def restored(setting: Setting) -> Iterator[Step]:
    """Yield the step that fetches the newest store; the key itself names none yet."""
    if setting.stored:
        yield Step(
            name="Restore the store",
            id=jobs.STORE,
            uses=setting.uses("actions/cache/restore"),
            with_={**_store(setting, _key(setting)), "restore-keys": f"{_prefix(setting)}\n"},
        )


def handed_on(setting: Setting) -> Iterator[Step]:
    """Yield the step that hands on the records and artifacts of jobs that need not run."""
    if setting.remote_cache:
        yield Step(
            name="Keep the records",
            uses=setting.local("keep-records"),
            with_={"artifact": f"records.{jobs.PLAN}.0"},
        )


def restored_again(setting: Setting) -> Iterator[Step]:
    """Yield the step that fetches the very store that the plan was made with."""
    if setting.stored:
        output = f"needs.{jobs.PLAN}.outputs.{jobs.STORE}"
        yield Step(
            name="Restore the store",
            condition=f"{output} != ''",
            uses=setting.uses("actions/cache/restore"),
            with_=_store(setting, f"${{{{ {output} }}}}"),
        )


def saved(setting: Setting) -> Iterator[Step]:
    """Yield the step that saves what the gate has added to the store."""
    if setting.stored:
        yield Step(
            name="Save the store",
            condition=_ON_DEFAULT_BRANCH,
            uses=setting.uses("actions/cache/save"),
            with_=_store(setting, _key(setting)),
        )


def _store(setting: Setting, key: str) -> dict[str, Scalar]:
    """Return the inputs of all actions that fetch and save the store: GitHub knows a cache by its paths, too."""
    return {"path": "".join(f"{setting.path(name)}\n" for name in setting.stored), "key": key}


def _prefix(setting: Setting) -> str:
    return f"isonox-ci{setting.suffix}/"  # no suffix holds a slash, so none begins as another


def _key(setting: Setting) -> str:
    return f"{_prefix(setting)}${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}"
