"""`python -m shared.operate release`: what it takes, what it says, what a dry run leaves alone, and how it ends."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from shared.command_line import DONE, FAILED, INCOMPLETE, INTERRUPTED
from shared.core.errors import ConfigurationError, TransientError
from shared.core.events.envelopes import parse_image_event
from shared.operate import deployment
from shared.operate.cli import main
from shared.pipeline.instance.lifted import RELEASE
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, WORK, Rig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.ports import Message

WRONG_KEY = ConfigurationError("Gemini answered 400: API key not valid.")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Memory adapters in place of the deployment of the environment; three events are held for want of room."""
    rig = Rig(settings=dataclasses.replace(SETTINGS, max_calls_per_day=1))
    monkeypatch.setenv("COLUMNS", "80")
    for number in range(4):
        analyze(rig.upload(f"{number}.jpg", task="caption"), rig.ports)
    rig.ports = dataclasses.replace(rig.ports, settings=dataclasses.replace(SETTINGS, max_calls_per_day=100))
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    return rig


def _published(rig: Rig) -> Sequence[Message]:
    return rig.publisher.messages.get(rig.settings.image_topic, [])


def _held(rig: Rig) -> Sequence[str]:
    return rig.store.list_names(WORK, "held/")


def _objects(rig: Rig) -> list[tuple[str, int]]:
    return [(name, info.generation) for name, info in rig.store.list_objects(WORK, "")]


def test_all_are_released_and_marked_as_released_by_hand(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "--all"]) == DONE

    header, row, _, *reasons = capsys.readouterr().out.splitlines()
    assert header.split() == ["waited", "for", "events", "released", "why", "not", "all"]
    assert row.split() == ["a", "day", "with", "room", "3", "3"]
    assert "the day's ceiling is reached [daily_ceiling]: The ceiling of 1 calls" in " ".join(" ".join(reasons).split())
    assert _held(rig) == []
    [release] = {message.attributes[RELEASE] for message in _published(rig)}
    assert release


def test_what_is_due_is_released_as_the_tick_does_it_without_a_mark(rig: Rig) -> None:
    rig.clock.time_s += 86_400

    assert main(["release"]) == DONE

    assert [RELEASE in message.attributes for message in _published(rig)] == [False] * 3


@pytest.mark.parametrize("arguments", [["--all"], ["--until", "2026-11-21T08"]])
def test_a_dry_run_says_the_same_and_changes_nothing(
    rig: Rig, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = _objects(rig)

    assert main(["release", *arguments, "--dry-run"]) == DONE
    dry = capsys.readouterr().out
    assert (_objects(rig), _published(rig)) == (before, [])
    assert main(["release", *arguments]) == DONE

    assert "would be released" in dry
    # The same but for the column's name, whose width is another.
    assert dry.replace("would be released", "released").split() == capsys.readouterr().out.split()


def test_a_dry_run_sends_no_probe_and_marks_none(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.ports = dataclasses.replace(rig.ports, settings=SETTINGS)
    rig.answer = _refuse
    for number in range(2):
        analyze(
            rig.upload(f"key{number}.jpg", task="detect"), dataclasses.replace(rig.ports, budget=Rig().ports.budget)
        )
    before = _objects(rig)

    main(["release", "--all", "--dry-run"])

    assert "one goes ahead as a probe" in capsys.readouterr().out
    assert (_objects(rig), _published(rig)) == (before, [])


def _hold_for_a_key(rig: Rig, count: int) -> None:
    rig.ports = dataclasses.replace(rig.ports, settings=SETTINGS, budget=Rig().ports.budget)
    for name in _held(rig):
        rig.store.delete(WORK, name)
    rig.answer = _refuse
    for number in range(count):
        analyze(rig.upload(f"key{number}.jpg", task="caption"), rig.ports)


def _work(rig: Rig) -> None:
    for message in rig.publisher.messages.pop(rig.settings.image_topic, []):
        analyze(parse_image_event(message.data), rig.ports)


def test_with_wait_the_others_follow_the_probe_when_its_answer_is_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _hold_for_a_key(rig, 3)
    rig.answer = None
    waits = list[float]()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:  # until then the probe is under way
            _work(rig)

    monkeypatch.setattr("shared.operate.release.time.sleep", wait)

    assert main(["release", "--all", "--wait"]) == DONE

    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["3", "3"]
    assert _held(rig) == []


def test_with_wait_a_fault_that_is_not_mended_ends_it_with_these_words(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _hold_for_a_key(rig, 3)
    monkeypatch.setattr("shared.operate.release.time.sleep", lambda _: _work(rig))

    assert main(["release", "--all", "--wait"]) == INCOMPLETE

    assert "the probe has met the same again: not mended yet" in capsys.readouterr().out


def _refuse(_: object) -> Any:
    raise WRONG_KEY


def test_what_stays_is_told_and_the_exit_code_says_so(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.ports = dataclasses.replace(rig.ports, settings=dataclasses.replace(SETTINGS, max_calls_per_day=2))

    assert main(["release", "--all"]) == INCOMPLETE

    assert "the day has no more room" in capsys.readouterr().out
    assert len(_held(rig)) == 1


@pytest.mark.parametrize("hour", ["foo", "2026-11-22", "2026-11-22T08:00", "2026-13-45T99", "2026-11-22T24", ""])
@pytest.mark.usefixtures("rig")
def test_what_is_no_hour_is_wrong_usage(hour: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["release", "--until", hour])

    assert ended.value.code == 2
    assert f"expected an hour (UTC) such as 2026-11-22T08, found {hour!r}" in capsys.readouterr().err


def test_an_hour_until_which_nothing_is_held_is_told_with_those_that_there_are(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", "--until", "2026-11-30T08"]) == DONE

    assert capsys.readouterr().out == (
        "Nothing is held until 2026-11-30T08. Events are held until 2026-11-21T08 (UTC); --all releases them now.\n"
    )
    assert len(_held(rig)) == 3


@pytest.mark.usefixtures("rig")
def test_nothing_held_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    main(["release", "--all"])
    capsys.readouterr()

    assert main(["release", "--all"]) == DONE
    assert capsys.readouterr().out == "Nothing is held.\n"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), INTERRUPTED), (TransientError("away"), FAILED)])
def test_a_release_that_ends_early_says_how_many_were_released(
    rig: Rig, error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    publish = rig.publisher.publish

    def interrupted(topic: str, messages: Sequence[Message]) -> None:
        publish(topic, messages)
        rig.store.faults.add("delete", error)  # type: ignore[arg-type]

    rig.publisher.publish = interrupted  # type: ignore[method-assign]

    assert main(["release", "--all"]) == code

    assert "It ended early: 3 events are released." in capsys.readouterr().err
    rig.publisher.publish = publish  # type: ignore[method-assign]
    assert main(["release", "--all"]) == DONE
    assert _held(rig) == []


def test_a_wait_ends_where_somebody_else_has_released_the_rest(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _hold_for_a_key(rig, 3)
    rig.answer = None

    def others(_: float) -> None:
        for name in _held(rig):
            rig.store.delete(WORK, name)

    monkeypatch.setattr("shared.operate.release.time.sleep", others)

    assert main(["release", "--all", "--wait"]) == DONE
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["1", "1"]
