"""`python -m shared.operate backfill`: what it takes, what it says, and what its exit code means."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared import bootstrap
from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.core import naming
from shared.core.errors import TransientError
from shared.core.events.envelopes import parse_image_event
from shared.core.planning.budgets import read_budgets
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.operate import deployment
from shared.operate.cli import main
from shared.pipeline.worker.analyze import analyze
from tests.backfill_rig import LANE, BackfillRig
from tests.batch_rig import BATCH_SETTINGS, BatchRig
from tests.rig import RESULTS, UPLOADS, WORK, picture

if TYPE_CHECKING:
    from pathlib import Path

PHOTOS = tuple(f"photos/{number:02}.jpg" for number in range(12))


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> BackfillRig:
    """Memory adapters in place of the deployment of the environment."""
    rig = BackfillRig()
    monkeypatch.setattr(deployment, "ports", lambda: rig.rig.ports)
    monkeypatch.setattr(bootstrap, "rules", lambda: rig.rules)
    for name in ("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return rig


def _asked(rig: BackfillRig) -> int:
    return len(rig.rig.model.requests)


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_it_looks_at_everything_below_a_prefix_and_says_what_came_of_it(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS, "other.jpg")

    assert main(["backfill", "gs://uploads/photos/"]) == DONE

    output = capsys.readouterr()
    assert output.out.startswith("12 objects: 24 image events published, 24 done, 0 failed,")
    assert "12 objects, of which 12 lack results: 24 image events" in output.err
    assert _asked(rig) == 24


def test_one_object_is_looked_at_alone(rig: BackfillRig) -> None:
    rig.upload("a.jpg", "a.jpg.jpg")

    assert main(["backfill", "gs://uploads/a.jpg"]) == DONE
    assert _asked(rig) == 2


def test_a_prefix_need_not_end_a_folder(rig: BackfillRig) -> None:
    rig.upload(*PHOTOS)

    assert main(["backfill", "gs://uploads/photos/0"]) == DONE
    assert _asked(rig) == 20


def test_a_dry_run_publishes_nothing_writes_nothing_and_tells_all(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    rig.upload("notes.txt", content_type="text/plain")
    before = [rig.rig.store.list_names(bucket, "") for bucket in (UPLOADS, RESULTS, WORK)]

    assert main(["backfill", "gs://uploads", "--dry-run", "--json", "--quota", "60", "--rate", "2"]) == DONE

    told = _json(capsys)
    assert (told["objects"], told["lacking"], told["events"]) == (13, 12, 24)
    assert told["left_out"] == {"not an image by name or content type (text/plain)": 1}
    assert [(row["task"], row["events"], row["sample"]) for row in told["rows"]] == [
        ("caption", 12, 0),
        ("detect", 12, 0),
    ]
    assert 0 < told["total"]["usd"]["low"] < told["total"]["usd"]["likely"] < told["total"]["usd"]["high"]
    assert told["seconds"] == {"--rate": 12.0, "--quota": 24.0}
    assert [rig.rig.store.list_names(bucket, "") for bucket in (UPLOADS, RESULTS, WORK)] == before
    assert rig.published == []


def test_a_dry_run_for_people_says_what_is_guessed_and_what_limits_it(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    rig.upload("bad.jpg\x1b[31m", content_type="text/\x1b[31m\nplain")
    rig.rig.ports = replace(rig.rig.ports, settings=replace(rig.rig.settings, max_calls_per_day=8, max_usd_per_day=0.5))

    assert main(["backfill", "gs://uploads", "--dry-run"]) == DONE

    out = capsys.readouterr().out
    assert "Guessed, for there are no results to learn from: caption by gemini-3.5-flash-lite, detect by" in out
    assert "MAX_CALLS_PER_DAY alone makes it last 3.0 days." in out
    assert "MAX_USD_PER_DAY alone makes it last" in out
    assert "\x1b" not in out


def test_a_dry_run_says_which_budgets_would_be_reached(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    problems: list[str] = []
    tables = [
        {"bucket": "uploads", "prefix": "photos/", "max_calls_per_day": 10},
        {"prefix": "photos/0", "max_calls_per_day": 20},
        {"prefix": "elsewhere/", "max_calls_per_day": 1},
    ]
    rig.rules = replace(rig.rules, budgets=read_budgets(tables, problems))
    assert not problems
    rig.upload(*PHOTOS)

    assert main(["backfill", "gs://uploads", "--dry-run", "--json"]) == DONE
    day = 86_400
    assert _json(capsys)["budgets"] == [
        {"budget_of": "gs://uploads/photos/", "events": 24, "seconds": pytest.approx(2.4 * day), "reached": True},
        {"budget_of": "photos/0 in any bucket", "events": 20, "seconds": pytest.approx(day), "reached": False},
    ]

    assert main(["backfill", "gs://uploads", "--dry-run"]) == DONE
    [told] = [line for line in capsys.readouterr().out.splitlines() if "budget" in line]
    assert told == (
        "The budget of gs://uploads/photos/ (10 calls a day) would be reached: it alone makes its 24 image events"
        " last 2.4 days."
    )


def test_an_estimate_is_learned_from_results_of_this_run_or_of_another(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    main(["backfill", "gs://uploads", "--limit", "6"])
    capsys.readouterr()

    for run in ("v1", "v2"):
        assert main(["backfill", "gs://uploads", "--dry-run", "--json", "--run", run]) == DONE
        told = _json(capsys)
        assert [row["sample"] for row in told["rows"]] == [6, 6]
        assert told["rows"][0]["prompt_tokens"]["likely"] == 1200 * told["rows"][0]["events"]
    assert (told["existing"], told["events"]) == (0, 24)


def test_the_likely_cost_is_what_cost_tells_afterwards(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.upload(*PHOTOS)
    main(["backfill", "gs://uploads", "--limit", "6"])
    capsys.readouterr()
    main(["backfill", "gs://uploads", "--dry-run", "--json"])
    likely = _json(capsys)["total"]["usd"]["likely"]

    main(["backfill", "gs://uploads", "--json"])

    assert _json(capsys)["usd"] == pytest.approx(likely, rel=0.01)


def test_failures_are_told_and_make_the_exit_code(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.upload("a.jpg")
    rig.rig.store.create(UPLOADS, "b.jpg", b"no picture", content_type="image/jpeg")

    assert main(["backfill", "gs://uploads"]) == INCOMPLETE
    assert main(["backfill", "gs://uploads"]) == INCOMPLETE

    assert "2 have failed: mend the cause, then `redrive`" in capsys.readouterr().out


def test_tasks_whose_model_does_not_answer_are_left_out_instead_of_held(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    from shared.core.planning.choices import Choices, TaskChoices
    from shared.core.planning.rules import Rules

    rig.rules = Rules(Choices(tasks=("caption", "detect"), for_task={"detect": TaskChoices(model="gemini-2.0-flash")}))
    rig.upload(*PHOTOS)

    assert main(["backfill", "gs://uploads", "--json"]) == INCOMPLETE

    told = _json(capsys)
    assert (told["published"], told["done"]) == (12, 12)
    assert any(reason.startswith("detect: ") and count == 12 for reason, count in told["left_out"].items())


def test_shards_share_the_objects_among_them(rig: BackfillRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.upload(*PHOTOS)

    main(["backfill", "gs://uploads", "--shard", "0/3"])
    first = _asked(rig)
    for index in ("1", "2"):
        monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", index)
        monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", "3")
        main(["backfill", "gs://uploads"])

    assert 0 < first < 24
    assert _asked(rig) == 24
    assert len(rig.rig.store.list_names(WORK, naming.BACKFILL)) == 3


@pytest.mark.parametrize(("index", "count"), [("3", "3"), ("x", "3"), ("0", "0"), ("-1", "2"), ("1", "")])
def test_a_job_that_names_no_part_is_refused(
    rig: BackfillRig, monkeypatch: pytest.MonkeyPatch, index: str, count: str
) -> None:
    rig.upload(*PHOTOS)
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", index)
    monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", count)

    assert main(["backfill", "gs://uploads"]) == FAILED
    assert rig.published == []


def test_stopped_it_says_what_was_done_and_the_same_command_goes_on(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    calls = iter(range(10**6))

    def interrupt(_: float) -> None:
        rig.work()
        if next(calls) == 1:
            raise KeyboardInterrupt

    rig.rig.clock.on_sleep = interrupt

    assert main(["backfill", "gs://uploads"]) == 130
    assert "Stopped. 12 objects: 8 image events published" in capsys.readouterr().err
    assert main(["backfill", "gs://uploads"]) == DONE
    assert _asked(rig) == 24


def test_a_service_that_is_away_fails_the_command_and_says_how_to_go_on(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    for _ in range(9):
        rig.rig.publisher.faults.add("publish", TransientError("Pub/Sub is away"))

    assert main(["backfill", "gs://uploads"]) == FAILED
    err = capsys.readouterr().err
    assert "The same command goes on from here." in err
    assert "backfill failed: Pub/Sub is away" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["uploads"],
        ["gs://"],
        ["gs://UPLOADS/x"],
        ["gs://uploads", "--run", "V 1"],
        ["gs://uploads", "--task", "De tect"],
        ["gs://uploads", "--limit", "0"],
        ["gs://uploads", "--limit", "1e3"],
        ["gs://uploads", "--shard", "3/3"],
        ["gs://uploads", "--shard", "1"],
        ["gs://uploads", "--shard", "-1/3"],
        ["gs://uploads", "--rate", "nan"],
        ["gs://uploads", "--rate", "0"],
        ["gs://uploads", "--since", "yesterday"],
    ],
)
def test_wrong_usage_is_refused_before_anything_is_looked_at(rig: BackfillRig, arguments: list[str]) -> None:
    rig.upload(*PHOTOS)

    with pytest.raises(SystemExit) as caught:
        main(["backfill", *arguments])

    assert caught.value.code == 2
    assert rig.published == []


@pytest.mark.usefixtures("rig")
def test_a_bucket_that_is_none_for_uploads_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backfill", "gs://results"]) == FAILED
    assert "expected an upload bucket (uploads), found results" in capsys.readouterr().err


def test_only_what_was_written_since_is_looked_at(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.upload("old.jpg")
    rig.rig.clock.time_s += 7200
    rig.upload("new.jpg")

    assert main(["backfill", "gs://uploads", "--since", "2026-11-21T01:20:00Z", "--json"]) == DONE

    assert _json(capsys)["left_out"] == {"older than --since": 1}
    assert _asked(rig) == 2


HEADER = "project,bucket,name,location,size,generation,contentType\n"


def _report(names: tuple[str, ...], bucket: str = "uploads") -> str:
    return HEADER + "".join(f"1,{bucket},{name},US,7,1,image/jpeg\n" for name in names)


def test_an_inventory_report_says_which_objects_and_what_is_gone_meanwhile(
    rig: BackfillRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    report = tmp_path / "report.csv"
    report.write_text(_report((PHOTOS[5], "gone.jpg", PHOTOS[1])) + _report(("x.jpg",), "other").partition("\n")[2])

    assert main(["backfill", "gs://uploads", "--from", str(report), "--json"]) == DONE

    told = _json(capsys)
    assert (told["objects"], told["published"]) == (4, 4)
    assert told["left_out"] == {
        "it is gone, or was never there": 1,
        "it lies in another bucket, or not below the prefix": 1,
    }


@pytest.mark.parametrize("kind", ["csv", "parquet", "lines"])
def test_a_report_in_a_bucket_is_read_whatever_its_form(
    rig: BackfillRig, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    if kind == "csv":
        data = _report(PHOTOS[:3]).encode()
    elif kind == "lines":
        data = "".join(f"gs://uploads/{name}\n" for name in PHOTOS[:3]).encode()
    else:
        data = _parquet(PHOTOS[:3])
    rig.rig.store.create("reports", "today/list", data, content_type="application/octet-stream")

    assert main(["backfill", "gs://uploads", "--from", "gs://reports/today/list", "--json"]) == DONE
    assert _json(capsys)["published"] == 6


def test_the_shards_of_a_report_are_read_one_behind_the_other(
    rig: BackfillRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.upload(*PHOTOS)
    for number, names in enumerate((PHOTOS[:2], PHOTOS[2:5])):
        rig.rig.store.create("reports", f"today/id_2026_{number}.csv", _report(names).encode(), content_type="text/csv")
    rig.rig.store.create("reports", "today/id_2026_manifest.json", b"{}", content_type="application/json")

    assert main(["backfill", "gs://uploads", "--from", "gs://reports/today/id_2026_", "--json"]) == DONE
    assert _json(capsys)["published"] == 10


def _parquet(names: tuple[str, ...]) -> bytes:
    import io

    import pyarrow as pa
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(
        pa.table({"bucket": ["uploads"] * len(names), "size": [7] * len(names), "name": list(names)}), sink
    )
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PAR1 and no more", "expected Parquet"),
        (b"name,size\na.jpg\n", "line 2: expected 2 columns"),
        (b"\xff\xfe", "expected text in UTF-8"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_with_its_place(
    rig: BackfillRig, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, data: bytes, words: str
) -> None:
    rig.upload(*PHOTOS)
    (tmp_path / "list").write_bytes(data)

    assert main(["backfill", "gs://uploads", "--from", str(tmp_path / "list")]) == FAILED

    err = capsys.readouterr().err
    assert f"{tmp_path / 'list'}: " in err
    assert words in err


@pytest.mark.parametrize("place", ["nowhere.csv", "gs://reports/nothing"])
def test_a_list_that_is_not_there_is_told(rig: BackfillRig, capsys: pytest.CaptureFixture[str], place: str) -> None:
    rig.upload(*PHOTOS)

    assert main(["backfill", "gs://uploads", "--from", place]) == FAILED
    assert f"at {place}" in capsys.readouterr().err


def test_a_parquet_report_without_pyarrow_is_told_in_words(
    rig: BackfillRig, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    rig.upload(*PHOTOS)
    (tmp_path / "list").write_bytes(_parquet(PHOTOS[:1]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert main(["backfill", "gs://uploads", "--from", str(tmp_path / "list")]) == FAILED
    assert "pip install pyarrow" in capsys.readouterr().err


@pytest.mark.parametrize("tasks", [("caption", "detect"), ("caption", "detect", "segment")], ids=["apart", "joint"])
def test_all_of_it_waits_for_batch_jobs_and_costs_half(
    rig: BackfillRig, tasks: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = BatchRig(replace(BATCH_SETTINGS, backfill_topic=LANE))
    monkeypatch.setattr(deployment, "ports", lambda: batches.rig.ports)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=tasks)))
    for name in PHOTOS:
        batches.rig.store.create(UPLOADS, name, picture(), content_type="image/jpeg")

    def passes(_: float) -> None:
        taken, messages = rig.taken, batches.rig.publisher.messages.get(LANE, [])
        rig.taken = len(messages)
        for message in messages[taken:]:
            analyze(parse_image_event(message.data), batches.rig.ports)
        batches.tick()
        batches.finish()

    batches.rig.clock.on_sleep = passes
    assert main(["backfill", "--batch", "gs://uploads/photos/"]) == DONE

    assert " 0 failed," in capsys.readouterr().out
    # Two asks for each: detect is alone, or comes with segment.
    assert (len(batches.service.paid), batches.rig.model.requests) == (24, [])
    assert batches.left() == []


def test_an_estimate_for_batch_jobs_is_half_of_the_other(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.upload(*PHOTOS)
    assert main(["backfill", "--dry-run", "--json", "gs://uploads/"]) == DONE
    whole = _json(capsys)
    rig.rig.ports = replace(rig.rig.ports, settings=replace(rig.rig.ports.settings, batch=True))
    assert main(["backfill", "--batch", "--dry-run", "--json", "gs://uploads/"]) == DONE
    half = _json(capsys)
    assert half["total"]["usd"]["likely"] == pytest.approx(whole["total"]["usd"]["likely"] / 2, rel=1e-4)


def test_batch_jobs_that_nobody_would_follow_are_refused(rig: BackfillRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.upload(*PHOTOS)
    assert main(["backfill", "--batch", "gs://uploads/"]) == FAILED
    assert "--batch needs BATCH=true" in capsys.readouterr().err
