"""The docs stage: a strict build, and no link or anchor that leads nowhere."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple, Unpack

from isonox.errors import ConfigurationError, did_you_mean
from isonox.sessions.declare import session as declare_session
from isonox.stages import outcome
from isonox.stages.links import in_markdown, in_site
from isonox.stages.options import StageOptions, install_tools, listed, require_tools, with_defaults
from isonox.system import git

if TYPE_CHECKING:
    from isonox.sessions.session import Session

Builder = Literal["mkdocs", "zensical", "sphinx"]

#: What each builder is configured by, first one wins.
_CONFIGURATIONS: dict[str, tuple[str, ...]] = {
    "zensical": ("zensical.toml",),
    "mkdocs": ("mkdocs.yml", "mkdocs.yaml"),
    "sphinx": ("docs/conf.py", "doc/conf.py", "docs/source/conf.py", "conf.py"),
}
_MKDOCS_PROBLEM = re.compile(r"^(?:WARNING|ERROR) +- +(?P<message>.+)$", re.MULTILINE)
_SPHINX_PROBLEM = re.compile(
    r"^(?P<path>[^\s:][^:\n]*):(?:(?P<line>\d+):)? (?P<message>(?:WARNING|ERROR).+)$", re.MULTILINE
)
_ZENSICAL_PROBLEM = re.compile(
    r"^(?:Warning|Error): (?P<message>.+)\n\s*╭─\[ (?P<path>.+?):(?P<line>\d+):\d+ \]$", re.MULTILINE
)


class _Site(NamedTuple):
    """What is built, and by what; `configuration` is relative to the workspace root."""

    builder: str
    configuration: str


def docs(
    *,
    builder: Builder | None = None,
    links: bool = True,
    group: str | None = None,
    python: str | None = None,
    **options: Unpack[StageOptions],
) -> None:
    """Declare the session `docs`: build the documentation strictly and follow its links.

    Built is what `zensical.toml`, `mkdocs.yml` or Sphinx's `conf.py` describes; warnings are errors. Then every link
    and anchor inside of the built site is followed, and those between the repository's Markdown files (README.md
    into docs/, for example), as GitHub shows them. Links to other hosts are not: that would make the verdict depend
    on them. The site is kept as `site` among the artifacts. Arguments after `--` go to the builder.

    The project is installed beside the tools, so that API documentation can import it.

    Args:
        builder: "mkdocs", "zensical" or "sphinx"; by default what is configured (mkdocs.yml is zensical's too, where
            the group lists that instead).
        links: Follow links.
        group: The dependency group that holds the builder; by default "docs", else "dev".
        python: The interpreter that it runs on; nox's own by default.
        options: As for `isonox.session`.

    Raises:
        ConfigurationError: `builder` is one that isonox does not know.
    """
    if builder is not None and builder not in _CONFIGURATIONS:
        raise ConfigurationError(
            f"docs: builder is {builder!r}, which isonox does not know{did_you_mean(builder, _CONFIGURATIONS)}",
            hint=f"known are {', '.join(_CONFIGURATIONS)}",
        )

    def run_docs(session: Session) -> None:
        """Build the documentation strictly and follow its links."""
        installed = install_tools(session, "docs", group=group, tools=(builder or "mkdocs",), with_project=True)
        site = _find(session, builder, installed)
        require_tools(session, installed, site.builder)
        target = session.artifacts / "site"
        shutil.rmtree(target, ignore_errors=True)
        complaint = _BUILDERS[site.builder](session, site.configuration, target)
        if not complaint and not any(target.rglob("*.html")):
            complaint = f"{site.builder} built no page"
        broken = _follow(session, None if complaint else target, _sources(session, site)) if links else ""
        if complaint or broken:
            session.error("; ".join(filter(None, (complaint, broken))))

    declare_session(name="docs", python=python, tags=["docs"], **with_defaults(options))(run_docs)


def _find(session: Session, builder: str | None, group: str) -> _Site:
    """Return what there is to build.

    Raises:
        ConfigurationError: Nothing is.
    """
    tools = listed(session.root, group)
    for name, candidates in _CONFIGURATIONS.items():
        for candidate in (each for each in candidates if (session.root / each).is_file()):
            takes_over = builder == "zensical" or (builder is None and "zensical" in tools and "mkdocs" not in tools)
            if name == "mkdocs" and takes_over:
                return _Site("zensical", candidate)
            if builder in (None, name):
                return _Site(name, candidate)
    wanted = [builder] if builder else list(_CONFIGURATIONS)
    names = ", ".join(_CONFIGURATIONS[name][0] for name in wanted)
    raise ConfigurationError(
        f"there is no documentation to build: {names} {'does' if len(wanted) == 1 else 'do'} not exist",
        hint="start with: echo 'site_name: My project' > mkdocs.yml, and docs/index.md",
    )


def _mkdocs(session: Session, configuration: str, target: Path) -> str:
    """Build, and return what is wrong."""
    done = outcome.run(
        session,
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        configuration,
        "--site-dir",
        str(target),
        *session.posargs,
    )
    outcome.report_findings(session, "mkdocs", done.output, _MKDOCS_PROBLEM)
    return f"mkdocs: {done}" if done.failed else ""


def _sphinx(session: Session, configuration: str, target: Path) -> str:
    """Build, and return what is wrong."""
    doctrees = str(Path(session.create_tmp()) / "doctrees")
    shutil.rmtree(doctrees, ignore_errors=True)  # what is not read again does not warn again
    argv = ["sphinx-build", "-W", "--keep-going", "-b", "html", "-d", doctrees, *session.posargs]
    done = outcome.run(session, *argv, str(PurePosixPath(configuration).parent), str(target))
    outcome.report_findings(session, "sphinx", done.output, _SPHINX_PROBLEM)
    return f"sphinx: {done}" if done.failed else ""


def _zensical(session: Session, configuration: str, target: Path) -> str:
    """Build where its configuration says, copy that, and return what is wrong."""
    argv = ["zensical", "build", "--strict", "--clean", "--config-file", configuration, *session.posargs]
    done = outcome.run(session, *argv)
    outcome.report_findings(session, "zensical", done.output, _ZENSICAL_PROBLEM)
    built = session.root / _setting(session, configuration, "site_dir", "site")
    if built.is_dir():
        shutil.copytree(built, target, ignore=shutil.ignore_patterns(".cache"))
    return f"zensical: {done}" if done.failed else ""


def _sources(session: Session, site: _Site) -> PurePosixPath:
    """Return the folder that the pages are written in, relative to the workspace root."""
    if site.builder == "sphinx":
        return PurePosixPath(site.configuration).parent
    return PurePosixPath(_setting(session, site.configuration, "docs_dir", "docs"))


def _setting(session: Session, configuration: str, name: str, default: str) -> str:
    """Read one plain setting of mkdocs.yml or zensical.toml."""
    text = (session.root / configuration).read_text(encoding="utf-8")
    if configuration.endswith(".toml"):
        return str(tomllib.loads(text).get("project", {}).get(name, default))
    match = re.search(rf"^{name}:\s*['\"]?([^'\"#\n]+?)['\"]?\s*(?:#.*)?$", text, re.MULTILINE)
    return match[1] if match else default


def _follow(session: Session, site: Path | None, sources: PurePosixPath) -> str:
    """Follow the links of the built site, and of Markdown that is no part of it; return what is wrong."""
    markdown = [
        name
        for name in git.tracked(session.root, "*.md")
        if (session.root / name).is_file() and not PurePosixPath(name).is_relative_to(sources)
    ]
    in_pages = [f"site/{link}" for link in in_site(site)] if site else []
    for text in in_pages:
        session.report_finding("links", text)
    in_files = in_markdown(session.root, markdown)
    for link in in_files:
        session.report_finding("links", f"{link.target}: {link.why}", path=link.file, line=link.line)
    broken = [*in_pages, *map(str, in_files)]
    for text in broken:
        session.log(text)
    if broken:
        return f"broken link: {broken[0]}" + (f" and {len(broken) - 1} more" if len(broken) > 1 else "")
    session.log(f"All links lead somewhere: {'in the site and ' if site else ''}in {len(markdown)} other file(s).")
    return ""


#: By name.
_BUILDERS = {"mkdocs": _mkdocs, "zensical": _zensical, "sphinx": _sphinx}
