"""A small crowd of each run of the suite; `python -m tests.reuse` plays one of 1,000 uploads."""

from __future__ import annotations

import pytest

from shared.pipeline.upkeep import uses
from shared.pipeline.worker import reuse
from tests.reuse.crowd import Crowd, play, problems

SMALL = Crowd(contents=4, names=5)


def test_every_content_is_paid_for_once_and_nothing_is_left_when_all_is_forgotten() -> None:
    found = play(SMALL)

    assert problems(SMALL, found) == []
    assert found.asks == 2
    assert found.saved_usd == pytest.approx(4 * found.usd)


def test_a_crowd_whose_answers_are_not_shared_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "keep_copy", lambda *_, **__: None)

    assert [told.partition(":")[0] for told in problems(SMALL, play(SMALL))] == ["calls", "paid", "reused"]


def test_what_is_left_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "give_up", lambda *_: None)

    assert [told.partition(":")[0] for told in problems(SMALL, play(SMALL))] == ["left"]
