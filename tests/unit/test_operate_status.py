"""`python -m shared.operate status`: what it tells, and that the command it names for each fault mends it."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared import bootstrap
from shared.command_line import DONE, FAILED, INCOMPLETE, INTERRUPTED
from shared.core.delivery.budget import Ceiling, Scope
from shared.core.errors import ConfigurationError, DailyQuotaError, TransientError
from shared.core.events.envelopes import Upload, format_image_event, parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.plan import plan
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.operate import backlog, deployment, status
from shared.operate.cli import main
from shared.operate.status_text import COMMAND
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.instance.lifted import lift_pauses
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.batch_rig import BATCH_SETTINGS, BatchRig
from tests.planted_faults import command_in, problems_in, told
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig, picture, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.operate.status_reading import Outcomes

WRONG_KEY = ConfigurationError("Gemini answered 400 for gemini-3.8-flash: API key not valid.")
NO_QUOTA = DailyQuotaError("Gemini answered 429 for gemini-3.8-flash: GenerateRequestsPerDay")
BROKEN = TransientError("Gemini answered 500 for gemini-3.8-flash: Internal error.")
CAPTION = reply('{"caption": "A red square on white."}')


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Memory adapters in place of the deployment of the environment."""
    rig = Rig(answer=lambda _: CAPTION)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=("caption",))))
    monkeypatch.setattr(status, "read_backlog", lambda _: "The backlog is unknown: nobody tells it here.")
    return rig


def _settings(rig: Rig, **settings: Any) -> None:
    """Change the settings of the deployment; its instance, and what that remembers, is a new one."""
    ports = Rig(settings=dataclasses.replace(rig.settings, **settings)).ports
    rig.settings = ports.settings
    rig.ports = dataclasses.replace(ports, store=rig.store, publisher=rig.publisher, model=rig.model, clock=rig.clock)


def _work(rig: Rig, *events: ImageEvent) -> None:
    for event in events:
        try:
            analyze(event, rig.ports)
        except TransientError:
            continue


def _deliver(rig: Rig) -> None:
    """Let the instance have what was published, as its boundary does."""
    for message in rig.publisher.messages.pop(rig.settings.image_topic, []):
        lift_pauses(message, rig.ports.lifted, pacer=rig.ports.pacer, budget=rig.ports.budget)
        _work(rig, parse_image_event(message.data))


def _captions(rig: Rig, count: int, folder: str = "") -> list[ImageEvent]:
    return [rig.upload(f"{folder}{number}.jpg", task="caption") for number in range(count)]


def _raise(error: Exception) -> Callable[[object], Any]:
    def answer(_: object) -> Any:
        raise error

    return answer


def _status(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["status", *arguments]) == DONE
    return capsys.readouterr().out


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_status(capsys, "--json", *arguments))
    return document


def _type(rig: Rig, words: Sequence[str]) -> None:
    """Do what a person does who pastes a command: ours here, and a stand-in for Google's."""
    if list(words[:3]) == [".venv/bin/python", "-m", "shared.operate"]:
        assert main(words[3:]) in (DONE, INCOMPLETE)
        _deliver(rig)
        return
    assert list(words[:3]) == ["gcloud", "storage", "cp"]
    copy, uri = words[3:]
    assert copy == f"./{uri.rpartition('/')[2]}"
    name = uri.removeprefix(f"gs://{UPLOADS}/")
    rig.store.delete(UPLOADS, name)
    _work(rig, rig.upload(name, picture(), task="caption"))


def _plant_wrong_key(rig: Rig) -> None:
    rig.answer = _raise(WRONG_KEY)
    _work(rig, *_captions(rig, 3))


def _plant_ceiling(rig: Rig) -> None:
    _settings(rig, max_calls_per_day=2)
    _work(rig, *_captions(rig, 5))


def _plant_quota(rig: Rig) -> None:
    rig.answer = _raise(NO_QUOTA)
    _work(rig, *_captions(rig, 3))


def _plant_dead_letter(rig: Rig) -> None:
    rig.answer = _raise(BROKEN)
    for event in _captions(rig, 2):
        _work(rig, event)
        record_dead_letter(format_image_event(event), rig.ports)


def _plant_retired_model(rig: Rig) -> None:
    for event in _captions(rig, 2):
        named = dataclasses.replace(event.settings, model="gemini-2.0-flash")
        _work(rig, dataclasses.replace(event, settings=named))


def _plant_poison_file(rig: Rig) -> None:
    _work(rig, rig.upload("a photo.jpg", picture()[:300], task="caption"))


def _answer_again(rig: Rig) -> None:
    rig.answer = lambda _: CAPTION


FAULTS = {
    "a wrong key": (_plant_wrong_key, _answer_again, "3 events are held", "API key not valid"),
    "the ceiling": (
        _plant_ceiling,
        lambda rig: _settings(rig, max_calls_per_day=100),
        "3 events are held: the day's ceiling is reached",
        "The ceiling of 2 calls a day is reached",
    ),
    "the quota": (_plant_quota, _answer_again, "quota of the day is used up", "GenerateRequestsPerDay"),
    "a dead letter with a model error": (
        _plant_dead_letter,
        _answer_again,
        "2 failures that a redrive can mend",
        "Gemini answered 500 for gemini-3.8-flash: Internal error.",
    ),
    "a retired model": (
        _plant_retired_model,
        lambda rig: _settings(rig, use_successors=True),
        "no service answers their model today",
        "set USE_SUCCESSORS=true",
    ),
    "a poison file": (
        _plant_poison_file,
        lambda _: None,
        "1 failure that no redrive can mend",
        "the file ends inside a segment",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_told_with_its_reason_and_the_command_that_it_names_mends_it(
    rig: Rig, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, mend, what, reason = FAULTS[fault]
    monkeypatch.setattr("shared.operate.release.time.sleep", lambda _: _deliver(rig))
    plant(rig)

    [problem] = problems_in(_status(capsys))
    assert what in told(problem)
    assert reason in told(problem)
    mend(rig)
    _type(rig, command_in(problem))

    assert "Nothing is stuck." in _status(capsys)
    assert {status for _, status in _counts(_json(capsys))} <= {"ok", "failed"}


def _counts(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["task"], each["status"]) for each in document["results"]}


def test_one_status_tells_all_six_at_once(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    for plant in (_plant_dead_letter, _plant_retired_model, _plant_wrong_key, _plant_poison_file):
        rig.clock.time_s += 1
        for each in rig.store.list_names(UPLOADS, ""):
            rig.store.delete(UPLOADS, each)
        plant(rig)
    for each in rig.store.list_names(UPLOADS, ""):
        rig.store.delete(UPLOADS, each)
    _plant_quota(rig)
    rig.answer = lambda _: CAPTION
    _settings(rig, max_calls_per_day=1)
    for each in rig.store.list_names(UPLOADS, ""):
        rig.store.delete(UPLOADS, each)
    _work(rig, *_captions(rig, 3, "ceiling/"))

    document = _json(capsys)

    codes = [each["code"] for each in document["problems"]]
    assert sorted(codes) == [
        "configuration",
        "configuration",
        "daily_ceiling",
        "daily_quota",
        "dead_letter",
        "truncated",
    ]
    assert all(each["command"] and each["first"] and each["reasons"] for each in document["problems"])


def test_what_killed_its_instance_is_told_as_such(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    event = rig.upload("bomb.jpg", task="caption")
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1
    waiting = _status(capsys)
    record_dead_letter(format_image_event(event), rig.ports)

    [problem] = problems_in(_status(capsys))

    assert "Its instance ended without a word. (gs://uploads/bomb.jpg)" in told(waiting)
    assert "its instance was killed, as for too much memory" in told(problem)


def test_a_delivery_at_work_is_told_with_its_attempt_and_since_when(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    held = lease.claim(begin(rig.upload("busy.jpg"), rig.ports), rig.ports)
    assert isinstance(held, lease.HeldLease)
    rig.clock.time_s += 70

    said = told(_status(capsys))

    assert "At work now: 1 detect of gs://uploads/busy.jpg since 2026-11-21 00:16:40 (1 min), attempt attempt-1" in said
    assert _json(capsys)["at_work"] == [
        {
            "uri": "gs://uploads/busy.jpg",
            "task": "detect",
            "run": "v1",
            "attempt": "attempt-1",
            "since": "2026-11-21T00:16:40Z",
        }
    ]


def test_a_delivery_of_several_tasks_is_at_work_on_those_that_have_no_result(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.answer = None  # each task has an answer of its own
    source = rig.upload("busy.jpg").source
    (event,) = plan(Upload(source), Rules(Choices(tasks=("detect", "segment"))), run="v1").events
    _work(rig, rig.event_of(source, "detect"))
    lease.claim(begin(event, rig.ports), rig.ports)

    assert [each["task"] for each in _json(capsys)["at_work"]] == ["segment"]


def test_a_call_that_several_tasks_share_is_one_call_of_today(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.answer = None
    (event,) = plan(Upload(rig.upload().source), Rules(Choices(tasks=("detect", "segment"))), run="v1").events
    _work(rig, event)

    today = _json(capsys)["today"]

    assert (today["answers"], round(today["usd"], 6)) == (1, rig.document(event)["usage"]["cost_usd"])


def test_the_lease_that_a_result_leaves_behind_is_nobody_at_work(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _work(rig, rig.upload(task="caption"))

    assert rig.store.list_names(WORK, "leases/") != []
    assert "Nobody is at work now." in _status(capsys)


def test_what_failed_for_a_moment_is_told_once_for_all_that_failed_alike(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.answer = _raise(BROKEN)
    _work(rig, *_captions(rig, 3))

    said = told(_status(capsys))

    assert "3 events failed for a moment, and Pub/Sub delivers them again: 3 times: Gemini answered 500" in said
    assert "Nothing is stuck." in said


def test_results_are_counted_by_task_and_status_and_todays_answers_summed_up(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    _settings(rig, max_calls_per_day=10)
    _work(rig, *_captions(rig, 2), rig.upload("bad.jpg", b"no image", task="detect"))
    before = _json(capsys)["today"]
    rig.clock.time_s += 86_400

    document = _json(capsys)

    assert document["results"] == [
        {"task": "caption", "status": "ok", "count": 2},
        {"task": "detect", "status": "failed", "count": 1},
    ]
    assert (before["answers"], before["usd"] > 0) == (2, True)
    assert (document["today"]["answers"], document["today"]["usd"]) == (0, 0)
    assert before["ceilings"] == [
        {
            "budget_of": None,
            "until": "2026-11-21T08:00:00Z",
            "calls": 2,
            "max_calls": 10,
            "usd": None,
            "max_usd": None,
        }
    ]


def test_a_budget_of_a_prefix_is_told_with_what_it_holds_back(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = (Ceiling(calls=1, scope=Scope("uploads", "tenant/")),)
    _settings(rig, max_calls_per_day=10)
    rig.ports = dataclasses.replace(rig.ports, budgets=budgets, budget=Budgets(Ceiling(calls=10), budgets))
    _work(rig, *_captions(rig, 2, "tenant/"), *_captions(rig, 2, "other/"))

    text = _status(capsys)
    [problem] = problems_in(text)

    assert "1 event is held: the day's budget of their prefix is reached." in told(problem)
    assert "First, raise it ([[budgets]] in the rules). Then:" in told(problem)
    assert "Of the ceiling, 3 of 10 calls are taken" in told(text)
    assert "Of the budget of gs://uploads/tenant/, 1 of 1 calls are taken" in told(text)
    assert main(["release", "--all", "--dry-run"]) == DONE
    assert "room in a budget (" in capsys.readouterr().out


def test_of_two_ceilings_of_one_day_both_are_told(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _settings(rig, max_usd_per_day=2.5)
    _work(rig, *_captions(rig, 1))
    _settings(rig, max_calls_per_day=7)

    found = _json(capsys)["today"]["ceilings"]

    assert [(each["max_calls"], each["max_usd"]) for each in found] == [(7, 2.5), (None, 2.5)]
    assert 0 < found[1]["usd"] < 2.5
    assert (found[0]["calls"], found[0]["usd"]) == (0, 0)


def test_a_part_is_told_alone(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.answer = _raise(WRONG_KEY)
    _work(rig, *_captions(rig, 2, "a/"), *_captions(rig, 1, "b/"))
    rig.answer = None
    _work(rig, rig.upload("a/bad.jpg", b"no image", task="caption"), rig.upload("b/good.jpg", task="detect"))

    here, there = _json(capsys, "gs://uploads/a"), _json(capsys, "gs://results/v1/uploads/b/")

    assert [(each["kind"], each["count"]) for each in here["problems"]] == [("held", 2), ("failed", 1)]
    assert [(each["kind"], each["count"]) for each in there["problems"]] == [("held", 1)]
    assert here["results"] == [{"task": "caption", "status": "failed", "count": 1}]
    assert there["results"] == [{"task": "detect", "status": "ok", "count": 1}]


def test_the_command_for_a_part_redrives_that_part_alone(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.answer = _raise(BROKEN)
    for event in (*_captions(rig, 1, "a b/"), *_captions(rig, 1, "c/")):
        _work(rig, event)
        record_dead_letter(format_image_event(event), rig.ports)

    [problem] = problems_in(_status(capsys, "gs://uploads/a b/"))
    _answer_again(rig)
    _type(rig, command_in(problem))

    assert "Nothing is stuck." in _status(capsys, "gs://uploads/a b/")
    assert len(problems_in(_status(capsys))) == 1


def test_the_story_of_an_image_is_told_in_order_with_attempts_transport_tokens_and_cost(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    event = rig.upload("cat.jpg", task="caption")
    _work(rig, rig.upload("cat.jpg/7/of another.jpg", task="caption"))
    rig.clock.time_s += 10
    rig.answer = _raise(BROKEN)
    _work(rig, event)
    record_dead_letter(format_image_event(event), rig.ports)
    rig.clock.time_s += 100
    _answer_again(rig)
    _work(rig, dataclasses.replace(event, redrive=1))

    document = _json(capsys, "gs://uploads/cat.jpg")
    text = told(_status(capsys, "gs://uploads/cat.jpg"))

    assert [each["kind"] for each in document["story"]] == ["uploaded", "failed", "answered", "result"]
    assert document["results"] == [{"task": "caption", "status": "ok", "count": 1}]
    times = [each["at"][:19] for each in document["story"]]
    assert times == sorted(times)
    answered = document["story"][2]
    assert answered["usd"] > 0
    assert answered["details"]["transport"]["kind"] == "inline"
    assert (answered["details"]["prompt_tokens"], answered["details"]["output_tokens"]) == (1200, 80)
    assert answered["details"]["attempt"].startswith("attempt-")
    assert "uploaded: " in text
    assert "1,200 + 80 + 0 tokens" in text
    assert "sent inline" in text
    assert "All answers together: 0.00" in text
    assert "Nothing is stuck." in text


def test_the_story_of_an_image_that_waits_says_why_and_names_the_command(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    _plant_wrong_key(rig)

    text = _status(capsys, "gs://uploads/1.jpg")

    assert "ended in: Gemini answered 400" in told(text)
    assert "held until 2026-11-21T01:00:00Z" in told(text)
    [problem] = problems_in(text)
    assert command_in(problem)[3:] == ["release", "--all"]


def test_a_second_ask_is_part_of_the_story_and_of_its_cost(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    replies = [reply(""), CAPTION]
    rig.answer = lambda _: replies.pop(0)
    _work(rig, rig.upload("twice.jpg", task="caption"))

    document = _json(capsys, "gs://uploads/twice.jpg")

    asks = [each for each in document["story"] if each["kind"] == "answered"]
    assert [each["details"]["ask"] for each in asks] == [0, 1]
    assert "asked again" in _status(capsys, "gs://uploads/twice.jpg")


def test_an_image_is_found_by_the_folder_of_its_results(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    event = rig.upload("cat.jpg", task="caption")
    _work(rig, event)

    document = _json(capsys, f"gs://results/v1/uploads/cat.jpg/{event.source.generation}/")

    assert [each["kind"] for each in document["story"]] == ["uploaded", "answered", "result"]


def test_failures_of_an_old_generation_need_nothing_once_a_newer_one_has_its_result(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    _plant_poison_file(rig)
    rig.store.delete(UPLOADS, "a photo.jpg")
    assert len(problems_in(_status(capsys))) == 1

    _work(rig, rig.upload("a photo.jpg", task="caption"))

    assert _json(capsys)["settled_failures"] == 1
    assert "Of the failures, 1 need nothing" in _status(capsys)
    assert "Nothing is stuck." in _status(capsys)


@pytest.mark.parametrize("where", ["gs://results", "gs://results/", "gs://results/mine", "gs://results/mine/v1/"])
def test_with_a_prefix_the_bucket_alone_means_the_results_in_it(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, results_prefix="mine/"))
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    monkeypatch.setattr(status, "read_backlog", lambda _: "unknown")
    _work(rig, rig.upload(task="caption"))

    assert _json(capsys, where)["results"] == [{"task": "caption", "status": "ok", "count": 1}]


@pytest.mark.parametrize("where", ["gs://uploads", "gs://uploads/mine/v1/uploads/square.jpg"])
def test_where_results_share_a_bucket_with_uploads_both_can_be_named(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, results_bucket=UPLOADS, results_prefix="mine/"))
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    monkeypatch.setattr(status, "read_backlog", lambda _: "unknown")
    _work(rig, rig.upload(task="caption"))

    assert _json(capsys, where)["results"] == [{"task": "caption", "status": "ok", "count": 1}]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("gs://elsewhere/v1", "expected a place in gs://uploads, or below gs://results/"),
        ("gs://work/held", "expected a place in gs://uploads"),
        ("gs://uploads/never.jpg", "nothing is known of gs://uploads/never.jpg"),
        ("gs://results/v9/", "expected one of the runs v1, found 'v9'"),
    ],
)
def test_a_place_of_which_nothing_is_known_is_refused_in_words(
    rig: Rig, where: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _work(rig, rig.upload(task="caption"))

    assert main(["status", where]) == FAILED
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["uploads"], ["--every", "0"], ["--every", "soon"]])
def test_nonsense_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", *arguments])

    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_told_and_the_exit_code_says_so(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.store.plant(RESULTS, "v1/uploads/x.jpg/7/caption.json", b"{")

    assert main(["status"]) == INCOMPLETE
    output = capsys.readouterr()
    assert "left out: gs://results/v1/uploads/x.jpg/7/caption.json: expected JSON" in output.err


def test_nothing_is_written(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _plant_wrong_key(rig)
    _plant_poison_file(rig)
    before = rig.store.faults.calls.copy()

    _status(capsys)
    _status(capsys, "gs://uploads/a photo.jpg")

    written = {"create", "replace", "delete"}
    assert {name: count for name, count in rig.store.faults.calls.items() if name in written} == {
        name: before[name] for name in written if name in before
    }
    assert rig.publisher.messages.get(rig.settings.image_topic, []) == []


def test_lines_keep_to_80_columns_but_for_commands_and_addresses(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    for plant in (_plant_wrong_key, _plant_poison_file):
        plant(rig)
    lines = _status(capsys).splitlines()

    assert [line for line in lines if len(line) > 80 and not line.startswith(COMMAND)] == []
    assert any(len(line) > 60 for line in lines)


def test_more_columns_are_used_where_there_are_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _plant_wrong_key(rig)
    narrow = _status(capsys)
    monkeypatch.setenv("COLUMNS", "160")

    assert len(_status(capsys).splitlines()) < len(narrow.splitlines())


def test_names_of_uploaders_cannot_play_tricks_on_a_terminal(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _work(rig, rig.upload("a\u202egpj.jpg", b"no image", task="caption"))

    assert "\u202e" not in _status(capsys)


def test_a_watch_shows_it_anew_reads_no_document_twice_and_ends_cleanly(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _work(rig, *_captions(rig, 3))
    reads = list[int]()

    def wait(seconds: float) -> None:
        assert seconds == 7
        reads.append(rig.store.faults.calls["read"])
        if len(reads) == 3:
            raise KeyboardInterrupt
        _work(rig, rig.upload(f"later{len(reads)}.jpg", task="caption"))
        reads[-1] = rig.store.faults.calls["read"]

    monkeypatch.setattr("shared.operate.status.time.sleep", wait)

    assert main(["status", "--watch", "--every", "7", "--json"]) == DONE

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["results"][0]["count"] for each in documents] == [3, 4, 5]
    assert [after - before for before, after in pairwise(reads)][-1] == 1


@pytest.mark.usefixtures("rig")
def test_a_watch_clears_a_terminal_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shared.operate.status.time.sleep", interrupt)
    main(["status", "--watch"])
    plain = capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main(["status", "--watch"])

    assert "\x1b" not in plain
    assert capsys.readouterr().out.startswith("\x1b[H\x1b[2J")


def test_an_emulator_is_uploaded_to_by_curl(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _plant_poison_file(rig)
    _settings(rig, storage_emulator_host="http://127.0.0.1:1", pubsub_emulator_host="127.0.0.1:2")

    [problem] = problems_in(_status(capsys))

    assert command_in(problem) == [
        "curl",
        "--fail",
        "--data-binary",
        "@./a photo.jpg",
        "http://127.0.0.1:1/upload/storage/v1/b/uploads/o?uploadType=media&name=a%20photo.jpg",
    ]


def test_the_json_has_the_form_that_the_documents_promise(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    promised = {each for each in _promised() if not each.startswith("batches.")}
    _plant_wrong_key(rig)
    _plant_poison_file(rig)
    rig.answer = None
    _settings(rig, max_calls_per_day=10)
    lease.claim(begin(rig.upload("busy.jpg"), rig.ports), rig.ports)
    rig.answer = _raise(BROKEN)
    _work(rig, rig.upload("again.jpg"))

    found = set(_paths(_json(capsys))) | set(_paths(_json(capsys, "gs://uploads/1.jpg")))

    found = {each for each in found if not any(one.startswith(f"{each}[]") for one in promised - {each})} | (
        found & promised
    )

    assert found <= promised
    assert promised - found == {"backlog[].subscription", "backlog[].messages", "backlog[].oldest_s"}


def _promised() -> set[str]:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    table = page.partition("<!-- status fields -->")[2].partition("<!-- /status fields -->")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))


def _paths(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict) and not path.endswith(("tasks", "details")):
        return [each for key, one in value.items() for each in _paths(one, f"{path}.{key}".lstrip("."))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [each for one in value for each in _paths(one, f"{path}[]")]
    return [path]


def test_the_backlog_is_unknown_without_an_address_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_CONTROL_URL", raising=False)
    settings = dataclasses.replace(SETTINGS, pubsub_emulator_host="127.0.0.1:2")

    assert "PUBSUB_CONTROL_URL" in str(backlog.read_backlog(settings))


def test_a_dead_storage_event_names_the_redrive_of_its_folder(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.answer = lambda _: CAPTION
    event = rig.upload("a.jpg", task="caption")
    data = json.dumps({"bucket": "uploads", "name": "a.jpg", "generation": str(event.source.generation)}).encode()
    record_dead_letter(Message(data, {"eventType": "OBJECT_FINALIZE"}), rig.ports)

    [problem] = problems_in(_status(capsys))
    _type(rig, command_in(problem))

    assert "Nothing is stuck." in _status(capsys)


def test_results_before_a_time_are_left_out(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _work(rig, *_captions(rig, 2))
    rig.clock.time_s += 7200
    _work(rig, rig.upload("later.jpg", task="caption"))

    document = _json(capsys, "--since", "2026-11-21T02:00")

    assert document["results"] == [{"task": "caption", "status": "ok", "count": 1}]
    assert document["at_work"] == []  # the leases of older results are still marks of nothing


def test_a_failure_of_before_a_time_is_not_taken_for_a_delivery_that_waits(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    _plant_dead_letter(rig)

    document = _json(capsys, "--since", "2027-01-01")

    assert (document["results"], document["waiting"], document["problems"]) == ([], [], [])


def test_a_status_that_is_interrupted_says_how_far_it_was(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _work(rig, *_captions(rig, 3))

    def interrupt(_scope: object, _ports: object, outcomes: Outcomes, **_: object) -> None:
        outcomes.read()
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "read_facts", interrupt)

    assert main(["status"]) == INTERRUPTED
    assert "Stopped: 3 results read." in capsys.readouterr().err


def test_batch_jobs_are_told_and_what_waits_for_them_has_not_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = BatchRig(dataclasses.replace(BATCH_SETTINGS, batch_lines=2))
    monkeypatch.setattr(deployment, "ports", lambda: batches.rig.ports)
    batches.deliver(*(batches.upload(f"{number}.jpg") for number in range(3)))
    batches.tick()
    batches.deliver(batches.upload("later.jpg"))

    assert main(["status", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert [(each["lines"], each["state"]) for each in told["batches"]["jobs"]] == [(2, "pending"), (1, "pending")]
    assert set(_paths(told["batches"], "batches")) == {each for each in _promised() if each.startswith("batches.")}
    assert (told["batches"]["waiting"], told["batches"]["back"], told["waiting"]) == (1, 0, [])
    assert main(["status"]) == DONE
    assert "Batch jobs: 3 asks in 2 jobs" in capsys.readouterr().out

    batches.finish()
    batches.tick()
    assert main(["status", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["batches"]["back"] == 3
    batches.work()
    for _ in range(2):
        batches.finish()
        batches.tick()
        batches.work()
    assert main(["status", "--json"]) == DONE
    assert "batches" not in json.loads(capsys.readouterr().out)
