"""`isonox lint`, `isonox test`, ...: the sessions of that name."""

from __future__ import annotations

from collections.abc import Sequence

from isonox.errors import ExitCode, UsageError
from isonox.model.plan import Selection
from isonox.verbs import ci
from isonox.verbs.checkout import Checkout
from isonox.verbs.ci import NoCache
from isonox.verbs.declaration import Base, FailFast, Function, Jobs, Json, Packages, Pythons, Verb, verb


def stage_verb(name: str, stage: str, summary: str) -> Verb:
    """Return the verb that runs one stage of the noxfile."""

    def run(  # noqa: PLR0913 - the options of the verb
        *,
        package: Packages = (),
        python: Pythons = (),
        base: Base = None,
        jobs: Jobs = None,
        fail_fast: FailFast = False,
        no_cache: NoCache = False,
        json: Json = False,
        posargs: Sequence[str] = (),
    ) -> ExitCode:
        checkout = Checkout.here()
        if stage not in checkout.pipeline.stages:
            stages = ", ".join(checkout.pipeline.stages) or "none"
            raise UsageError(
                f"{checkout.pipeline.noxfile} has no stage {stage!r}",
                hint=f"declare it (isonox.stages.{stage}()), or run one of: {stages}",
            )
        selection = Selection(
            names=(stage,), packages=tuple(package), pythons=tuple(python), base=base or None, posargs=tuple(posargs)
        )
        return ci.run(checkout, selection, jobs=jobs, fail_fast=fail_fast, no_cache=no_cache, json=json)

    run.__doc__ = f"{summary}\n\nThe same as `isonox ci --only {stage}`; what follows `--` is handed to the sessions."
    function: Function = run
    return verb(function, name=name)
