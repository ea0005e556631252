"""Results of earlier runs: used exactly while they are what a run would find."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from isonox.errors import ExitCode
from isonox.sessions import run_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import MakeRepository, Repository

NOXFILE = textwrap.dedent(
    '''
    import isonox

    MARKS = {"BAD"}


    @isonox.session(per_package=True, venv_backend="none", inputs=["rules.txt"])
    def check(session):
        """Read every file that counts; one of them may be bad."""
        folders = [session.root / "libs" / name for name in FOLDERS[session.package.name]]
        files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
        text = "".join(f"{path.relative_to(session.root)}: {path.read_text()}" for path in files)
        text += (session.root / "rules.txt").read_text()
        (session.artifacts / "seen.txt").write_text(text)
        code = "import sys; sys.exit(any(mark in sys.argv[1] for mark in sys.argv[2:]))"
        session.run("python", "-S", "-c", code, text, *MARKS, *session.posargs, external=True)


    FOLDERS = {"money": ["money"], "shop": ["money", "shop"]}


    @isonox.session(venv_backend="none", requires=["check"], inputs=["rules.txt"])
    def after(session):
        """Something that reads what the checks left."""
        for record in session.run_directory.read_records():
            path = session.run_directory.kept_artifacts(record.job) / "seen.txt"
            session.log("%s %d", record.job, len(path.read_text()))
    '''
)
PACKAGE = '[project]\nname = "{}"\nversion = "1"\ndependencies = [{}]\n'
FILES = {
    "noxfile.py": NOXFILE,
    "rules.txt": "rules\n",
    "libs/money/pyproject.toml": PACKAGE.format("money", ""),
    "libs/money/coin.txt": "coin\n",
    "libs/shop/pyproject.toml": PACKAGE.format("shop", '"money"'),
    "libs/shop/shop.txt": "shop\n",
    ".gitignore": ".nox/\n.isonox/\n__pycache__/\n",
}
ALL = {"check(money)", "check(shop)", "after"}


class Run(NamedTuple):
    """What `isonox ci --json` left."""

    code: int
    document: dict[str, Any]
    talk: str
    folder: Path

    def having(self, verdict: str) -> set[str]:
        """Return the jobs with a verdict."""
        return {job for job, found in self.document["verdicts"].items() if found == verdict}

    def record(self, job: str) -> dict[str, Any]:
        """Return the record of a job."""
        found: dict[str, Any] = next(one for one in self.document["records"] if one["job"] == job)
        return found

    @property
    def seen(self) -> dict[str, str]:
        """What each check left as artifact."""
        return {path.parent.name: path.read_text() for path in (self.folder / "artifacts").glob("*/seen.txt")}


def plain() -> dict[str, str]:
    """Return the environment without what changes how isonox runs."""
    unwanted = ("NOX", "ISONOX_", "CI", "GITHUB_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def ci(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
    """Run `isonox ci --json`."""
    done = subprocess.run(
        [sys.executable, "-m", "isonox", "ci", "--json", *arguments],
        cwd=root,
        check=False,
        capture_output=True,
        text=True,
        env=plain() | dict(env or {}),
    )
    document = json.loads(done.stdout) if done.stdout else {}
    return Run(done.returncode, document, done.stderr, root / document.get("directory", ""))


@pytest.fixture
def repo(repository: MakeRepository) -> Repository:
    """Return a workspace of two packages: shop needs money."""
    return repository(FILES, settings='[tool.isonox]\npackages = ["libs/*"]\n')


def test_what_has_passed_is_not_run_again(repo: Repository) -> None:
    """Verdict, artifacts and counts are those of the run that they come from, which is named."""
    first = ci(repo.path)

    again = ci(repo.path)

    assert (ALL, ALL) == (first.having("passed"), again.having("cached")), first.talk
    assert first.seen == again.seen
    assert {"check(money)", "check(shop)"} == set(again.seen)
    assert {first.document["run"]} == {record["from_run"] for record in again.document["records"]}
    assert [] == list((again.folder / "logs").iterdir())


def test_a_change_runs_what_depends_on_it_and_nothing_else(repo: Repository) -> None:
    """A package, its dependents, and what requires their sessions."""
    ci(repo.path)
    (repo.path / "libs/shop/shop.txt").write_text("other\n")
    shop = ci(repo.path)
    (repo.path / "libs/money/coin.txt").write_text("other\n")
    money = ci(repo.path)

    assert ({"check(money)"}, {"check(shop)", "after"}) == (shop.having("cached"), shop.having("passed"))
    assert (set(), ALL) == (money.having("cached"), money.having("passed"))


def test_what_the_noxfile_looks_at_counts_and_nothing_beside(repo: Repository) -> None:
    """A variable that it asks for, a folder that it lists; not what its modules from elsewhere ask for, nor isonox."""
    looks = """
import os
import sys
from pathlib import Path

sys.path.append(os.environ["ELSEWHERE"])
import elsewhere

MARKS = {"BAD", os.environ.get("MARK", "BAD"), *(path.name for path in Path("marks").iterdir())}
"""
    noxfile = NOXFILE.replace('MARKS = {"BAD"}', looks)
    repo.write({"noxfile.py": noxfile, "marks/WORSE": "", ".gitignore": f"{FILES['.gitignore']}*.tmp\n"})
    folder = repo.path.parent / "elsewhere"
    folder.mkdir()
    (folder / "elsewhere.py").write_text("import os\nos.environ.get('OTHER')\n")
    env = {"ELSEWHERE": str(folder)}

    first, known = ci(repo.path, env=env), ci(repo.path, env=env)
    (repo.path / "marks/made.tmp").write_text("")
    other = ci(repo.path, env={**env, "OTHER": "1", "NO_COLOR": "1", "COLUMNS": "99"})
    marked = ci(repo.path, env={**env, "MARK": "coin"})
    (repo.path / "marks/rules").write_text("")
    listed = ci(repo.path, env=env)

    assert [ALL] * 3 == [first.having("passed"), known.having("cached"), other.having("cached")], first.talk
    assert {"check(money)", "check(shop)"} == marked.having("failed") == listed.having("failed")


def test_a_module_that_the_noxfile_can_do_without_counts_when_it_comes(repo: Repository) -> None:
    """Also one that git ignores, from then on with what is in it."""
    local = (
        'import sys\nsys.path.append("ci")\ntry:\n    from local import MARKS\nexcept ImportError:\n    MARKS = {"BAD"}'
    )
    ignored = f"{FILES['.gitignore']}local.py\n"
    repo.write(
        {
            "noxfile.py": NOXFILE.replace('MARKS = {"BAD"}', f"import sys\n{local}"),
            ".gitignore": ignored,
            "ci/readme": "",
        }
    )

    first, known = ci(repo.path), ci(repo.path)
    (repo.path / "ci/local.py").write_text('MARKS = {"coin"}\n')
    there = ci(repo.path)
    (repo.path / "ci/local.py").write_text('MARKS = {"worse"}\n')
    other = ci(repo.path)

    assert [ALL, ALL] == [first.having("passed"), known.having("cached")], first.talk
    assert {"check(money)", "check(shop)"} == there.having("failed"), there.talk
    assert ALL == other.having("passed")


def test_what_lies_in_a_submodule_counts_by_the_submodule(repo: Repository) -> None:
    """A pattern for files in it means none that git lists here; who names the submodule is noticed."""
    other = repo.path.parent / "other"
    subprocess.run(["git", "init", "--quiet", other], check=True)
    (other / "word.txt").write_text("one")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, "add", "--all"], cwd=other, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", "test: a word"], cwd=other, check=True)
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vend")
    session = """
@isonox.session(venv_backend="none", inputs=[{!r}])
def {}(session):
    code = "import sys; sys.exit(open('vend/word.txt').read() != 'one')"
    session.run("python", "-c", code, external=True)
"""
    repo.write({"noxfile.py": f"import isonox\n{session.format('vend/**', 'inside')}{session.format('vend', 'named')}"})

    first, known = ci(repo.path), ci(repo.path)
    (repo.path / "vend/word.txt").write_text("two")
    changed = ci(repo.path)

    assert {"inside", "named"} == first.having("passed"), first.talk
    assert ({"named"}, {"inside"}) == (known.having("cached"), known.having("passed")), known.talk
    assert 'declare the submodule: inputs=["vend"]' == known.record("inside")["undeclared"][0]["hint"]
    assert {"inside", "named"} == changed.having("failed")


def test_a_link_and_a_file_that_is_opened_to_be_changed_are_read(repo: Repository) -> None:
    """What the noxfile reads counts where it lies."""
    text = "import isonox\nWORDS = open('link.txt').read() + open('both.txt', 'r+').read()\n"
    text += (
        "\n@isonox.session(venv_backend='none', inputs=['rules.txt'])\ndef check(session):\n    assert WORDS == 'ab'\n"
    )
    repo.write({"noxfile.py": text, "shared/a.txt": "a", "both.txt": "b"})
    (repo.path / "link.txt").symlink_to("shared/a.txt")

    verdicts = [ci(repo.path).document["verdicts"]["check"] for _ in range(2)]
    (repo.path / "shared/a.txt").write_text("c")
    verdicts.append(ci(repo.path).document["verdicts"]["check"])
    (repo.path / "shared/a.txt").write_text("a")
    (repo.path / "both.txt").write_text("c")
    verdicts.append(ci(repo.path).document["verdicts"]["check"])

    assert ["passed", "cached", "failed", "failed"] == verdicts


def test_a_result_from_before_the_commit_or_from_another_branch_is_used(repo: Repository) -> None:
    """What counts is the content."""
    ci(repo.path)
    (repo.path / "libs/shop/shop.txt").write_text("other\n")
    ci(repo.path)

    repo.git("commit", "--quiet", "--all", "--message", "test: other")
    committed = ci(repo.path)
    repo.git("checkout", "--quiet", "HEAD~1")
    back = ci(repo.path)

    assert (ALL, ALL) == (committed.having("cached"), back.having("cached"))


def test_a_failure_is_never_kept(repo: Repository) -> None:
    """It runs again, and what requires it stays blocked."""
    ci(repo.path)
    (repo.path / "libs/shop/shop.txt").write_text("BAD\n")

    runs = [ci(repo.path), ci(repo.path)]

    for run in runs:
        assert ({"check(shop)"}, {"after"}) == (run.having("failed"), run.having("blocked"))
        assert int(ExitCode.JOB_FAILED) == run.code


def test_no_cache_runs_everything_and_keeps_it(repo: Repository) -> None:
    """The newest result is the one that is found."""
    ci(repo.path)

    fresh = ci(repo.path, "--no-cache")
    again = ci(repo.path)

    assert (ALL, ALL) == (fresh.having("passed"), again.having("cached"))
    assert {fresh.document["run"]} == {record["from_run"] for record in again.document["records"]}


def test_arguments_make_another_result(repo: Repository) -> None:
    """They go to the sessions that were asked for."""
    ci(repo.path, "--only", "check")

    other = ci(repo.path, "--only", "check", "--", "WORSE")

    assert {"check(money)", "check(shop)"} == other.having("passed")
    assert {"check(money)", "check(shop)"} == ci(repo.path, "--only", "check", "--", "WORSE").having("cached")


def test_a_change_of_one_session_or_of_what_all_share(repo: Repository) -> None:
    """The noxfile counts by its statements."""
    ci(repo.path)
    (repo.path / "noxfile.py").write_text(NOXFILE.replace("%s %d", "%s: %d"))
    one = ci(repo.path)
    (repo.path / "noxfile.py").write_text(NOXFILE.replace("%s %d", "%s: %d").replace('{"BAD"}', '{"BAD", "WORST"}'))
    every = ci(repo.path)

    assert ({"check(money)", "check(shop)"}, {"after"}) == (one.having("cached"), one.having("passed"))
    assert ALL == every.having("passed")


def test_an_artifact_that_was_damaged_is_made_again(repo: Repository) -> None:
    """It is found when it is read, said, and removed."""
    ci(repo.path)
    for blob in (repo.path / ".isonox/cache/blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o644)
            blob.write_bytes(blob.read_bytes()[:-1] + b"!")

    run = ci(repo.path)

    assert {"check(money)", "check(shop)"} == run.having("passed")
    assert "check(money)" in run.talk
    assert ALL == ci(repo.path).having("cached")


def flip(path: Path) -> None:
    """Damage every stored result, as a bad disk might."""
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[2] == "BLOB"]  # nosec - names of its own tables
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = zeroblob(length({column}))")  # nosec # noqa: S608 - as above
    database.close()


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda path: path.write_bytes(b"no database"),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_store_costs_a_run_and_nothing_else(repo: Repository, damage: Callable[[Path], None]) -> None:
    """Everything runs again, and is kept again."""
    ci(repo.path)
    for journal in (repo.path / ".isonox/cache").glob("results.db-*"):
        journal.unlink()
    damage(repo.path / ".isonox/cache/results.db")

    assert ALL == ci(repo.path).having("passed")
    assert ALL == ci(repo.path).having("cached")


def test_a_store_that_can_not_be_used_is_said_and_the_run_goes_on(repo: Repository) -> None:
    """A file where its folder should be."""
    (repo.path / ".isonox").mkdir()
    (repo.path / ".isonox/cache").write_text("in the way")

    run = ci(repo.path)

    assert (ALL, 0) == (run.having("passed"), run.code)
    assert "warning: " in run.talk


def test_a_file_that_changes_during_the_run_is_not_taken_for_what_was_tested(repo: Repository) -> None:
    """The result is that of neither state; it is not kept, and the run says so."""
    code = "open('libs/shop/shop.txt', 'a').write('more')"
    writes = f"session.run('python', '-S', '-c', {code!r}, external=True)\n    text ="
    repo.write({"noxfile.py": NOXFILE.replace("text =", writes, 1)})

    first = ci(repo.path, "--only", "check(shop)")
    second = ci(repo.path, "--only", "check(shop)")

    assert ({"check(shop)"}, {"check(shop)"}) == (first.having("passed"), second.having("passed"))


def test_a_file_that_was_written_and_is_as_before_counts_as_changed(repo: Repository) -> None:
    """In between it may have been something else."""
    again = "(session.root / 'libs/shop/shop.txt').write_text('shop\\n')\n    text ="
    repo.write({"noxfile.py": NOXFILE.replace("text =", again, 1)})

    ci(repo.path, "--only", "check(shop)")

    assert {"check(shop)"} == ci(repo.path, "--only", "check(shop)").having("passed")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [("cache=False", "cache=False"), ("secrets=['TOKEN']", "it uses secrets"), ("python='3.99'", "was not found")],
)
def test_what_is_never_kept_and_why(repo: Repository, arguments: str, reason: str) -> None:
    """`isonox plan --json` has the reason for each job."""
    repo.write({"noxfile.py": NOXFILE.replace('venv_backend="none", requires', f"{arguments}, requires")})
    done = subprocess.run(
        [sys.executable, "-m", "isonox", "plan", "--json"], cwd=repo.path, check=True, capture_output=True, text=True
    )

    jobs = {job["stage"]: job for job in json.loads(done.stdout)["jobs"]}

    assert jobs["after"]["fingerprint"] is None
    assert reason in jobs["after"]["uncached"]
    assert jobs["check"]["fingerprint"]


def explained(root: Path, job: str) -> str:
    """Return what `isonox plan --explain` says of a job's result."""
    command = [sys.executable, "-m", "isonox", "plan", "--explain", job]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return (
        next(line for line in done.stdout.splitlines() if line.strip().startswith("result:")).split(":", 1)[1].strip()
    )


def test_a_miss_is_explained_by_what_differs(repo: Repository) -> None:
    """And a hit by the run that it comes from."""
    assert explained(repo.path, "after") == "not cached: no run of it has passed, and was kept"
    run = ci(repo.path).document["run"]
    assert explained(repo.path, "check(shop)") == f"cached: from run {run}"

    (repo.path / "libs/money/coin.txt").write_text("other\n")

    assert explained(repo.path, "check(money)") == f"not cached: changed since run {run}: package, dependencies"
    assert explained(repo.path, "check(shop)") == f"not cached: changed since run {run}: dependencies"
    assert explained(repo.path, "after") == f"not cached: changed since run {run}: required sessions"


def test_a_laptops_verdicts_mean_nothing_to_github(repo: Repository) -> None:
    """There, only what ran there is used."""
    ci(repo.path)
    github = {"GITHUB_ACTIONS": "true", "CI": "true"}

    there = ci(repo.path, env=github)

    assert ALL == there.having("passed")
    assert ALL == ci(repo.path, env=github).having("cached")


def test_a_result_holds_as_long_as_it_was_declared_to(repo: Repository) -> None:
    """Where the inputs do not tell everything, time does."""
    limited = NOXFILE.replace("import isonox\n", "import datetime\nimport isonox\n").replace(
        'requires=["check"],', 'requires=["check"], cache=datetime.timedelta(hours=1),'
    )
    repo.write({"noxfile.py": limited})
    ci(repo.path)
    assert ALL == ci(repo.path).having("cached")
    repo.write({"noxfile.py": limited.replace("hours=1", "microseconds=1")})
    ci(repo.path)

    assert {"after"} == ci(repo.path).having("passed")


def test_a_waiver_that_time_limits_is_kept_and_said_each_time(repo: Repository) -> None:
    """Nobody answered, and is asked again in an hour; without a limit, each run asks."""
    waives = NOXFILE.replace('"""Something that reads what the checks left."""', 'session.waive("no answer")')
    limited = waives.replace("import isonox\n", "import datetime\nimport isonox\n").replace(
        'requires=["check"],', 'requires=["check"], cache=datetime.timedelta(hours=24),'
    )
    for noxfile, origin in ((waives, False), (limited, True)):
        repo.write({"noxfile.py": noxfile})
        ci(repo.path)

        again = ci(repo.path)

        assert {"after"} == again.having("waived")
        assert ("no answer", origin) == (again.record("after")["reason"], bool(again.record("after")["from_run"]))


def test_two_runs_at_once(repo: Repository) -> None:
    """Neither disturbs the other, and what they keep is whole."""
    command = [sys.executable, "-m", "isonox", "ci"]
    both = [subprocess.Popen(command, cwd=repo.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ended = [(process.communicate(), process.returncode)[1] for process in both]

    assert [0, 0] == ended
    assert ALL == ci(repo.path).having("cached")


def test_nothing_that_runs_is_imported_when_nothing_runs(repo: Repository) -> None:
    """Neither nox nor Invoke; and nothing at all that a run brings along when the last one is repeated."""
    ci(repo.path)
    code = (
        "import atexit, sys; sys.argv = ['isonox', 'ci']; from isonox.entry import main; "
        "atexit.register(lambda: print(*{'nox', 'invoke', 'packaging', 'psutil', *ALSO} & {*sys.modules})); main()"
    )
    said = []
    for also in ((), ("rich", "argparse")):
        command = [sys.executable, "-c", code.replace("ALSO", repr(also))]
        done = subprocess.run(command, cwd=repo.path, check=True, capture_output=True, text=True, env=plain())
        said.append((done.stdout.splitlines()[0], done.stdout.splitlines()[-1]))

    assert [("green: 3 jobs: cached 3", "")] * 2 == said


actions = st.one_of(
    st.tuples(
        st.sampled_from(["libs/money/coin.txt", "libs/shop/shop.txt", "libs/shop/new.txt", "rules.txt", "README.md"]),
        st.sampled_from(["one\n", "two\n", "BAD\n", None]),
    ),
    st.tuples(st.just("noxfile.py"), st.sampled_from([NOXFILE, NOXFILE.replace('{"BAD"}', '{"two"}')])),
    st.tuples(
        st.just("libs/shop/pyproject.toml"),
        st.sampled_from([PACKAGE.format("shop", ""), FILES["libs/shop/pyproject.toml"]]),
    ),
    st.tuples(st.just("git"), st.sampled_from(["stash", "commit", "add"])),
)


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(actions, min_size=2, max_size=3))
def test_a_cached_verdict_is_that_of_a_fresh_run(steps: list[tuple[str, str | None]], repo: Repository) -> None:
    """Always, whatever was edited in between: the verdicts, and what was left."""
    repo.git("reset", "--quiet", "--hard", "main")
    repo.git("clean", "--quiet", "-d", "--force")
    for name, content in steps:
        path = repo.path / name
        if name == "git":
            words = {
                "stash": ["stash"],
                "commit": ["commit", "--quiet", "--all", "--allow-empty", "--message", "test: x"],
            }
            repo.git(*words.get(content or "", ["add", "--all"]))
        elif content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(content)
        if not (repo.path / "rules.txt").exists():
            (repo.path / "rules.txt").write_text("rules\n")

        cached = ci(repo.path)
        for _ in range(2):  # the first leaves a note, by which the second may repeat it
            done = subprocess.run([sys.executable, "-m", "isonox", "ci"], cwd=repo.path, check=False, env=plain())
            assert cached.code == done.returncode
        latest = run_directory.latest(repo.path)
        assert latest is not None
        assert cached.seen == cached._replace(folder=latest.path).seen
        fresh = ci(repo.path, "--no-cache")

        assert fresh.code == cached.code
        assert fresh.seen == cached.seen
        assert fresh.having("failed") == cached.having("failed")
        assert fresh.having("passed") == cached.having("passed") | cached.having("cached")
    shutil.rmtree(repo.path / ".isonox" / "runs")


NOTIFYING = '''
import isonox


@isonox.session(per_package=True, venv_backend="none", cache=False)
def check(session):
    """One package of two."""
    if session.package.name == "shop":
        session.notify("{target}")
'''


@pytest.mark.parametrize("target", ["check", "check(money)"])
def test_a_session_of_a_package_that_was_not_asked_for_can_be_notified(repo: Repository, target: str) -> None:
    """By its name, which means the first of that name, or by its signature: though its package was not loaded."""
    repo.write({"noxfile.py": NOTIFYING.replace("{target}", target)})

    run = ci(repo.path, "--package", "shop")

    assert 0 == run.code, run.talk
    assert {"check(shop)", "check(money)"} == run.having("passed")


def test_nobody_gets_ready_to_run_what_has_not_changed(repo: Repository) -> None:
    """The process that jobs are forked from starts before git has answered where the last run has run something.

    Else it starts when the files turn out to be others.
    """
    runs = [ci(repo.path), ci(repo.path), ci(repo.path)]
    (repo.path / "README.md").write_text("something new\n")
    runs.append(ci(repo.path))

    assert [True, True, False, True] == [(run.folder / "forkserver.log").exists() for run in runs]
    assert [ALL] * 3 == [run.having("cached") for run in runs[1:]]


def test_a_red_run_lets_the_next_one_get_ready(repo: Repository) -> None:
    """Something has to run again, whether the files change or not."""
    noxfile = (repo.path / "noxfile.py").read_text()
    runs = []
    for text in (noxfile, f"{noxfile}\n@isonox.session\ndef red(session):\n    session.error('no')\n", noxfile):
        repo.write({"noxfile.py": text})
        runs.append(ci(repo.path))
    runs.append(ci(repo.path))

    assert [0, 1, 0, 0] == [run.code for run in runs]
    assert [True, True, True, False] == [(run.folder / "forkserver.log").exists() for run in runs]


FORKED = '''
import sys
import isonox


@isonox.session(venv_backend="none", shards=2)
def check(session):
    """Tell what this process is."""
    session.log("%s", "a fork" if "isonox.sessions.forkserver" in sys.modules else "started alone")
'''


SPAWNING = '''
import multiprocessing
import isonox


@isonox.session(venv_backend="none")
def spawns(session):
    """Start a Python in the way that runs the main module again."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        session.log("one is %d", pool.apply(abs, (-1,)))
'''


def test_a_session_may_start_processes_by_multiprocessing(repo: Repository) -> None:
    """These do not run isonox once more, which the session's process is a copy of."""
    repo.write({"noxfile.py": SPAWNING})

    run = ci(repo.path)

    assert {"spawns"} == run.having("passed"), run.talk
    assert "one is 1" in (run.folder / "logs" / "spawns.log").read_text()


@pytest.mark.parametrize("variables", [{}, {"ISONOX_START": "spawn"}])
def test_colours_may_be_forced(repo: Repository, variables: dict[str, str]) -> None:
    """Many CI systems set FORCE_COLOR for all that they run; reasons are plain text all the same."""
    broken = "session.error('no colour')\n"
    repo.write({"noxfile.py": f"import isonox\n\n@isonox.session\ndef red(session):\n    {broken}"})
    command = [sys.executable, "-m", "isonox", "ci", "--json"]

    done = subprocess.run(
        command,
        cwd=repo.path,
        check=False,
        capture_output=True,
        text=True,
        env=plain() | variables | {"FORCE_COLOR": "1"},
    )

    (record,) = json.loads(done.stdout)["records"]
    assert ("failed", "no colour") == (record["verdict"], record["reason"])


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_streams_may_be_closed(repo: Repository, closed: str) -> None:
    """The exit code says how it ended."""
    command = ["sh", "-c", f'exec "$0" -m isonox ci --no-cache {closed}', sys.executable]

    done = subprocess.run(command, cwd=repo.path, check=False, capture_output=True, text=True, env=plain())

    assert 0 == done.returncode, done.stderr
    assert ("2>&-" in closed) == (done.stderr == "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every job loads the noxfile anyway")
def test_shards_are_forked_like_other_jobs(repo: Repository) -> None:
    """The process that jobs are forked from knows sessions, not their shards."""
    repo.write({"noxfile.py": FORKED})

    run = ci(repo.path)

    logs = [path.read_text() for path in (run.folder / "logs").iterdir()]
    assert [True, True] == ["a fork" in log for log in logs], run.talk
