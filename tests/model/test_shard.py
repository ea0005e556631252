"""Names of shards and of their jobs."""

import pytest

from isonox.errors import ConfigurationError
from isonox.model.shard import Shard, job_ids, session_of


def test_a_shard_reads_as_it_is_written() -> None:
    """Which, and of how many."""
    assert Shard(2, 6) == Shard.parse("2/6")
    assert "2/6" == str(Shard.parse("2/6"))


@pytest.mark.parametrize(
    "text", ["", "0/6", "7/6", "2", "2/", "/6", "2/6 ", "+2/6", "²/6", "02/6", "2/6\n", "99999/99999"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    """With what is one."""
    with pytest.raises(ConfigurationError, match="is no shard"):
        Shard.parse(text)


def test_a_session_with_one_shard_keeps_its_id() -> None:
    """Others have a job each."""
    assert ("tests-3.12(api)",) == job_ids("tests-3.12(api)", 1)
    assert ("tests#1/2", "tests#2/2") == job_ids("tests", 2)


@pytest.mark.parametrize("session", ["tests-3.12(api)", "a#1", "a(x='#1/2')", "a\nb", "#"])
def test_the_session_of_a_job(session: str) -> None:
    """Whatever its id holds."""
    assert [session] * 3 == [session_of(job) for job in job_ids(session, 3)]
    assert session == session_of(session)
