"""All verbs, in the order of `isonox --help`."""

from __future__ import annotations

from isonox.verbs.ci import ci
from isonox.verbs.compare import compare
from isonox.verbs.declaration import Verb, verb
from isonox.verbs.doctor import doctor
from isonox.verbs.gate import gate
from isonox.verbs.init import init
from isonox.verbs.plan import plan
from isonox.verbs.stage import stage_verb
from isonox.verbs.verify import verify
from isonox.verbs.workflows import workflows

VERBS: tuple[Verb, ...] = (
    verb(ci),
    verb(plan),
    verb(gate),
    stage_verb("lint", "lint", "Run the lint stage: style, imports, layers."),
    stage_verb("types", "types", "Run the types stage on every Python."),
    stage_verb("test", "tests", "Run the tests stage on every Python and package."),
    stage_verb("coverage", "coverage", "Run the tests, and combine and check their coverage."),
    stage_verb("security", "security", "Run the security stage: code, secrets, workflows."),
    stage_verb("format", "format", "Fix what can be fixed: formatting and import order."),
    stage_verb("docs", "docs", "Build the documentation strictly, links and anchors checked."),
    stage_verb("build", "build", "Build sdist and wheel, check them, install and import the wheel."),
    verb(workflows),
    verb(verify),
    verb(doctor),
    verb(compare),
    verb(init),
)
