"""Write the reference pages from the code: `.isonox/env/bin/python -m docs.generate_reference [--check]`.

What a page says stands in docstrings, signatures and structs of isonox; here is only how it is laid out, and a few
sentences that no single object could carry. `--check` writes nothing and exits 4 where a page differs.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import itertools
import re
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import isonox
from docs import docstrings, markdown, structs
from isonox import errors, services, stages
from isonox.errors import ExitCode, IsonoxError
from isonox.history import comparison, flakiness
from isonox.model import config, hunt, pipeline, plan, record, split, verdict, workspace
from isonox.report import document
from isonox.sessions import environment
from isonox.verbs import affected, estimate
from isonox.verbs.declaration import Kind, Option, Verb
from isonox.verbs.table import verbs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import msgspec

HEADER = (
    "<!-- Made from the code by `.isonox/env/bin/python -m docs.generate_reference`: change the code, not this. -->"
)

FOLDER = Path(__file__).parent / "reference"

#: What each exit code means; a code that is missing here ends the generator with a KeyError.
MEANINGS = {
    ExitCode.OK: "Every job is green: passed, cached or waived. For other verbs: done.",
    ExitCode.JOB_FAILED: "A job is red, `isonox doctor` found something broken, or `isonox compare` a difference.",
    ExitCode.USAGE: "The command line, the configuration, the noxfile, the lock, git or `.isonox/` is at fault.",
    ExitCode.NOTHING_SELECTED: "Everything that was asked for exists, but no session fits all of it.",
    ExitCode.DRIFT: "A generated file differs from what would be written: `isonox workflows --check`, and "
    "`isonox workflows` where somebody has edited one.",
    ExitCode.SERVICE_UNHEALTHY: "Only jobs are red whose services did not become healthy, or could not be had.",
    ExitCode.DEPLOY_ROLLED_BACK: "Reserved: a deployment failed and was rolled back.",
    ExitCode.ROLLBACK_FAILED: "Reserved: the rollback failed too.",
    ExitCode.BUG: "A bug in isonox; the traceback and the address for reports are on standard error.",
    ExitCode.INTERRUPTED: "Ctrl-C, SIGTERM or a closed terminal stopped it; the records are written.",
}


def main() -> int:
    """Write the pages, or compare them with what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 4 and show the difference on drift")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages are (default: docs/reference)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    wanted = {name: f"{HEADER}\n\n{text.strip()}\n" for name, text in pages().items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    if arguments.check:
        differences = [line for name in sorted({*wanted, *found}) for line in _difference(name, found, wanted)]
        sys.stdout.writelines(differences)
        if differences:
            sys.stderr.write(
                f"error: {folder} is not what the code says\nhint: .isonox/env/bin/python -m docs.generate_reference\n"
            )
        return int(ExitCode.DRIFT if differences else ExitCode.OK)
    folder.mkdir(exist_ok=True)
    for name in found.keys() - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return int(ExitCode.OK)


def pages() -> dict[str, str]:
    """Return the text of every page by file name."""
    return {
        "command-line.md": _command_line(),
        "configuration.md": _configuration(),
        "documents.md": _documents(),
        "environment.md": _environment(),
        "exit-codes.md": _exit_codes(),
        "services.md": _services(),
        "session.md": _session(),
        "stages.md": _stages(),
    }


def _difference(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    old, new = (pages.get(name, "").splitlines(keepends=True) for pages in (found, wanted))
    yield from difflib.unified_diff(old, new, f"{name} as it is", f"{name} as the code says")


def _command_line() -> str:
    intro = """# Command line

`isonox VERB` and `inv VERB` are the same verbs; with Invoke, options have their long names only, and an argument that
may be left out is an option. `make` has short names for most of them and hands on `ARGS`: `make ci ARGS="--only lint"`.

Standard output is for data, standard error for talk. [Exit codes](exit-codes.md) have a page of their own.
"""
    alike = itertools.groupby(verbs(), key=lambda verb: verb.options if verb.takes_posargs else verb.name)
    return markdown.joined(intro, *(_verbs(tuple(verbs)) for _, verbs in alike))


def _verbs(verbs: Sequence[Verb]) -> str:
    """Describe a verb, or several with the same options, which stand beside each other."""
    first = verbs[0]
    name = first.name if len(verbs) == 1 else "VERB"
    usage = f"isonox {name} {first.usage}"
    said = [first.summary, first.description]
    if len(verbs) > 1:
        rows = [(f"`{verb.name}`", verb.summary, verb.description.partition(";")[0]) for verb in verbs]
        said = [markdown.table(("VERB", "", ""), rows), "What follows `--` is handed to the sessions."]
    arguments = markdown.table(("argument", ""), [(f"`{one.help.metavar}`", one.help.text) for one in first.arguments])
    options = markdown.table(("option", ""), [(_flag(option), option.help.text) for option in first.options])
    heading = f"## {', '.join(verb.name for verb in verbs)}"
    return markdown.joined(heading, markdown.code(usage, "text"), *said, arguments, options)


def _flag(option: Option) -> str:
    value = "" if option.kind is Kind.FLAG else f" {option.help.metavar}"
    short = f"`-{option.help.short}`, " if option.help.short else ""
    return f"{short}`{option.flag}{value}`"


def _configuration() -> str:
    intro = f"""# `[tool.isonox]`

Facts about the repository, in the root's `pyproject.toml`. All keys have defaults, so the table may be absent.
Everything that is wrong with it is reported at once, with file and key: an unknown key, a wrong type, a version that
is no string.

`runner`, `branches`, `environment`, `codecov`, `codeql`, `target-minutes`, `remote-cache` and `affected` are for the
generated workflows.

Where `pythons` is not given, the versions are those of the root's classifiers; without classifiers, those that
`requires-python` allows, up to 3.{_newest_minor()}. Where the root is no project, all packages together decide.

Where `packages` is not given, the packages are uv's workspace members; without those, every project whose
`pyproject.toml` git knows.
"""
    example = """
    [tool.isonox]
    pythons = ["3.12", "3.13"]
    packages = ["libs/*", "services/*"]
    pass-env = ["MY_LICENCE_SERVER"]

    [tool.isonox.licenses]
    deny = ["GPL-3.0-only"]
    """
    licences = [
        "## `[tool.isonox.licenses]`",
        docstrings.of(config.Licenses).summary,
        structs.fields(config.Licenses, structs.TOML),
        "## `[[tool.isonox.quarantine]]`",
        docstrings.of(config.Quarantined).summary,
        structs.fields(config.Quarantined, structs.TOML),
    ]
    return markdown.joined(
        intro, markdown.code(inspect.cleandoc(example), "toml"), structs.fields(config.Config, structs.TOML), *licences
    )


def _newest_minor() -> int:
    from isonox.workspace.pythons import NEWEST_MINOR  # noqa: PLC0415 - one figure for one sentence

    return NEWEST_MINOR


def _documents() -> str:
    intro = """# Records, plans and other documents

A run keeps `plan.json` and `records/<job>.json` in `.isonox/runs/<id>/`. The other documents are what verbs print with
`--json`. Every field is always written. Plan, record and run carry a `version`; isonox refuses to read a plan or a
record of another version.
"""
    sections: list[tuple[str, str, type[msgspec.Struct]]] = [
        ("Record", "`.isonox/runs/<id>/records/<job>.json`", record.Record),
        ("Plan", "`.isonox/runs/<id>/plan.json`, and `isonox plan --json`", plan.Plan),
        ("Run", "`isonox ci --json`", document.RunDocument),
        ("Comparison", "`isonox compare --json`", comparison.Comparison),
        ("Affected packages", "`isonox affected --json`", affected.AffectedDocument),
        ("Estimate", "`isonox estimate --json`", estimate.EstimateDocument),
        ("Estimate of a run", "`isonox estimate --run RUN --json`", estimate.ValidationDocument),
        ("Tests of a job", "`.isonox/runs/<id>/artifacts/<job>/tests.json`", split.Evidence),
        ("Balance of shards", "`isonox split --json`", split.SplitDocument),
        ("Flaky tests", "`isonox flaky --json`", flakiness.FlakinessDocument),
        ("Hunt", "`isonox flaky --hunt TEST --json`", hunt.HuntDocument),
        ("Pipeline", "`isonox plan --all --json`", pipeline.Pipeline),
        ("Workspace", "`isonox plan --packages --json`", workspace.Workspace),
    ]
    facts = docstrings.of(isonox.session).sections["Args"]
    parts = [intro]
    described: set[type] = {record.Record, plan.Plan}
    for title, where, struct in sections:
        parts += [f"## {title}", where, docstrings.of(struct).summary, structs.fields(struct, structs.JSON)]
        for part in structs.parts(struct):
            if part not in described:
                described.add(part)
                parts += [
                    f"### {title}: {part.__name__}",
                    docstrings.of(part).summary,
                    structs.fields(part, structs.JSON, facts if part is pipeline.Facts else None),
                ]
    words = ", ".join(f"`{word.value}`" + (" (green)" if word.green else "") for word in verdict.Verdict)
    return markdown.joined(*parts, "## Verdicts", f"{docstrings.of(verdict.Verdict).summary}\n\n{words}.")


def _environment() -> str:
    intro = f"""# Environment variables of a session

A session that is declared with `isonox.session` or a standard stage sees these variables and no others; where they come
from, and why, is [explained](../explanation.md#the-declared-environment). A plain `nox.session` keeps the environment
that nox was started in.

- The variables below, if they are set. Patterns are those of Python's `fnmatch`.
- What `[tool.isonox] pass-env` and the session's `secrets` name, if it is set.
- {", ".join(f"`{name}={value}`" for name, value in environment.FIXED.items())}.
- How many cores it has: see below.
- The URLs of its [services](services.md).
- What the session's `env` says, which comes last and wins.
"""
    groups = _allowed_groups()
    if tuple(name for names in groups.values() for name in names) != environment.ALLOWED:
        raise ValueError("the source of environment.ALLOWED can't be read any more")
    lists = (f"## {title}\n\n" + ", ".join(f"`{name}`" for name in names) for title, names in groups.items())
    cores = f"""## How many cores

The session's share of the machine, `session.cores`. These say how many, never what to do: no result may depend on them,
so they are no part of a fingerprint. [How to share the cores](../how-to/cores.md).

{markdown.table(("variable", "read by"), [(f"`{name}`", reader) for name, reader in environment.CORES.items()])}
"""
    return markdown.joined(intro, cores, *lists)


def _allowed_groups() -> dict[str, list[str]]:
    """Read the allow-list with the comments between its lines, which are its headings."""
    lines = inspect.getsource(environment).partition("\nALLOWED = (\n")[2].partition("\n)")[0].splitlines()
    groups: dict[str, list[str]] = {}
    names: list[str] = []
    for line in lines:
        if line.strip().startswith("#"):
            names = groups.setdefault(line.strip("# ").capitalize(), [])
        else:
            names += re.findall(r'"([^"]+)"', line)
    return groups


def _exit_codes() -> str:
    codes = markdown.table(("code", "name", "meaning"), [(str(int(c)), f"`{c.name}`", MEANINGS[c]) for c in ExitCode])
    tree = [
        (f"`{error.__name__}`", str(int(error.exit_code)), docstrings.of(error).summary)
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, IsonoxError) and error is not IsonoxError
    ]
    return f"""# Exit codes and errors

`isonox` and `inv` end with these codes. `make` has codes of its own: whatever isonox ends with, a failed target is 2.

{codes}

## Errors

An error is one message on standard error: what happened and where, then a line `hint:` that says what to do. Inside of
a session, an error fails that session, and is the reason in its record.

{markdown.table(("error", "code", "meaning"), tree)}
"""


def _services() -> str:
    intro = """# Services

What a noxfile gives to `services=` of a session or stage. [How to use them](../how-to/services.md).
"""
    parts = [f"## {name}\n\n{_function(f'services.{name}', getattr(services, name))}" for name in services.__all__]
    return markdown.joined(intro, *parts)


def _session() -> str:
    function: Any = isonox.session
    members = [(name, member) for name, member in vars(isonox.Session).items() if not name.startswith("_")]
    documented = [_member(name, member) for name, member in members if not isinstance(member, classmethod)]
    return markdown.joined(
        "# Sessions",
        "What a noxfile declares with `isonox.session`, and what its function gets as `isonox.Session`.",
        "`inputs` and `cache` are kept with the session, but used by nothing in this version.",
        "## isonox.session",
        _function("isonox.session", function),
        "## isonox.Session",
        docstrings.of(isonox.Session).summary,
        *documented,
    )


def _member(name: str, member: Any) -> str:
    if isinstance(member, property):
        kind = inspect.signature(member.fget or _session).return_annotation
        docstring = docstrings.of(member)
        parts = [
            f"### {name}",
            markdown.code(f"session.{name}: {kind}", "python"),
            docstring.summary,
            docstring.description,
        ]
        return markdown.joined(*parts)
    return f"### {name}\n\n{_function(f'session.{name}', member)}"


def _stages() -> str:
    intro = """# Standard stages

Each call declares one session (or one per Python, or per package). All options are keywords, and all have defaults.
The tools come from a dependency group of the root's `pyproject.toml`, at the versions of `uv.lock`.

Every stage also takes these options of [`isonox.session`](session.md#isonoxsession): """
    shared = ", ".join(f"`{name}`" for name in inspect.get_annotations(_stage_options()))
    parts = [f"## {name}\n\n{_function(f'stages.{name}', getattr(stages, name))}" for name in stages.__all__]
    beside = " `inputs` come beside those that a stage has by itself; `inputs=None` means every file."
    return markdown.joined(f"{intro}{shared}.{beside}", *parts)


def _stage_options() -> type:
    from isonox.stages.options import StageOptions  # noqa: PLC0415 - `stages` above is the noxfile's view

    return StageOptions


def _function(name: str, function: Any) -> str:
    """Return signature and docstring of a function."""
    documented = docstrings.of(function)
    whole = (typing.get_overloads(function) or [function])[-1]  # the longest one comes last
    parameters = {*inspect.signature(whole).parameters, "nox_arguments"}
    parts = [markdown.code(_signature(name, whole), "python"), documented.summary, documented.description]
    for section, entries in documented.sections.items():
        heading = {"Args": "argument", "Raises": "raises", "Returns": "returns"}[section]
        if section == "Returns":
            parts.append(f"Returns: {entries['']}")
        else:
            shown = entries.items() if section == "Raises" else ((n, t) for n, t in entries.items() if n in parameters)
            parts.append(markdown.table((heading, ""), [(f"`{entry}`", text) for entry, text in shown]))
    return markdown.joined(*parts)


#: What stands before a parameter's name.
_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _signature(name: str, function: Any) -> str:
    """Return a signature, one parameter a line; annotations are strings in isonox's modules."""
    lines, keywords = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            lines.append("*")
        star = _STARS.get(parameter.kind, "")
        keywords = keywords or star == "*"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        lines.append(f"{star}{parameter.name}: {parameter.annotation}{default}")
    inside = "".join(f"    {line},\n" for line in lines)
    return f"{name}(\n{inside})" if inside else f"{name}()"


if __name__ == "__main__":
    sys.exit(main())
