"""Broken links and anchors, found offline: in a built site, and in the Markdown of a repository."""

from __future__ import annotations

import functools
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_FENCE = re.compile(r"^(?P<mark> {0,3}(?:```+|~~~+)).*?^(?P=mark)`*~*[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?P<mark>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=mark)(?!`)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<text>.+?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
_UNDERLINED = re.compile(r"^(?P<text>\S.*)\n(?:=+|-{2,})[ \t]*$", re.MULTILINE)
_INLINE = re.compile(
    r"\]\(\s*(?P<target><[^>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
)
_REFERENCE = re.compile(r"^ {0,3}\[[^\]^][^\]]*\]:[ \t]*(?P<target>\S+)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"'](?P<target>[^\"']*)[\"']")
_ANCHOR = re.compile(r"\b(?:id|name)=[\"']([^\"']+)[\"']|\{\s*#([\w-]+)[^}]*\}")
_LINK_TEXT = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
#: Line ranges of a file, as GitHub shows them: `#L10-L20`.
_LINES = re.compile(r"L\d+(?:C\d+)?(?:-L\d+(?:C\d+)?)?")


class Broken(NamedTuple):
    """A link that leads nowhere; `file` is relative to the folder that was searched."""

    file: str
    line: int
    target: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.target} ({self.why})"


def in_site(site: Path) -> list[Broken]:
    """Check every link of every HTML file of a built site: the file must be there, and the anchor in it.

    Links to other hosts are not followed. One that starts with "/" may include the folder that the site is served
    below.
    """
    pages = {path: _page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for line, target in page.links:
            if why := _broken_in_site(site, path, target, pages):
                found.append(Broken(path.relative_to(site).as_posix(), line, target, why))
    return found


def in_markdown(root: Path, names: Iterable[str]) -> list[Broken]:
    """Check the relative links of Markdown files: the file must be there, and the heading, as GitHub names anchors.

    Args:
        root: The repository's root; a link that starts with "/" starts there.
        names: Files to check, relative to it.
    """
    found = []
    for name in names:
        text = _without_code((root / name).read_text(encoding="utf-8", errors="replace"))
        for line, target in _markdown_links(text):
            if why := _broken_in_markdown(root, root / name, target):
                found.append(Broken(name, line, target, why))
    return found


class _Page(HTMLParser):
    """The links and anchors of one HTML page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[int, str]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what the tag defines and refers to."""
        values = dict(attrs)
        for name in ("id", "name"):
            if values.get(name) and (name == "id" or tag == "a"):
                self.anchors.add(str(values[name]))
        for name in ("href", "src"):
            target = values.get(name)
            if target is not None and (tag, values.get("rel")) not in {("link", "canonical"), ("link", "alternate")}:
                self.links.append((self.getpos()[0], target.strip()))


def _page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8", errors="replace"))
    page.close()
    return page


def _broken_in_site(site: Path, page: Path, target: str, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return ""
    path = unquote(parts.path)
    inner = path.lstrip("/")
    starts = [site / inner, site / inner.partition("/")[2]] if path.startswith("/") else [page.parent / path]
    files = [_file(start if path else page) for start in starts]
    there = next((file for file in files if file is not None), None)
    if there is None:
        return "no such file in the site"
    if there in pages and not _known(unquote(parts.fragment), pages[there].anchors):
        return f"no such anchor in {there.relative_to(site).as_posix()}"
    return ""


def _file(path: Path) -> Path | None:
    """Return the file that a web server would send, or None."""
    resolved = path.resolve()
    for candidate in (resolved, resolved / "index.html", resolved.with_name(f"{resolved.name}.html")):
        if candidate.is_file():
            return candidate
    return None


def _known(fragment: str, anchors: Collection[str]) -> bool:
    """Return whether a fragment is there; HTML knows two without an element, and `:~:` selects text."""
    return fragment in ("", "top") or fragment.startswith(":~:") or fragment in anchors


def _broken_in_markdown(root: Path, source: Path, target: str) -> str:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target:
        return ""
    path = unquote(parts.path)
    there = (root / path.lstrip("/") if path.startswith("/") else source.parent / path) if path else source
    if not there.resolve().is_relative_to(root.resolve()):
        return ""  # on GitHub, `../../issues` leads out of the files to the repository's other pages
    if not there.exists():
        return "no such file"
    if there.suffix.lower() in (".md", ".markdown") and not _LINES.fullmatch(parts.fragment):
        return "" if _known(unquote(parts.fragment).lower(), _anchors(there)) else f"no such heading in {there.name}"
    return ""


@functools.lru_cache(maxsize=4096)
def _anchors(path: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to headings: https://docs.github.com/en/get-started/writing-on-github."""
    text = _without_code(path.read_text(encoding="utf-8", errors="replace"), spans=False)
    headings = sorted(
        (match.start(), match["text"]) for pattern in (_HEADING, _UNDERLINED) for match in pattern.finditer(text)
    )
    found = {(html or attribute).lower() for html, attribute in _ANCHOR.findall(text)}
    counts: dict[str, int] = {}
    for _, heading in headings:
        slug = _slug(heading)
        count = counts.get(slug, 0)
        counts[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return frozenset(found)


def _slug(heading: str) -> str:
    plain = re.sub(r"<[^>]+>", "", _LINK_TEXT.sub(r"\1", heading)).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain.replace("*", "").replace("`", "")).replace(" ", "-")


def _markdown_links(text: str) -> Iterator[tuple[int, str]]:
    for pattern in (_INLINE, _REFERENCE, _ATTRIBUTE):
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match["target"].strip("<>")


def _without_code(text: str, *, spans: bool = True) -> str:
    """Blank out code and comments, keeping the lines."""
    patterns = (_COMMENT, _FENCE, _CODE) if spans else (_COMMENT, _FENCE)
    for pattern in patterns:
        text = pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text
