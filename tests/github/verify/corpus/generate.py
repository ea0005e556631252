"""Writes expressions.json: expressions, and what GitHub's own library makes of each.

The expressions come from a seed, so that another version of the library gives a readable difference. Usage::

    npm install @actions/expressions@0.3.61 --prefix DIR
    python tests/github/verify/corpus/generate.py DIR/node_modules

The library differs from GitHub's runner in corners, where isonox does as the runner does; expressions from there are
left out (`differs`), and `test_expressions.py` has them by hand.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
SEED = 20260101

CONTEXTS: dict[str, Any] = {
    "github": {
        "event_name": "pull_request",
        "ref": "refs/heads/main",
        "run_number": 42,
        "repository_owner": "octo-org",
        "event": {
            "action": "opened",
            "pull_request": {
                "draft": False,
                "number": 7,
                "title": "It's {0} of 100% ${{ x }}",
                "labels": [
                    {"name": "bug", "color": "d73a4a", "tags": ["a", "b"]},
                    {"name": "Docs", "default": True, "tags": []},
                    {"id": 3, "tags": ["c"]},
                ],
                "milestone": None,
            },
            "commits": [
                {"id": "c1", "author": {"name": "Ann"}, "files": [{"path": "a.py"}, {"path": "b.py"}]},
                {"id": "c2", "author": {"name": "Bob", "bot": False}, "files": []},
            ],
        },
    },
    "needs": {
        "tests": {"result": "success", "outputs": {"count": "12", "empty": ""}},
        "lint": {"result": "failure", "outputs": {}},
        "docs": {"result": "skipped"},
    },
    "matrix": {"session": "tests-3.12", "python": 3.12, "os": "ubuntu-24.04", "experimental": True, "level": -1.5},
    "inputs": {"Mixed-Case": "value", "count": 3, "zero": 0, "flag": False, "text": "", "none": None, "spaced": " 10 "},
    "lists": {
        "numbers": [0, 1, 2.5, -3, 1000000],
        "texts": ["zero", "One", "TWO", "", "1"],
        "mixed": [None, True, False, 0, "", "a", [1, [2, 3]], {"k": "v", "n": [4]}],
        "nested": [[1, 2], [3, [4, 5]], [], 6],
        "empty": [],
        "objects": [{"a": 1, "b": {"a": 2}}, {"A": 3}, {"b": [{"a": 4}, {"a": 5}]}, "a", None],
    },
    "object": {
        "a": 1,
        "B": "two",
        "c d": [True],
        "quote'd": "q",
        "empty": {},
        "x": {"y": {"z": {"deep": [0, {"er": 1}]}}},
    },
    "text": "Hello, World",
    "number": 10,
    "truth": True,
    "nothing": None,
}
#: The status functions: what they return, and how many arguments they take.
FUNCTIONS = {
    "success": {"value": True, "least": 0, "most": 255},
    "failure": {"value": False, "least": 0, "most": 255},
    "always": {"value": True, "least": 0, "most": 0},
    "cancelled": {"value": False, "least": 0, "most": 0},
}


def listed(text: str) -> list[str]:
    """Return the items of a text; two spaces or the end of a line are between them."""
    return re.split(r" {2,}|\n *", text.strip())


NUMBERS = listed(r"""
    0  1  2  -1  +1  42  3.12  0.5  .5  -.5  +.25  5.  00012  -0  0.0  1e3  1E3  1e-2  1.5e+2  0xff  0xFF  0x0
    0x7fffffff  0o17  0o0  123456789012345  NaN  Infinity  -Infinity  +Infinity  1e400  -1e400
""")
TEXTS = [
    "'\t\n'",
    *listed(r"""
    ''  'a'  'A'  'b'  'hello, world'  'World'  '0'  '1'  ' 1 '  '-1'  '1.0'  '1e1'  '0x1F'  '0o7'  '1 2'  'true'
    'TRUE'  'false'  'null'  'NaN'  'Infinity'  '-Infinity'  ' '  'it''s'  'success'  'Failure'  'tests'  'ref'
    'refs/heads/'  '3.12'  '.5'  '1,2'  'ä'  'Ä'  '日本'  'Object'  'Array'  '{0}'  '[1]'  '[z'  '_'  '}}'
"""),
]
SIMPLE = ["null", "true", "false", *NUMBERS, *TEXTS]
READS = listed(r"""
    text  number  truth  nothing  object  object.empty  lists  lists.empty  lists.numbers  lists.texts  lists.mixed
    lists.mixed[6]  needs.tests.result  needs.lint.result  needs.*.result  matrix.session  matrix.python
    matrix.level  inputs.count  inputs.text  inputs.none  inputs.flag  inputs['mixed-case']  inputs.spaced
    github.event.pull_request.draft  github.event.commits.*.author.name  github.event.pull_request.title  GitHub.Ref
    github.missing  github.missing.deeper  lists.objects.*.a  needs.tests.outputs.count  object['B']
    object['quote''d']  lists.nested
""")
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
KEYS = listed(r"""
    a  A  b  B  c  x  y  z  deep  name  id  tags  author  files  path  result  outputs  tests  labels  commits
    event  pull_request  objects  nested  mixed  missing  k  n  er
""")
JSON = [
    " [ ] ",
    "",
    " ",
    '"a\nb"',
    "// c\n1",
    *listed(r"""
    null  true  false  0  -0  1.50  -1e2  1E+3  "text"  "\u00e4\n\t"  ""  []  {}  [1,2,3]  ["a",["b",[]],{}]
    {"a":1}  {"a":{"b":[1,{"c":null}]},"d":true}  {"a":1,"a":2}  {"a":1,"A":2}
    {"include":[{"os":"linux","v":3.12},{"os":"mac"}]}  123456789012  [1,]  {a:1}  {'a':1}  nul  {"a"}  [1  "open
    1 2  NaN  Infinity  -Infinity  01  +1  .5  1.  [true false]  True  {"a":1,}  "\x"  [[[[[1]]]]]  {"":0}
    {" a ":[ 1 , 2 ]}  "\ud83d\ude00"  1e5
"""),
]
BROKEN = [
    "",
    " ",
    "1 == ",
    *listed(r"""
    (  )  ()  []  1 +  +  -  .  ..  *  a  foo  foo.bar  foo()  foo(1)  1 < )  > 1  github.  github..ref  github.()
    github[  github[]  github[1  github['ref'  github.[0]  github ref  github.*ref  github.5  github.ref()  github()
    'open  open'  "double"  1 2  (1,2)  (1  1)  contains('a')  contains()  contains('a','b','c')  contains('a' 'b')
    contains(,)  contains(,'a')  tojson()  tojson(1,2)  fromjson()  join()  join(1,2,3)  format()  startswith('a')
    endswith('a','b','c')  case()  case(true)  case(true,1)  case(true,1,2,3)  case(1,2,3)  case('true',2,3)
    case(null,2,3)  always(1)  cancelled('a')  true.a  null[0]  'a'.b  'a'[0]  1[0]  1.a  1.2.3  1e  1e+  0x  0o8
    0xg  -0x1  1_000  -Inf  infinity  nan  True  NULL  a-b  1-1  1 - 1  1 + 1  !  !!  1 !  1 ! 2  = 1  1 = 1
    1 === 1  == 1  1 == == 1  1 & 2  1 | 2  1 &&  || 1  1 &&& 2  1 <> 2  1 => 2  1 ? 2  true && foo  true || foo
    false && foo()  true || contains()  github.ref == 'a' ||  $x  @x  #  \  ~1  a.b.c  ref  github->ref  github::ref
    github.event?.x  [1]  {}  {'a': 1}  not true  true and false  hashFiles('a')  fromJSON('{')  fromJSON(github)
    fromJSON(lists)  format('{')  format('}')  format('{0}')  format('{-1}', 1)  format('{ 0}', 1)  format('{a}', 1)
    format('{}', 1)  format('{1}', 1)  github.ref.
"""),
]


def differs(text: str) -> bool:
    """Return whether the library is known to treat an expression in another way than the runner."""
    return bool(
        re.search(r",\s*\)", text)  # the library allows a comma after the last argument
        or any(literal.count("''") > 1 for literal in re.findall(r"'(?:[^']|'')*'", text))  # it reads one '' only
        or re.search(r"\b0[XOBb]|0[xo][0-9a-fA-F]{9}", text)  # it has more kinds of numbers
        or re.search(r"\{\d+[^\d}]", text)  # it ignores what follows the index in format
        or re.search(r"\d{16}|(?i:to_?json\W*[-+]?(nan|inf|1e400))", text)  # it has more digits, and null for NaN
    )


class Generator:
    """Makes random expressions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - nothing secret

    def pick(self, choices: list[str]) -> str:
        """Return one of them."""
        return self.random.choice(choices)

    def leaf(self) -> str:
        """Return a literal or a read."""
        return self.pick(SIMPLE if self.random.random() < 0.5 else READS)

    def quoted(self, text: str) -> str:
        """Return a text as a literal."""
        return "'" + text.replace("'", "''") + "'"

    def chain(self) -> str:
        """Return reads of properties, indices and filters, some beside what there is."""
        text = self.pick(
            ["github", "needs", "matrix", "lists", "object", "lists.objects", "lists.nested", "lists.mixed"]
        )
        text = self.pick([text, text, text, f"({text})", f"fromJSON(toJSON({text}))", text.upper()])
        for _ in range(self.random.randint(1, 5)):
            key, index = self.pick(KEYS), self.pick(["1.9", "true", "null", "NaN", "lists", "-0.5", self.leaf()])
            plain = [f".{key}", f".{key}", f" . {key}", f".{key.upper()}", f"['{key}']", ".*", "[*]"]
            text += self.pick([*plain, f"[{self.random.randint(-1, 4)}]", "[ 0 ]", f"[{index}]"])
        return self.pick([text, text, text, f"toJSON({text})", f"join({text}, '|')"])

    def template(self) -> str:
        """Return a call of format, not always a good one."""
        pieces = ["{0}", "{1}", "{2}", "{{", "}}", "{", "}", "a", " ", "{{{0}}}", "''", "{00}", "{10}", "{0", "é"]
        weights = [9, 6, 3, 3, 3, 1, 1, 6, 4, 2, 1, 1, 1, 1, 2]
        text = "".join(self.random.choices(pieces, weights, k=self.random.randint(0, 6)))
        arguments = [self.leaf() for _ in range(self.random.randint(0, 4))]
        return "format(" + ", ".join([f"'{text}'", *arguments]) + ")"

    def call(self, operand: Callable[[], str]) -> str:
        """Return a call of a function that can't fail."""
        name = self.pick(["contains", "startsWith", "endsWith", "join", "toJSON", "case", "status", "format"])
        name = self.pick([name, name, name.upper(), name.lower()])
        match name.lower():
            case "join":
                return f"{name}({', '.join(operand() for _ in range(self.random.randint(1, 2)))})"
            case "tojson":
                return f"{name}({operand()})"
            case "format":
                return f"{name}('{{0}}-{{1}}', {operand()}, {operand()})"
            case "case":
                pairs = [f"!({operand()}), {operand()}" for _ in range(self.random.randint(1, 3))]
                return f"{name}({', '.join(pairs)}, {operand()})"
            case "status":
                return self.pick(
                    ["success()", "failure()", "always()", "cancelled( )", "Always ()", "success('a', 'b')"]
                )
            case _:
                return f"{name}({operand()}, {operand()})"

    def tree(self, depth: int) -> str:
        """Return an expression of any kind."""
        if depth <= 0 or self.random.random() < 0.1:
            return self.leaf()

        def inner() -> str:
            return self.tree(depth - 1)

        space = self.pick(["", " ", " ", "  ", "\n"])
        match self.random.randint(0, 6):
            case 0 | 1:
                operator = self.pick(COMPARISONS)
                return f"{inner()}{space}{operator}{space}{inner()}"
            case 2 | 3:
                operator = self.pick(["&&", "||"])
                return f"{inner()}{space}{operator}{space}{inner()}"
            case 4:
                return f"!{inner()}" if self.random.random() < 0.5 else f"!({inner()})"
            case 5:
                return f"({space}{inner()}{space})"
            case _:
                return self.call(inner)

    def broken(self) -> str:
        """Return an expression after an accident: a token is lost, doubled, moved, or another."""
        tokens = re.findall(r"'(?:[^']|'')*'|[\w.]+|&&|\|\||[!=<>]=|\S", self.tree(3))
        place = self.random.randrange(len(tokens))
        match self.random.randint(0, 3):
            case 0:
                del tokens[place]
            case 1:
                tokens.insert(place, tokens[place])
            case 2:
                tokens.insert(place, tokens.pop(self.random.randrange(len(tokens))))
            case _:
                tokens[place] = self.pick(
                    ["(", ")", "[", "]", ".", ",", "*", "!", "&&", "==", "=", "&", "'", "1", "x", "-", "?"]
                )
        return self.pick([" ", ""]).join(tokens)

    def families(self) -> Iterator[tuple[str, list[str]]]:
        """Return all expressions under the name of what they try."""
        pairs = [(left, right) for left in [*SIMPLE, *READS] for right in [*SIMPLE, *READS]]
        yield (
            "literals",
            [*SIMPLE, *READS, *(f"!{leaf}" for leaf in [*SIMPLE, *READS]), *(f" {leaf}\n" for leaf in SIMPLE)],
        )
        yield "comparison", [f"{x} {self.pick(COMPARISONS)} {y}" for x, y in self.random.sample(pairs, 900)]
        yield "order", [f"{x} {op} {y}" for x in TEXTS[:8] for y in TEXTS[:8] for op in ["<", ">="]]
        yield "access", [self.chain() for _ in range(800)]
        yield "functions", [self.call(self.leaf) for _ in range(600)]
        yield "format", [self.template() for _ in range(350)]
        yield (
            "json",
            [*(f"fromJSON({self.quoted(text)})" for text in JSON), *(f"toJSON({leaf})" for leaf in [*SIMPLE, *READS])],
        )
        yield "json again", [f"toJSON(fromJSON({self.quoted(text)}))" for text in JSON]
        yield "trees", [self.tree(self.random.randint(2, 4)) for _ in range(900)]
        yield "errors", [*BROKEN, *(self.broken() for _ in range(500))]
        yield (
            "depth",
            [
                form(count)
                for count in (1, 2, 10, 47, 48, 49, 50, 51, 60)
                for form in (
                    lambda count: "!" * count + "true",
                    lambda count: "join(" * count + "1" + ")" * count,
                    lambda count: "object" + ".x" * count,
                    lambda count: "object" + "[0]" * count,
                    lambda count: " && ".join(["true"] * (count + 1)),
                    lambda count: " || ".join(["false"] * (count + 1)),
                )
            ],
        )


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("node_modules", type=Path)
    modules = parser.parse_args().node_modules
    families = {
        name: [text for text in dict.fromkeys(texts) if not differs(text)] for name, texts in Generator(SEED).families()
    }
    request = {
        "contexts": CONTEXTS,
        "functions": FUNCTIONS,
        "expressions": [text for texts in families.values() for text in texts],
    }
    answer = subprocess.run(
        ["node", str(HERE / "evaluate.mjs"), str(modules)],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    results = iter(json.loads(answer.stdout))
    version = json.loads((modules / "@actions/expressions/package.json").read_text("utf-8"))["version"]

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    parts = [
        f'"library":{line(f"@actions/expressions {version}")}',
        *(f"{line(key)}:{line(value)}" for key, value in (("contexts", CONTEXTS), ("functions", FUNCTIONS))),
        '"families":{\n'
        + ",\n".join(
            f"{line(name)}:[\n" + ",\n".join(line([text, next(results)]) for text in texts) + "\n]"
            for name, texts in families.items()
        )
        + "\n}",
    ]
    (HERE / "expressions.json").write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
