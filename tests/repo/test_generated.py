"""What derives from the list of tasks, and is a file, says what the list says."""

from __future__ import annotations

from tests import generated


def test_every_file_that_derives_from_the_tasks_is_as_they_are() -> None:
    assert generated.stale() == [], "run `python -m tests.generated` and commit what it writes"
