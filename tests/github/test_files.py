"""Generated files beside those of others: what differs, whose work it is, and what is written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.github.conftest import job, plan_of, setting_of

from isonox.errors import ConfigurationError, StateError
from isonox.github import files
from isonox.github.files import State

if TYPE_CHECKING:
    from pathlib import Path

CI = ".github/workflows/ci.yml"


def wanted(*names: str, folder: str = "", codeql: bool = True) -> dict[str, str]:
    """The files of a pipeline with these stages."""
    plan = plan_of(*map(job, names or ("lint",)))
    return files.generate(plan, setting_of(plan, folder=folder), codeql=codeql)


def write(top: Path, content: dict[str, str]) -> None:
    """Write files as isonox does, where nothing is in the way."""
    files.apply(top, content, files.compare(top, content))


def states(top: Path, content: dict[str, str]) -> dict[str, State]:
    """Return what differs, and how."""
    return {drift.path: drift.state for drift in files.compare(top, content)}


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file, which has it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_what_is_written_is_what_is_wanted(tmp_path: Path) -> None:
    """All are missing at first, and nothing differs afterwards."""
    content = wanted()

    assert dict.fromkeys(content, State.MISSING) == states(tmp_path, content)
    write(tmp_path, content)
    assert {} == states(tmp_path, content)
    assert set(content) == {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_header_says_what_made_it_and_hashes_the_rest(tmp_path: Path) -> None:
    """`tail -n +3 FILE | sha256sum` gives the second line's hash."""
    write(tmp_path, wanted(folder="libs/api"))
    first, second, body = (tmp_path / ".github/workflows/ci-libs-api.yml").read_bytes().split(b"\n", 2)

    assert first.startswith(b"# Made by isonox from libs/api/noxfile.py; change that, then run: isonox workflows.")
    assert f"# sha256 of what follows: {hashlib.sha256(body).hexdigest()}".encode() == second


def test_each_way_to_differ_has_a_name(tmp_path: Path) -> None:
    """Outdated and stale files are isonox's to replace; those that somebody edited or wrote are not."""
    write(tmp_path, wanted("lint", "docs"))
    keep = tmp_path / ".github/actions/keep-records/action.yml"
    edit(keep, "retention-days: 7", "retention-days: 90")
    setup = tmp_path / ".github/actions/set-up/action.yml"
    setup.write_text("name: Mine\n", encoding="utf-8")

    found = files.compare(tmp_path, wanted("lint", codeql=False))

    assert [
        (CI, State.OUTDATED, True),
        (".github/actions/set-up/action.yml", State.FOREIGN, False),
        (".github/actions/keep-records/action.yml", State.EDITED, False),
        (".github/workflows/codeql.yml", State.STALE, True),
    ] == [(drift.path, drift.state, drift.is_ours) for drift in found]
    assert "-        retention-days: 90\n+        retention-days: 7\n" in found[2].diff
    assert "-name: Mine\n" in found[1].diff


@pytest.mark.parametrize("line", ["first", "second"])
def test_a_header_that_was_changed_is_an_edit(tmp_path: Path, line: str) -> None:
    """Also where the rest was not: nobody knows why."""
    write(tmp_path, wanted())
    edit(tmp_path / CI, *{"first": ("# Made by", "# Made for"), "second": ("follows: ", "follows: 0")}[line])

    assert {CI: {"first": State.FOREIGN, "second": State.EDITED}[line]} == states(tmp_path, wanted())


def test_an_edited_file_that_is_not_needed_is_not_removed_silently(tmp_path: Path) -> None:
    """It holds somebody's work."""
    write(tmp_path, wanted())
    edit(tmp_path / ".github/workflows/codeql.yml", "23 4 * * *", "42 4 * * *")

    assert {".github/workflows/codeql.yml": State.EDITED} == states(tmp_path, wanted(codeql=False))


def test_line_ends_of_a_checkout_are_no_difference(tmp_path: Path) -> None:
    """`core.autocrlf` on Windows."""
    write(tmp_path, wanted())
    for path in (tmp_path / name for name in wanted()):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert {} == states(tmp_path, wanted())
    assert {CI: State.OUTDATED} == states(tmp_path, wanted("docs"))


def test_a_diff_shows_where_the_last_line_has_no_end(tmp_path: Path) -> None:
    """Lines do not run into each other, and a lost end is a difference that is seen."""
    write(tmp_path, wanted())
    path = tmp_path / CI
    path.write_text(path.read_text(encoding="utf-8")[:-1], encoding="utf-8")

    (found,) = files.compare(tmp_path, wanted())

    last = path.read_text(encoding="utf-8").splitlines()[-1]
    assert found.diff.endswith(f"-{last}\n\\ No newline at end of file\n+{last}\n")


def test_pipelines_leave_each_others_files_alone(tmp_path: Path) -> None:
    """Neither stale nor edited; where two folders mean the same files, the second is refused."""
    write(tmp_path, wanted())
    write(tmp_path, wanted("docs", folder="a/b", codeql=False))

    assert {} == states(tmp_path, wanted())
    assert {} == states(tmp_path, wanted("docs", folder="a/b", codeql=False))
    others = states(tmp_path, wanted("docs", folder="a-b", codeql=False))
    assert {State.OTHER} == set(others.values())
    assert not any(drift.is_ours for drift in files.compare(tmp_path, wanted("docs", folder="a-b", codeql=False)))


def test_what_else_is_there_is_not_looked_into(tmp_path: Path) -> None:
    """Text of another encoding, folders, links into nowhere."""
    folder = tmp_path / ".github" / "workflows"
    (folder / "folder.yml").mkdir(parents=True)
    (folder / "link.yml").symlink_to("nowhere")
    (folder / "latin.yml").write_bytes(b"name: \xe9\n")
    (folder / "empty.yml").touch()

    write(tmp_path, wanted())

    assert {} == states(tmp_path, wanted())
    assert b"name: \xe9\n" == (folder / "latin.yml").read_bytes()


def test_text_of_another_encoding_in_our_place_is_foreign(tmp_path: Path) -> None:
    """And a folder there is an error that names it."""
    (tmp_path / CI).parent.mkdir(parents=True)
    (tmp_path / CI).write_bytes(b"name: \xe9\n")
    assert State.FOREIGN == states(tmp_path, wanted())[CI]

    (tmp_path / CI).unlink()
    (tmp_path / CI).mkdir()
    with pytest.raises(ConfigurationError, match=r"can't read .*ci\.yml: "):
        files.compare(tmp_path, wanted())


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    """Here because a file has its name."""
    (tmp_path / ".github").touch()

    with pytest.raises(StateError, match=r"can't write .*ci\.yml"):
        write(tmp_path, wanted())
