"""Any noxfile becomes a pipeline, or a clear error."""

from __future__ import annotations

import sys
from pathlib import Path

import nox
import pytest

from isonox.errors import ConfigurationErrors, CycleError, ExitCode, NoxfileError
from isonox.model.pipeline import PLAIN, Pipeline
from isonox.sessions import loader


def load(folder: Path, text: str) -> Pipeline:
    """Write a noxfile and load it."""
    (folder / "noxfile.py").write_text(text)
    return loader.load(folder)


def test_default_and_other_sessions_tags_and_python_lists(tmp_path: Path) -> None:
    """Every session is there, selected or not, under nox's full signature."""
    pipeline = load(
        tmp_path,
        """
import nox

@nox.session(python=["3.12", "3.13"], tags=["unit"])
def tests(session):
    '''Run the tests.

    All of them.'''

@nox.session(python="3.13", default=False, name="a name with spaces")
def spaced(session): ...

@nox.session(python=False)
def nox(session): ...
""".replace("def nox(session)", "def nox_(session)").replace("python=False", 'python=False, name="nox"'),
    )

    assert list(pipeline.by_id) == ["tests-3.12", "tests-3.13", "a name with spaces-3.13", "nox"]
    assert pipeline.by_id["tests-3.12"].tags == ("unit",)
    assert pipeline.by_id["tests-3.12"].description == "Run the tests."
    assert not pipeline.by_id["a name with spaces-3.13"].default
    assert pipeline.by_id["nox"].facts == PLAIN
    assert pipeline.by_id["nox"].python is None


def test_three_dimensional_and_list_parameters(tmp_path: Path) -> None:
    """Ids are nox's own; each is one that `nox -s` understands."""
    pipeline = load(
        tmp_path,
        """
import nox

@nox.session(python=["3.12", "3.13"])
@nox.parametrize("django", ["4", "5"])
@nox.parametrize("db", ["pg", "sqlite"], ids=["pg", "lite"])
@nox.parametrize("extras", [[], ["a", "b"]])
def tests(session, django, db, extras): ...
""",
    )

    assert len(pipeline.sessions) == 16
    assert "tests-3.12(extras=['a', 'b'], lite, django='5')" in pipeline.by_id


def test_custom_decorators_and_hundreds_of_sessions(tmp_path: Path) -> None:
    """Sessions may be registered by code that nox knows nothing of."""
    pipeline = load(
        tmp_path,
        """
import nox

def per_service(name):
    def register(function):
        return nox.session(function, name=f"check-{name}", requires=["base"])
    return register

@nox.session
def base(session): ...

for number in range(300):
    @per_service(number)
    def check(session): ...
""",
    )

    assert len(pipeline.sessions) == 301
    assert pipeline.by_id["check-299"].requires == ("base",)


def test_requires_with_python_and_plain_names(tmp_path: Path) -> None:
    """`{python}` is filled in; a plain name means all sessions of that name, as in nox."""
    pipeline = load(
        tmp_path,
        """
import nox

@nox.session(python=["3.12", "3.13"])
def build(session): ...

@nox.session(python=["3.12", "3.13"], requires=["build-{python}"])
def tests(session): ...

@nox.session(requires=["tests"])
def coverage(session): ...
""",
    )

    assert pipeline.by_id["tests-3.13"].requires == ("build-3.13",)
    assert pipeline.by_id["coverage"].requires == ("tests-3.12", "tests-3.13")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('nox.options.sessions = ["b-3.13"]', {"b-3.13"}),
        ('nox.options.tags = ["x"]', {"a"}),
        ('nox.options.keywords = "b and not c"', {"b-3.12", "b-3.13"}),
        ('nox.options.pythons = ["3.12"]', {"b-3.12"}),
        ("", {"a", "b-3.12", "b-3.13"}),
    ],
)
def test_nox_options_decide_what_is_default(tmp_path: Path, options: str, expected: set[str]) -> None:
    """The same sessions as `nox` without arguments."""
    pipeline = load(
        tmp_path,
        f"""
import nox
{options}

@nox.session(tags=["x"])
def a(session): ...

@nox.session(python=["3.12", "3.13"])
def b(session): ...

@nox.session(default=False)
def c(session): ...
""",
    )

    assert expected == {session.id for session in pipeline.sessions if session.default}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nox\ndef broken(:\n", "noxfile.py, line 2: "),
        ("import nox\nimport not_there_at_all\n", "line 2: can't be imported: ModuleNotFoundError"),
        (
            "import nox\n\nraise RuntimeError('on purpose')\n",
            "line 3: can't be imported: RuntimeError: on purpose",
        ),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("import nox\nnox.needs_version = '>=9999'\n", "9999"),
        (
            "import nox\nnox.options.sessions = ['nope']\n@nox.session\ndef a(s): ...\n",
            "Sessions not found: nope",
        ),
        ("import nox\nnox.options.keywords = 'not ('\n@nox.session\ndef a(s): ...\n", "nox.options.keywords"),
        (
            "import nox\n@nox.session\ndef a(s): ...\n@nox.session(name='a')\ndef c(s): ...\n",
            "declared twice: a",
        ),
        (
            "import nox\n@nox.session(requires=['tset'])\ndef a(s): ...\n@nox.session\ndef test(s): ...\n",
            "'test'?",
        ),
        ("import nox\n@nox.session(requires=['x-{python}'])\ndef a(s): ...\n", "requires: "),
    ],
)
def test_a_noxfile_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    """The cause, the line, and exit code 2."""
    with pytest.raises(NoxfileError) as caught:
        load(tmp_path, text)

    assert message in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_missing_noxfile(tmp_path: Path) -> None:
    """The hint says how to start one."""
    with pytest.raises(NoxfileError, match="isonox init"):
        loader.load(tmp_path)


def test_a_missing_package_of_the_script_block_is_named(tmp_path: Path) -> None:
    """The hint repeats what the noxfile asks for."""
    with pytest.raises(NoxfileError) as caught:
        load(tmp_path, '# /// script\n# dependencies = ["nox", "nox-thing"]\n# ///\nimport nox_thing\n')

    assert "its script block asks for: nox, nox-thing" in str(caught.value)


def test_cycles_are_printed(tmp_path: Path) -> None:
    """The way round is shown."""
    with pytest.raises(CycleError, match=r"a -> b -> a|b -> a -> b"):
        load(
            tmp_path,
            "import nox\n@nox.session(requires=['b'])\ndef a(s): ...\n@nox.session(requires=['a'])\ndef b(s): ...\n",
        )


def test_equal_parameter_ids_are_refused(tmp_path: Path) -> None:
    """Two sessions that can't be told apart are an error, not one silent run."""
    with pytest.raises(ConfigurationErrors, match="two sessions are called"):
        load(
            tmp_path,
            "import nox\n@nox.session\n@nox.parametrize('x', [1, 2], ids=['same', 'same'])\ndef a(s, x): ...\n",
        )


def test_loading_leaves_no_trace_and_standard_output_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working directory, path, nox's options and stray variables are as before; prints go to standard error."""
    monkeypatch.setenv("NOXSESSION", "elsewhere")
    before = (Path.cwd(), list(sys.path), nox.options)
    text = "import nox\nprint('hello')\nnox.options.sessions = ['a']\n@nox.session\ndef a(s): ...\n"

    assert load(tmp_path, text).by_id["a"].default
    assert before == (Path.cwd(), list(sys.path), nox.options)
    assert tuple(capsys.readouterr()) == ("", "hello\n")
