# /// script
# dependencies = ["nox>=2026.10.20", "isonox[uv] @ ."]
# ///
"""The pipeline of isonox: it is its own first user."""

from datetime import timedelta

import isonox
from isonox import stages

stages.lint(inputs=["src/isonox/**"])  # isonox itself checks that the workflows are up to date
stages.format()
stages.types()
stages.tests(
    workers="auto",
    coverage=["3.13"],  # a third of the time goes into measuring
    cache=timedelta(days=1),  # they talk to servers that they start themselves
)
stages.coverage()
stages.security()
stages.audit()
stages.licenses()
stages.build()
stages.docs()


@isonox.session(timeout_minutes=5, tags=["lint"], env={"SKIP": "lint,security"})
def hooks(session: isonox.Session) -> None:
    """Run the pre-commit hooks over every file, but for those that are sessions themselves."""
    session.run("make", "--silent", ".isonox/env/.bootstrapped", external=True)  # the hooks run from there
    session.install_group("ci")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@isonox.session(python="3.13", timeout_minutes=30, tags=["integration"], cache=timedelta(days=1))
def act(session: isonox.Session) -> None:
    """Run the generated workflows with act, and compare what they leave with `isonox ci`."""
    session.install_group("act", project=True)
    session.run("pytest", "-m", "act and not whole", "tests/act", *session.posargs)


@isonox.session(python="3.13", requires=["build"], timeout_minutes=15, tags=["integration"], cache=timedelta(days=1))
def integration(session: isonox.Session) -> None:
    """Run the storefront's own `make ci`, as a newcomer would."""
    session.run("make", "-C", "examples/storefront", "ci", external=True)
