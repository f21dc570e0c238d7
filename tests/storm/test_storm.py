"""A small storm against real processes, and the judge itself: it must see whatever a storm could break."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.storm import attempts, verdict
from tests.storm.attempts import Attempt
from tests.storm.instance import Life
from tests.storm.plan import Storm, picture
from tests.storm.run import play
from tests.storm.verdict import Call, Evidence, Wanted

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = "a" * 64, "b" * 64
ASKED = ("picture", "caption")
RESULT, LEASE = "v1/uploads/x/1/caption.json", "leases/v1/uploads/x/1/caption.json"

SOUND = Evidence(
    wanted=[Wanted(KEY, RESULT, LEASE, ASKED)],
    generations={RESULT: 1},
    ids={RESULT: KEY},
    told={RESULT: [KEY, KEY]},
    leases={LEASE: "held", "leases/other": "released"},
    calls=[Call(ASKED)],
    attempts=[],
    kills=1,
)
KILLED = Attempt(KEY[:16], 0, killed=True, asked=1, last=attempts.ASKING)

SMALL = Storm(
    images=12, copies=4, kills=5, pause_s=(1.0, 4.0), timeout_s=12, lease_ttl_s=15, threads=4, model_latency_ms=1500
)


def test_a_small_storm_loses_nothing_and_writes_and_pays_nothing_twice(tmp_path: Path) -> None:
    said: list[str] = []

    outcome = play(SMALL, tmp_path, say=said.append)

    assert outcome.violations == [], "\n".join(said)
    assert outcome.evidence.kills
    assert any(call.lost for call in outcome.evidence.calls)


def test_a_sound_storm_has_no_violation() -> None:
    assert verdict.judge(SOUND) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": {}}, "lost: v1"),
        ({"ids": {RESULT: OTHER}}, "mixed up"),
        ({"ids": {RESULT: KEY, "v1/uploads/x/1/caption.error-0.json": KEY}}, "more than one result"),
        ({"dead_lettered": 1}, "dead letters"),
        ({"undocumented": ["$.image.mode"]}, "undocumented: $.image.mode"),
        ({"generations": {RESULT: 2}}, "written twice"),
        ({"told": {}}, "untold"),
        ({"told": {RESULT: [KEY, OTHER]}}, "several ids"),
        ({"ids": {}, "generations": {}}, "held for nobody"),
        ({"calls": []}, "unpaid"),
        ({"calls": [Call(ASKED, lost=True)]}, "unpaid"),
        ({"calls": [Call(ASKED), Call(ASKED)]}, "paid twice"),
        ({"calls": [Call(ASKED)] * 3, "attempts": [KILLED]}, "paid twice"),
        ({"calls": [Call(ASKED)] * 2, "attempts": [replace(KILLED, killed=False)]}, "paid twice"),
        ({"calls": [Call(ASKED)] * 2, "attempts": [replace(KILLED, last=attempts.JOURNALLED)]}, "paid twice"),
        ({"calls": [Call(ASKED)] * 2, "attempts": [replace(KILLED, key=OTHER[:16])]}, "paid twice"),
        ({"calls": [Call(ASKED)] * 2, "attempts": [replace(KILLED, killed=False, reason="ReadError")]}, "paid twice"),
        ({"calls": [Call(ASKED), Call(("picture", "segment"))]}, "asked for nobody"),
    ],
)
def test_the_judge_sees_each_thing_that_can_go_wrong(change: dict[str, Any], words: str) -> None:
    assert any(words in violation for violation in verdict.judge(replace(SOUND, **change)))


def test_an_answer_that_died_with_its_worker_or_was_lost_on_purpose_is_explained() -> None:
    found = replace(SOUND, calls=[Call(ASKED), Call(ASKED), Call(ASKED, lost=True)], attempts=[KILLED])

    assert verdict.judge(found) == []
    assert verdict.account(found) == verdict.Account(answered=3, needed=1, lost=1, died=1, late=0, unexplained=0)


def test_an_answer_that_came_when_the_workers_time_was_up_is_explained_and_no_other() -> None:
    late = Attempt(KEY[:16], 0, asked=1, reason="Gemini could not be reached: ReadTimeout.")
    found = replace(SOUND, calls=[Call(ASKED)] * 3, attempts=[late])

    assert verdict.account(found) == verdict.Account(answered=3, needed=1, lost=0, died=0, late=1, unexplained=1)
    assert any("1 ran out of time" in violation for violation in verdict.judge(found))
    assert verdict.judge(replace(found, calls=[Call(ASKED)] * 2)) == []


def line(message: str, **fields: str) -> str:
    return json.dumps({"severity": "INFO", "message": message, "event": "1", **fields})


@pytest.mark.parametrize(
    ("then", "died"),
    [
        ([], True),
        ([line("journalled", attempt="x", key="k")], False),
        ([line("a call failed and is tried again", attempt="x", key="k")], False),
        ([line("the event will be delivered again")], False),
        ([line("the event will be delivered again", event="2")], True),
        (["[2026-11-21] something of the framework's own"], True),
    ],
)
def test_an_attempt_died_asking_if_the_question_is_the_last_that_it_said(then: list[str], died: bool) -> None:
    life = Life(0, [line("asking", attempt="x", key="k"), *then], killed=True)

    (attempt,) = attempts.read([life])

    assert (attempt.asked, attempt.died_asking) == (1, died)


def test_pictures_differ_and_are_the_same_for_the_same_number() -> None:
    assert len({picture(number) for number in range(300)}) == 300
    assert picture(7) == picture(7)
