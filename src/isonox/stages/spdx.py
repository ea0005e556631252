"""Licences by their SPDX names, and whether a policy allows what a distribution says of itself."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import PackageMetadata

#: What a distribution has that does not say its licence.
UNKNOWN = "UNKNOWN"

#: What people and trove classifiers write, lower case, where it means exactly one SPDX licence. "BSD License" is
#: not here: it may be any of several.
_ALIASES = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "new bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "boost software license 1.0 (bsl-1.0)": "BSL-1.0",
    "cc0 1.0 universal (cc0 1.0) public domain dedication": "CC0-1.0",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "historical permission notice and disclaimer (hpnd)": "HPND",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "the mit license": "MIT",
    "the mit license (mit)": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "universal permissive license (upl)": "UPL-1.0",
    "zlib/libpng license": "Zlib",
    "zope public license": "ZPL-2.1",
}
#: These only say that there is a licence.
_EMPTY = {"", "unknown", "osi approved", "dual license"}

_TOKEN = re.compile(r"\(|\)|[^\s()]+")
#: A licence's name, not its text.
_MAX_NAME = 80


def of(metadata: PackageMetadata) -> str:
    """Return the licence that a distribution declares: an SPDX expression, another name, or `UNKNOWN`.

    Its `License-Expression` (PEP 639) counts most, then its classifiers, then the free text of `License`.
    """
    if "License-Expression" in metadata:
        return named(metadata["License-Expression"])
    prefix = "License :: "
    texts = [value for value in metadata.get_all("Classifier") or [] if value.startswith(prefix)]
    names = [named(value.rpartition(" :: ")[2]) for value in texts]
    names = list(dict.fromkeys(name for name in names if name.lower() not in _EMPTY))
    if names:
        # several classifiers may mean "and" or "or"; the stricter reading can't be wrong about what is allowed
        return " AND ".join(names)
    text = metadata["License"].strip() if "License" in metadata else ""
    return named(text) if "\n" not in text and len(text) <= _MAX_NAME and text.lower() not in _EMPTY else UNKNOWN


def named(text: str) -> str:
    """Return a licence's SPDX name or expression in its usual form; what is none loses its parentheses only."""
    plain = " ".join(text.split())
    known = _ALIASES.get(plain.lower(), plain)
    try:
        return str(canonicalize_license_expression(known))
    except InvalidLicenseExpression:
        return " ".join(re.sub(r"\([^()]*\)|[()]", "", known).split()) or plain


def matches(licence: str, patterns: Iterable[str]) -> bool:
    """Return whether a licence's name is one of the patterns (`GPL-3.0-only`, `GPL-*`); case does not matter."""
    return any(
        fnmatchcase(licence.lower(), form) for pattern in patterns for form in (pattern.lower(), named(pattern).lower())
    )


def holds(expression: str, allowed: Callable[[str], bool]) -> bool:
    """Return whether one may use something under this expression: OR needs one side, AND both.

    Args:
        expression: As `of` returns it.
        allowed: Says so for one licence, with its exception if it has one (`GPL-2.0-only WITH ...`).
    """
    words: list[str] = _TOKEN.findall(expression)
    if not {"AND", "OR"}.intersection(words):
        return allowed(expression)
    return _Reader(words, allowed).either()


class _Reader:
    """Recursive descent over an expression: OR binds weakest, then AND."""

    def __init__(self, words: list[str], allowed: Callable[[str], bool]) -> None:
        self._words = words
        self._allowed = allowed

    def either(self) -> bool:
        """Read `x OR y`."""
        result = self.both()
        while self._words[:1] == ["OR"]:
            del self._words[0]
            result = self.both() or result
        return result

    def both(self) -> bool:
        """Read `x AND y`."""
        result = self.one()
        while self._words[:1] == ["AND"]:
            del self._words[0]
            result = self.one() and result
        return result

    def one(self) -> bool:
        """Read a licence's name (which may have several words), or an expression in parentheses."""
        if self._words[:1] == ["("]:
            del self._words[0]
            result = self.either()
            del self._words[:1]
            return result
        name = []
        while self._words and self._words[0] not in ("AND", "OR", "(", ")"):
            name.append(self._words.pop(0))
        return self._allowed(" ".join(name))
