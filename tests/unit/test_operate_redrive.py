"""`python -m shared.operate redrive`: what it takes, what it says, and what its exit code means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared import bootstrap
from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.core.errors import ErrorCode, ModelRejectedError, TransientError
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.operate import deployment
from shared.operate.cli import main
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, UPLOADS, WORK, Rig


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
    for redrive in (0, 1):
        rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400: no"))
        analyze(replace(event, redrive=redrive), rig.ports)
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
    bootstrap._settings.cache_clear()
    for name in ("RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS", "IMAGE_TOPIC", "RESULT_TOPIC"):
        monkeypatch.delenv(name, raising=False)

    assert main(["redrive", "gs://results"]) == FAILED

    assert "RESULTS_BUCKET is not set" in capsys.readouterr().err
