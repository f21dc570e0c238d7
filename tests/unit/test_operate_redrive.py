"""`python -m shared.operate redrive`: what it takes, what it says, and what its exit code means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared import bootstrap
from shared.command_line import DONE, FAILED, INCOMPLETE, INTERRUPTED
from shared.core.errors import ErrorCode, ModelRejectedError, TransientError
from shared.core.events.envelopes import format_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.operate import deployment, redrive
from shared.operate.cli import main
from shared.pipeline.instance.lifted import RELEASE
from shared.pipeline.upkeep import redrive as upkeep_redrive
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, UPLOADS, WORK, Rig

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Memory adapters in place of the deployment of the environment."""
    rig = Rig()
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=("caption",))))
    return rig


def _fail(rig: Rig, name: str, *, task: str = "detect") -> None:
    event = rig.upload(name, task=task)
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400: no"))
    analyze(event, rig.ports)


def _published(rig: Rig) -> list[str]:
    return [message.attributes["task"] for message in rig.publisher.messages.get(rig.settings.image_topic, [])]


def test_it_redrives_what_failed_and_shows_a_line_for_each(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _fail(rig, "a.jpg")
    _fail(rig, "b.jpg", task="caption")
    analyze(rig.upload("c.jpg"), rig.ports)

    assert main(["redrive", "gs://results"]) == DONE

    output = capsys.readouterr()
    header, *lines = output.out.splitlines()
    assert header.split() == ["what", "task", "code", "outcome"]
    assert [line.split()[1:] for line in lines] == [
        ["detect", "request_refused", "redriven"],
        ["caption", "request_refused", "redriven"],
    ]
    assert lines[0].startswith("gs://results/v1/uploads/a.jpg/")
    assert output.err == "redriven: 2; left: 0\n"
    assert _published(rig) == ["detect", "caption"]


def test_only_the_newest_failure_of_a_task_is_redriven_and_none_that_has_a_result(rig: Rig) -> None:
    event = rig.upload()
    for number in (0, 1):
        rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400: no"))
        analyze(replace(event, redrive=number), rig.ports)
    assert main(["redrive", "gs://results/v1/"]) == DONE
    assert b'"redrive":2' in rig.publisher.messages[rig.settings.image_topic][0].data

    analyze(replace(event, redrive=2), rig.ports)
    rig.publisher.messages.clear()

    assert main(["redrive", "gs://results/v1/"]) == DONE
    assert _published(rig) == []


def test_a_folder_is_not_the_beginning_of_another_ones_name(rig: Rig) -> None:
    _fail(rig, "a.jpg")

    assert main(["redrive", "gs://results/v"]) == DONE

    assert _published(rig) == []


def test_a_task_and_a_code_can_be_chosen(rig: Rig) -> None:
    _fail(rig, "a.jpg")
    _fail(rig, "b.jpg", task="caption")

    main(["redrive", "gs://results", "--task", "caption", "--code", "request_refused"])
    main(["redrive", "gs://results", "--code", "dead_letter"])

    assert _published(rig) == ["caption"]


def test_a_dry_run_says_what_would_be_done(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _fail(rig, "a.jpg")

    assert main(["redrive", "gs://results", "--dry-run"]) == DONE

    assert "would be redriven" in capsys.readouterr().out
    assert _published(rig) == []


def test_what_is_left_is_told_and_the_exit_code_says_so(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    record_dead_letter(Message(b"what is this?", {}), rig.ports)
    readable = b'{"bucket": "uploads", "name": "a.jpg", "generation": "1"}'
    record_dead_letter(Message(readable, {"eventType": "OBJECT_FINALIZE"}), rig.ports)

    assert main(["redrive", "gs://work/dead"]) == INCOMPLETE

    output = capsys.readouterr()
    assert "left: Expected an event as JSON" in output.out
    assert output.err.splitlines()[-1] == "redriven: 1; left: 1"
    assert len(rig.store.list_names(WORK, "dead/")) == 1
    assert _published(rig) == ["caption"]


@pytest.mark.parametrize("where", ["gs://uploads", "gs://work", "gs://work/leases", "gs://other/v1"])
def test_another_place_is_refused_with_what_was_expected(
    rig: Rig, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["redrive", where]) == FAILED

    assert f"expected gs://{rig.settings.results_bucket}/ or a folder below it" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["redrive"], ["redrive", "results"], ["redrive", "gs://"], ["revive"], []])
def test_what_is_no_command_is_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_a_service_that_is_away_fails_the_command_and_names_it(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _fail(rig, "a.jpg")
    rig.publisher.faults.add("publish", TransientError("Pub/Sub is away"))

    assert main(["redrive", "gs://results"]) == FAILED

    assert "redrive failed: Pub/Sub is away" in capsys.readouterr().err


def test_with_a_prefix_the_bucket_alone_means_the_results_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(settings=replace(SETTINGS, results_bucket=UPLOADS, results_prefix="uplook/"))
    monkeypatch.setattr(deployment, "ports", lambda: rig.ports)
    _fail(rig, "a.jpg")
    rig.store.create(UPLOADS, "mine/1/notes.error-0.json", b"{}", content_type="application/json")

    assert main(["redrive", "gs://uploads"]) == DONE
    assert main(["redrive", "gs://uploads/uplook/v1/"]) == DONE
    assert main(["redrive", "gs://uploads/mine/"]) == FAILED

    assert _published(rig) == ["detect", "detect"]


def test_names_from_uploaders_cannot_play_tricks_on_a_terminal(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _fail(rig, "a\u202egpj.exe")

    main(["redrive", "gs://results"])

    assert "a\\u202egpj.exe" in capsys.readouterr().out


def test_a_missing_environment_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS", "IMAGE_TOPIC", "RESULT_TOPIC"):
        monkeypatch.delenv(name, raising=False)

    assert main(["redrive", "gs://results"]) == FAILED

    assert "RESULTS_BUCKET is not set" in capsys.readouterr().err


def _give_up(rig: Rig, name: str) -> None:
    """Have an event end as a dead letter."""
    event = rig.upload(name, task="caption")
    rig.model.faults.add("generate", ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        analyze(event, rig.ports)
    record_dead_letter(format_image_event(event), rig.ports)


def test_only_what_is_worth_it_is_redriven_and_the_rest_is_counted(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    _give_up(rig, "a.jpg")
    _fail(rig, "b.jpg")
    analyze(rig.upload("c.jpg", b"no image"), rig.ports)

    assert main(["redrive", "gs://results", "--worth"]) == DONE

    output = capsys.readouterr()
    assert [line.split()[2] for line in output.out.splitlines()[1:]] == ["dead_letter"]
    assert output.err.splitlines() == [
        "passed over: not_an_image 1, request_refused 1",
        "redriven: 1; left: 0",
    ]
    assert _published(rig) == ["caption"]


def test_what_cannot_be_read_is_told_whatever_is_worth_it(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.store.plant("results", "v1/uploads/a.jpg/7/caption.error-0.json", b"{")

    assert main(["redrive", "gs://results", "--worth"]) == INCOMPLETE

    assert "left: Expected a result document as JSON" in capsys.readouterr().out


def test_a_dry_run_says_why_each_has_failed(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    _give_up(rig, "a.jpg")

    main(["redrive", "gs://results", "--dry-run"])

    said = " ".join(capsys.readouterr().out.split())
    assert "1 failed because: Every delivery of this event failed. The last error: ZeroDivisionError: a bug." in said


def test_a_redriven_event_makes_instances_ask_what_they_believe_to_be_used_up(rig: Rig) -> None:
    _give_up(rig, "a.jpg")

    main(["redrive", "gs://results"])

    [message] = rig.publisher.messages[rig.settings.image_topic]
    assert message.attributes[RELEASE]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("foo", "expected the code of a failure, one of bad_aspect, "),
        ("configuration", "configuration is no code of a failure"),
        ("gone", "gone is no code of a failure"),
    ],
)
def test_a_code_that_no_failure_has_is_wrong_usage(
    rig: Rig, code: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _fail(rig, "a.jpg")

    with pytest.raises(SystemExit) as ended:
        main(["redrive", "gs://results", "--code", code])

    assert ended.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_task_that_never_was_is_refused_and_one_that_was_is_taken(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.store.plant("results", "v1/uploads/a.jpg/7/haiku.error-0.json", b"{}")

    assert main(["redrive", "gs://results", "--task", "poem"]) == FAILED
    assert "expected one of the tasks ask, caption, classify, detect, haiku" in capsys.readouterr().err
    assert main(["redrive", "gs://results", "--task", "haiku"]) == INCOMPLETE
    assert main(["redrive", "gs://results", "--task", "ask"]) == DONE


@pytest.mark.parametrize("option", [["--worth"], ["--code", "dead_letter"], ["--task", "detect"]])
@pytest.mark.usefixtures("rig")
def test_storage_events_are_not_chosen_by_what_only_results_have(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["redrive", "gs://work/dead", *option]) == FAILED

    assert "choose among results" in capsys.readouterr().err


def test_a_long_list_is_summed_up_unless_each_is_asked_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redrive, "MAX_LINES", 2)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        _fail(rig, name)

    main(["redrive", "gs://results", "--dry-run"])
    short = capsys.readouterr().out
    main(["redrive", "gs://results", "--dry-run", "--each"])
    long = capsys.readouterr().out

    assert short.splitlines()[1].split() == ["detect", "request_refused", "3", "would", "be", "redriven"]
    assert "3 failed because: 400: no" in short
    assert sum(line.startswith("gs://results/v1/") for line in long.splitlines()) == 3


def test_an_interrupted_redrive_says_what_was_done(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(upkeep_redrive, "_READ", 2)
    for number in range(5):
        _fail(rig, f"{number}.jpg")
    publish, calls = rig.publisher.publish, list[int]()

    def interrupted(topic: str, messages: Sequence[Message]) -> None:
        calls.append(len(messages))
        if len(calls) == 3:
            raise KeyboardInterrupt
        publish(topic, messages)

    monkeypatch.setattr(rig.publisher, "publish", interrupted)

    assert main(["redrive", "gs://results"]) == INTERRUPTED

    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1 + 4
    assert "redriven: 4; left: 0" in output.err
    assert "Interrupted: 4 events sent." in output.err


@pytest.mark.parametrize(("since", "found"), [("2000-01-01", 1), ("2999-01-01T08:00", 0)])
def test_failures_before_a_time_are_left_alone(rig: Rig, since: str, found: int) -> None:
    _fail(rig, "a.jpg")

    assert main(["redrive", "gs://results", "--since", since]) == DONE

    assert len(_published(rig)) == found
