"""`python -m shared.operate cost`: what it sums, what it says, and what its exit code means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.memory import ManualClock, MemoryStore
from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.export.reading import BucketResults, documents
from shared.operate.cli import main
from shared.operate.cost import Sum, summed
from shared.pipeline.worker.analyze import analyze
from tests.export_documents import document, failed, folder
from tests.rig import RESULTS, Rig, reply

if TYPE_CHECKING:
    from pathlib import Path

FLASH, LITE = "gemini-3.8-flash", "gemini-3.5-flash-lite"


def _result(task: str, *, served: str = FLASH, day: str = "2026-11-21", **usage: Any) -> dict[str, Any]:
    tokens = {"prompt_tokens": 1000, "output_tokens": 100, "thought_tokens": 10, "total_tokens": 1110}
    payload: dict[str, Any] = {"caption": "A cat."} if task == "caption" else {"items": []}
    return document(
        task=task,
        **payload,
        model={"requested": FLASH, "served": served},
        created=f"{day}T10:00:00.000Z",
        usage=tokens | {"cost_usd": 0.25} | usage,
    )


def test_a_day_is_that_of_the_ceiling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, created in enumerate(("2026-11-21T07:59:59.999Z", "2026-11-21T08:00:00.000Z")):
        path = tmp_path / folder(f"{number}.jpg") / "detect.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(_result("detect") | {"created": created}), encoding="utf-8")

    assert main(["cost", str(tmp_path), "--by", "day", "--json"]) == DONE

    assert [row["day"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["2026-11-20", "2026-11-21"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results in a folder: two calls on one day, one on another, a failure that cost nothing."""
    for name, value in {
        f"{folder('a.jpg')}/detect.json": _result("detect"),
        f"{folder('a.jpg')}/caption.json": _result("caption", served=LITE, cost_usd=0.5),
        f"{folder('b.jpg')}/detect.json": _result("detect", day="2026-11-22", cost_usd=1.0),
        f"{folder('b.jpg')}/caption.error-0.json": failed(task="caption"),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), encoding="utf-8")
    return tmp_path


def test_results_are_summed_by_task_and_model(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(results)]) == DONE

    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *("task", "model", "results", "answered"),
        *("prompt_tokens", "output_tokens", "thought_tokens", "usd", "unpriced"),
    ]
    assert [row.split() for row in rows] == [
        ["caption", LITE, "1", "1", "1000", "100", "10", "0.5000", "0"],
        ["caption", FLASH, "1", "0", "0", "0", "0", "0.0000", "0"],
        ["detect", FLASH, "2", "2", "2000", "200", "20", "1.2500", "0"],
        ["total", "4", "3", "3000", "300", "30", "1.7500", "0"],
    ]


def test_the_dimensions_and_json_can_be_chosen(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(results), "--by", "day", "--json"]) == DONE

    told = json.loads(capsys.readouterr().out)
    assert told["by"] == ["day"]
    assert [(row["day"], row["results"], row["usd"]) for row in told["rows"]] == [
        ("2026-11-21", 3, 0.75),
        ("2026-11-22", 1, 1.0),
    ]
    assert told["total"] == {
        "results": 4,
        "answered": 3,
        "prompt_tokens": 3000,
        "output_tokens": 300,
        "thought_tokens": 30,
        "usd": 1.75,
        "unpriced": 0,
    }


def test_a_price_that_a_document_lacks_is_that_of_the_registry_or_counted_as_unpriced() -> None:
    known = Sum().plus(_result("detect", cost_usd=None))
    unknown = Sum().plus(_result("detect", cost_usd=None) | {"model": {"requested": "gemini-9", "served": "gemini-9"}})

    assert known.usd == pytest.approx((1000 * 0.75 + 110 * 3.75) / 1e6)
    assert known.unpriced == 0
    assert (unknown.usd, unknown.unpriced, unknown.prompt_tokens) == (0.0, 1, 1000)


def test_counts_that_a_model_did_not_give_are_none() -> None:
    silent = _result("detect", prompt_tokens=None, output_tokens=None, thought_tokens=None, cost_usd=None)

    assert Sum().plus(silent) == Sum(results=1, answered=1, unpriced=1)


def test_an_error_that_a_redrive_has_mended_is_not_counted_beside_its_result() -> None:
    store = MemoryStore(ManualClock())
    for name, value in {"detect.error-0.json": failed(task="detect"), "detect.json": _result("detect")}.items():
        store.create("results", f"{folder()}/{name}", json.dumps(value).encode(), content_type="application/json")

    sums = summed(documents(BucketResults(store, "results", "")), by=("status",))

    assert {key: each.results for key, each in sums.items()} == {("ok",): 1}


@pytest.mark.parametrize(
    ("finish", "text", "status"),
    [("MAX_TOKENS", '{"boxes": [{"label": "a", "box_2d": [1, 2, 3, 4]}, {"lab', "partial"), ("SAFETY", "", "blocked")],
)
def test_what_the_pipeline_writes_is_counted_whatever_its_status(finish: str, text: str, status: str) -> None:
    rig = Rig(lambda _: reply(text, finish=finish))
    analyze(rig.upload(), rig.ports)

    sums = summed(documents(BucketResults(rig.store, RESULTS, "")), by=("status", "model"))

    each = sums[status, FLASH]
    assert (each.results, each.answered) == (1, 1)
    assert each.usd == pytest.approx((each.prompt_tokens * 0.75 + each.output_tokens * 3.75) / 1e6)
    assert each.prompt_tokens >= 1200


def test_what_cannot_be_read_is_named_and_the_exit_code_says_so(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = results / folder("a.jpg") / "segment.json"
    broken.write_text("{", encoding="utf-8")

    assert main(["cost", str(results)]) == INCOMPLETE

    told = capsys.readouterr()
    assert told.err.startswith(f"left out: {broken}: expected JSON")
    assert told.out.splitlines()[-1].split()[:2] == ["total", "4"]


def test_a_folder_without_results_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(tmp_path)]) == FAILED
    assert capsys.readouterr().err == f"expected results below {tmp_path}, found none.\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["results/v1"], "expected gs://BUCKET/FOLDER/ or an existing folder"),
        (["gs://results", "--by", "colour"], "expected some of day, run, task, model, status, each once"),
        (["gs://results", "--by", "day,day"], "each once, found 'day,day'"),
        (["gs://results", "--by", ""], "each once, found ''"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cost", *arguments])

    assert caught.value.code == 2
    assert reason in capsys.readouterr().err
