"""No crash, fault or interleaving breaks an invariant of the delivery protocol: a fixed part of `make explore`."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice

import pytest

from tests.explore.__main__ import main
from tests.explore.exhaustive import SHORT, interleavings, pairs, redrives, schedules, singles, with_one_more
from tests.explore.plans import BATCHED, SCENARIOS, Plan, draw, parse
from tests.explore.run import Explored, explore
from tests.explore.world import AWAY_CALLS

# One plan of so many is played with every change; `make explore` plays them all.
_EVERY_SINGLE, _EVERY_PAIR, _RANDOM = 307, 1009, 500
_EVERY_OTHER = {"twice": 3, "redrive": 7}
_EVERY_BATCHED = 7
_SHORT = [scenario for scenario in SCENARIOS if scenario not in BATCHED]
_DOCUMENTS = frozenset({"document", "error"})


def _broken(explored: Explored) -> str | None:
    return f"{explored.plan}: {explored.violations}" if explored.violations else None


def _steps(explored: Explored, *, delivery: int) -> list[str]:
    return [f"{step.operation} {step.target}" for step in explored.trace if step.process.number == delivery]


@pytest.mark.fault(101, 102, 106, 107, 109)
@pytest.mark.parametrize("scenario", _SHORT)
def test_every_single_fault_at_every_step_of_an_ordinary_delivery_is_survived(scenario: str) -> None:
    assert [text for plan in singles(scenario, "once") if (text := _broken(explore(plan)))] == []


@pytest.mark.parametrize("schedule", _EVERY_OTHER)
@pytest.mark.parametrize("scenario", _SHORT)
def test_a_sample_of_single_faults_where_events_come_twice_or_are_redriven_is_survived(
    scenario: str, schedule: str
) -> None:
    plans = islice(singles(scenario, schedule), 0, None, _EVERY_OTHER[schedule])
    assert [text for plan in plans if (text := _broken(explore(plan)))] == []


@pytest.mark.fault(3)
@pytest.mark.parametrize("scenario", ["caption", "broken"])
def test_two_deliveries_at_once_may_take_turns_at_any_two_points(scenario: str) -> None:
    assert [text for plan in interleavings(scenario) if (text := _broken(explore(plan)))] == []


@pytest.mark.parametrize("scenario", ["caption", "broken"])
def test_two_redrives_of_one_failure_may_take_turns_at_any_two_points(scenario: str) -> None:
    assert [text for plan in redrives(scenario) if (text := _broken(explore(plan)))] == []


@pytest.mark.parametrize("scenario", BATCHED)
def test_a_sample_of_single_faults_at_the_steps_of_batch_jobs_is_survived(scenario: str) -> None:
    plans = islice(singles(scenario, "once"), 0, None, _EVERY_BATCHED)
    assert [text for plan in plans if (text := _broken(explore(plan)))] == []


@pytest.mark.fault(109)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_sample_of_single_faults_in_every_schedule_is_survived(scenario: str) -> None:
    every = chain.from_iterable(singles(*each) for each in schedules() if each[0] == scenario)
    plans = islice(every, 0, None, _EVERY_SINGLE)
    assert [text for plan in plans if (text := _broken(explore(plan)))] == []


@pytest.mark.fault(109)
@pytest.mark.parametrize("scenario", SHORT)
def test_a_sample_of_all_pairs_of_faults_is_survived(scenario: str) -> None:
    plans = islice(pairs(scenario), 0, None, _EVERY_PAIR)
    assert [text for plan in plans if (text := _broken(explore(plan)))] == []


@pytest.mark.parametrize("fault", ["403", "cancel"])
def test_an_answer_without_a_copy_yet_is_found_whatever_befalls_the_next_upload_of_the_content(fault: str) -> None:
    once = Plan("shared", "once")
    at = next(each.number for each in explore(once).trace if (each.operation, each.target) == ("create", "copy"))
    plans = list(with_one_more(replace(once, faults=((at, fault),)), after=at))
    assert len(plans) > 100
    assert [text for plan in plans if (text := _broken(explore(plan)))] == []


def test_random_plans_of_up_to_four_faults_are_survived() -> None:
    assert [text for seed in range(_RANDOM) if (text := _broken(explore(draw(seed))))] == []


# What is explored


def test_the_ordinary_delivery_has_these_steps() -> None:
    assert _steps(explore(Plan("caption", "once")), delivery=1) == [
        "create lease",
        "read image",
        "generate answer",
        "create reply",
        "interpret reply",
        "create document",
        "publish event",
    ]


def test_a_delivery_of_several_tasks_commits_what_it_has_before_it_asks_for_the_rest() -> None:
    assert _steps(explore(Plan("parts", "once")), delivery=1) == [
        "create lease",
        *["read document"] * 2,  # were the others asked alone, before?
        "read image",
        "generate answer",
        "create reply",
        *["interpret reply"] * 3,
        *["create file"] * 2,
        "create document",
        "publish event",
        "create file",
        "create document",
        "publish event",
        "generate answer",
        "create reply",
        "interpret reply",
        "create document",
        "publish event",
    ]


def test_a_large_image_is_uploaded_on_the_way() -> None:
    assert "upload upload" in _steps(explore(Plan("file", "once")), delivery=1)


def test_an_image_that_the_model_reads_from_its_bucket_is_looked_at_again_behind_the_answer() -> None:
    assert _steps(explore(Plan("gs", "once")), delivery=1)[1:5] == [
        "read image",
        "generate answer",
        "stat image",
        "create reply",
    ]


def test_a_killed_process_runs_no_handler() -> None:
    explored = explore(parse("segment once 6:die-before"))
    assert [process.ending for process in explored.deliveries][:1] == ["died"]
    assert "replace lease" not in _steps(explored, delivery=1)


def test_a_cancelled_process_lets_its_lease_go() -> None:
    explored = explore(parse("segment once 3:cancel"))
    assert explored.deliveries[0].ending == "cancelled"
    assert _steps(explored, delivery=1)[-1] == "replace lease"


def test_a_delivery_that_was_taken_for_dead_wakes_while_another_works() -> None:
    explored = explore(parse("caption once 3:429 5:outlive"))
    takers = [step.process.number for step in explored.trace if (step.operation, step.target) == ("replace", "lease")]
    woken = [step.number for step in explored.trace if step.process.number == 1][-1]
    taken = next(step.number for step in explored.trace if (step.operation, step.target) == ("replace", "lease"))
    assert takers == [3]  # the second one came while the lease was still held
    assert taken < woken


def test_a_dead_letter_of_a_delivery_that_is_still_at_work_comes_again_and_tells_its_result() -> None:
    explored = explore(parse("caption dead / 3"))
    assert [process.ending.partition(":")[0] for process in explored.deliveries][:3] == [
        "acknowledged",
        "nacked",
        "acknowledged",
    ]
    assert [step.operation for step in explored.trace if step.target == "error"] == ["read"]


def test_a_redrive_after_a_refusal_brings_the_result_beside_the_error_with_one_more_call() -> None:
    explored = explore(parse("caption redrive 3:refuse"))
    written = [step.target for step in explored.trace if step.operation == "create" and step.target in _DOCUMENTS]
    assert written == ["error", "document"]
    assert [process.event.redrive for process in explored.deliveries][:3] == [0, 1, 1]
    assert [step.operation for step in explored.trace].count("generate") == 2


def test_a_call_that_may_end_tomorrow_is_reserved_in_both_days_and_what_it_did_not_cost_is_put_back() -> None:
    dear, cheap = (_steps(explore(Plan(scenario, "once")), delivery=1) for scenario in ("dear", "cheap"))
    assert (dear.count("list grant"), cheap.count("list grant")) == (2, 1)
    assert [step for step in dear + cheap if step == "create refund"] == ["create refund"]
    assert cheap[-1] == "create refund"  # whoever dies before it costs the day that part, and loses no result


@pytest.mark.fault(127)
def test_an_event_whose_model_is_away_is_parked_probed_and_answered() -> None:
    explored = explore(Plan("away", "once"))
    refused = [process.ending.partition(":")[0] for process in explored.deliveries if not process.releases]
    # Nacked, parked, parked again by the first probe, answered; then a late duplicate and a late dead letter.
    assert refused == ["nacked", "acknowledged", "acknowledged", "acknowledged", "acknowledged", "acknowledged"]
    assert [step.target for step in explored.trace if step.operation == "create"].count("held") == 2
    assert [step.operation for step in explored.trace].count("generate") == AWAY_CALLS + 1


@pytest.mark.fault(123)
def test_a_role_that_is_missing_for_a_moment_parks_the_event_and_no_more() -> None:
    explored = explore(parse("caption once 2:403"))
    assert [process.ending for process in explored.deliveries if not process.releases] == ["acknowledged"] * 4
    assert [step.operation for step in explored.trace].count("generate") == 1


@pytest.mark.fault(18)
def test_an_overwritten_source_is_skipped_and_its_successor_worked_on() -> None:
    explored = explore(parse("caption once 2:overwrite"))
    # Two events, and for each a late duplicate and a late dead letter.
    assert [process.ending for process in explored.deliveries] == ["acknowledged"] * 6
    assert [step.operation for step in explored.trace].count("generate") == 1


def test_a_process_that_is_killed_at_one_file_writes_none_of_its_others() -> None:
    steps = _steps(explore(parse("segment once 6:die-before")), delivery=1)
    assert steps.count("create file") == 1
    assert _steps(explore(Plan("segment", "once")), delivery=1).count("create file") == 2


def test_the_same_plan_runs_the_same_way_again() -> None:
    def told(explored: Explored) -> list[tuple[object, ...]]:
        return [(step.at_s, step.process.number, step.operation, step.fault) for step in explored.trace]

    for seed in range(30):
        assert told(explore(draw(seed))) == told(explore(draw(seed)))


# Plans and the command


def test_a_plan_is_a_line_of_text() -> None:
    text = "segment together 4:die-after 9:503 / 2 7"
    assert str(parse(text)) == text
    assert parse(text) == Plan("segment", "together", ((4, "die-after"), (9, "503")), (2, 7))


@pytest.mark.parametrize(
    "text", ["", "caption", "caption thrice", "caption once 4", "caption once 4:flood", "cat once"]
)
def test_what_is_no_plan_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_every_schedule_of_every_scenario_has_plans() -> None:
    fewest = min(len(list(islice(singles(*each), 51))) for each in schedules())
    assert fewest == 51


def test_the_command_sums_up_its_runs_with_the_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--random", "5", "--seed", "42", "--jobs", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("seed 42: 5 runs, ")
    assert line.endswith("no runs broke an invariant")


def test_a_replay_tells_every_step_and_every_ending(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", "caption once 4:die-after"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4] == "#4        8.20 s  delivery 1      create reply      <- die-after"
    assert "delivery 1 of message 1: died" in lines
    assert lines[-1] == "every invariant holds"


def test_the_command_refuses_what_is_neither_a_seed_nor_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--replay", "caption once 4"])
    assert "expected a plan like" in capsys.readouterr().err
