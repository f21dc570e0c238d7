"""Pure counting and grouping: what is told of many documents, leases and held events."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import naming
from shared.core.delivery.holding import Place
from shared.core.operating.mending import failure_codes
from shared.core.operating.problems import PROGRAM, Places, next_run, problems_of
from shared.core.operating.summary import MAX_REASONS, Facts, before, reasons_of, summarise
from shared.core.operating.works import (
    DeadEvent,
    LeaseState,
    Outcome,
    Parked,
    WorkName,
    leased_work,
    parked_work,
    work_at,
)
from shared.core.values import Source
from shared.operate import cli

AT = "2026-11-21T12:00:00.000Z"
WORK = WorkName("v1", "uploads", "cat.jpg", 7, "caption")
PLACES = Places("results", "work")


def _failure(work: WorkName, code: str = "dead_letter", message: str = "500", error: int = 0) -> Outcome:
    return Outcome(work, "failed", AT, error, code, message)


@given(
    st.sampled_from(["a.jpg", "a/7", "7/8/9", "a b/ü#[x].jpg", "é" * 600, "x" * 1024, "a/detect.json"]),
    st.integers(1, 10**18),
    st.sampled_from(["caption", "detect"]),
)
def test_names_of_documents_leases_and_held_events_are_read_as_they_are_written(
    name: str, generation: int, task: str
) -> None:
    paths = naming.paths(Source("uploads", name, generation), run="v1", task=task)
    place = Place("2026-11-22T08", "0badcafe")

    found = work_at(paths.result)

    assert found is not None
    work, error = found
    assert (work.task, work.generation, work.folder, error) == (task, generation, paths.folder, None)
    assert work_at(paths.error(3)) == (work, 3)
    assert leased_work(paths.lease) == work
    assert parked_work(paths.parked(place.name)) == (place, work)
    assert work_at(paths.file("mask-000.png")) is None


@pytest.mark.parametrize("name", ["", "v1/uploads", "v1/uploads/a.jpg/x/caption.json", "leases/x", "held/probes/x"])
def test_what_is_none_of_ours_is_no_work(name: str) -> None:
    assert (work_at(name), leased_work(name), parked_work(name)) == (None, None, None)


def test_a_failure_that_is_held_again_or_at_work_again_is_told_as_that_alone() -> None:
    other = replace(WORK, task="detect")
    facts = Facts(
        AT,
        [_failure(WORK), _failure(other)],
        [LeaseState(WORK, "a1", 5, held=True, expired=False)],
        [Parked(other, Place("2026-11-22T08"), "daily_quota", 60)],
    )

    found = summarise(facts)

    assert [each.task for each in found.at_work] == ["caption"]
    assert [(each.code, each.count) for each in found.held] == [("daily_quota", 1)]
    assert found.failures == ()


def test_a_lease_beside_a_result_is_a_mark_and_nobody_at_work() -> None:
    lease = LeaseState(WORK, "a1", 5, held=True, expired=False)

    assert summarise(Facts(AT, leases=[lease])).at_work != ()
    assert summarise(Facts(AT, leases=[lease], finished={WORK})).at_work == ()
    assert summarise(Facts(AT, [Outcome(WORK, "ok", AT)], [lease])).at_work == ()


def test_a_held_event_that_has_its_result_needs_nothing() -> None:
    done = Outcome(WORK, "ok", AT)

    found = summarise(Facts(AT, [done], [], [Parked(WORK, Place("2026-11-22T08"), "daily_quota", 60)]))

    assert (found.held, problems_of(found, PLACES)) == ((), ())


def test_a_newer_generation_settles_a_failure_only_where_it_has_a_result_of_the_same_task_and_run() -> None:
    newer = replace(WORK, generation=8)
    others = [replace(newer, task="detect"), replace(newer, run="v2"), replace(newer, name="dog.jpg")]
    failed = [_failure(WORK), _failure(newer), *(Outcome(each, "ok", AT) for each in others)]

    assert summarise(Facts(AT, failed)).settled == 0
    found = summarise(Facts(AT, [_failure(WORK), Outcome(newer, "ok", AT)]))
    assert (found.settled, found.failures) == (1, ())


def test_failures_are_grouped_by_run_and_code_those_that_can_be_mended_first() -> None:
    def named(number: int) -> WorkName:
        return replace(WORK, name=f"{number}.jpg")

    failed = [
        _failure(named(1), "corrupt", "no"),
        _failure(named(2), message="Gemini answered 500 after 3 s", error=2),
        _failure(named(3), message="Gemini answered 500 after 14 s"),
        _failure(replace(named(4), run="v2")),
    ]

    first, second, third = problems_of(summarise(Facts(AT, failed)), PLACES)

    assert first.what == "2 failures that a redrive can mend, 1 of them after a redrive."
    assert [(each.count, each.example) for each in first.reasons] == [(2, "gs://uploads/2.jpg")]
    assert first.command.endswith("redrive gs://results/v1/ --code dead_letter")
    assert second.command.endswith("redrive gs://results/v2/ --code dead_letter")
    assert (third.worth, third.code) == (False, "corrupt")


def test_what_other_rules_mend_names_a_backfill_in_a_run_of_its_own() -> None:
    [problem] = problems_of(summarise(Facts(AT, [_failure(WORK, "request_refused")])), PLACES)

    assert problem.command.endswith("backfill gs://uploads/cat.jpg --task caption --run v2")


@pytest.mark.parametrize("code", ["dead_letter", "corrupt", "request_refused"])
def test_a_name_that_a_shell_would_obey_is_quoted(code: str) -> None:
    work = replace(WORK, name="a; rm -rf $HOME 'x'.jpg")
    places = replace(PLACES, below="uploads/a b/")

    [problem] = problems_of(summarise(Facts(AT, [_failure(work, code)])), places)

    words = shlex.split(problem.command)
    assert any(named in words for named in (work.uri, "gs://results/v1/uploads/a b/"))
    assert not {"rm", "-rf"} & set(words)


@pytest.mark.parametrize("code", failure_codes())
def test_every_command_of_ours_that_mends_a_failure_is_one_that_the_program_takes(code: str) -> None:
    [problem] = problems_of(summarise(Facts(AT, [_failure(WORK, code)])), PLACES)
    words = shlex.split(problem.command)

    if words[:3] == shlex.split(PROGRAM):
        assert cli._parser(words[3:]).parse_args(words[3:]).command in cli.COMMANDS
    else:
        assert words[:3] == ["gcloud", "storage", "cp"]


def test_only_so_many_reasons_are_told() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]
    failed = [_failure(replace(WORK, name=f"{word}.png"), message=word) for word in words]

    [group] = summarise(Facts(AT, failed)).failures

    assert (group.count, len(group.reasons)) == (len(words), MAX_REASONS)


def test_reasons_that_name_their_own_image_are_one() -> None:
    found = reasons_of([(f"gs://b/{name} is damaged", f"gs://b/{name}") for name in ("x.jpg", "y.jpg")])

    assert [(each.count, each.text) for each in found] == [(2, "gs://b/x.jpg is damaged")]


def test_answers_count_for_the_day_in_which_they_were_given() -> None:
    early = Outcome(WORK, "ok", "2026-11-21T07:59:59.000Z", calls=1, usd=1.0)
    late = Outcome(replace(WORK, task="detect"), "ok", "2026-11-21T08:00:00.000Z", calls=1, usd=2.0)
    unpriced = Outcome(replace(WORK, task="read"), "ok", AT, calls=1, usd=None)

    found = summarise(Facts(AT, [early, late, unpriced]))

    assert (found.calls_today, found.usd_today, found.unpriced_today) == (2, 2.0, 1)


def test_dead_storage_events_are_one_problem() -> None:
    dead = [DeadEvent(f"dead/uploads/{number}.jpg/7/{'0' * 64}", "OBJECT_FINALIZE", 5) for number in range(3)]
    unnamed = DeadEvent(f"dead/{'0' * 64}", "", 5)

    [problem] = problems_of(summarise(Facts(AT, dead=[*dead, unnamed])), PLACES)

    assert [(each.text, each.count, each.example) for each in problem.reasons] == [
        ("OBJECT_FINALIZE", 3, "gs://uploads/0.jpg"),
        ("an event of no known kind", 1, unnamed.name),
    ]
    assert (problem.count, problem.command) == (4, ".venv/bin/python -m shared.operate redrive gs://work/dead/")


@pytest.mark.parametrize(("run", "following"), [("v1", "v2"), ("v9", "v10"), ("2026", "2027"), ("final", "final-2")])
def test_a_run_has_one_that_follows(run: str, following: str) -> None:
    assert next_run(run) == following


def test_moments_before_are_told_in_utc() -> None:
    assert before("2026-11-21T01:00:00+01:00", 60) == "2026-11-20T23:59:00Z"
