"""`python -m shared.operate cost`: what it sums, what it says, and what its exit code means."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory import ManualClock, MemoryStore
from shared.command_line import DONE, FAILED, INCOMPLETE, INTERRUPTED
from shared.export.reading import BucketResults, documents
from shared.operate import cost
from shared.operate.cli import main
from shared.operate.cost import DIMENSIONS, Sum, Sums
from shared.pipeline.worker.analyze import analyze
from tests.export_documents import document, failed, folder, item
from tests.rig import RESULTS, Rig, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.export.reading import Results, StoredResult

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


def _summed(results: Results, *by: str) -> Sums:
    sums = Sums(by)
    for each in documents(results):
        sums.add(each.document)
    return sums


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
        "reused": 0,
        "saved_usd": 0.0,
    }


def test_what_reuse_has_saved_stands_beside_what_was_paid(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = results / folder("c.jpg") / "detect.json"
    path.parent.mkdir(parents=True)
    nothing: dict[str, Any] = {
        "prompt_tokens": 0,
        "output_tokens": 0,
        "thought_tokens": 0,
        "total_tokens": 0,
        "cost_usd": 0.0,
    }
    reused = _result("detect", **nothing, saved_usd=0.25)
    path.write_text(json.dumps(reused | {"model": {**reused["model"], "reused_from": "0" * 64}}), encoding="utf-8")

    assert main(["cost", str(results), "--by", "task"]) == DONE
    table = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert table[0][-4:] == ["usd", "unpriced", "reused", "saved_usd"]
    assert table[-1][-4:] == ["1.7500", "0", "1", "0.2500"]


def _labelled(*labels: str | None, name: str = "cat.jpg", **usage: Any) -> dict[str, Any]:
    items = [item(label or "", (0, 0, 1, 1), index=index) | {"label": label} for index, label in enumerate(labels)]
    return _result("detect", **usage) | {"items": items} | {"source": document(name=name)["source"]}


def test_a_document_is_divided_among_its_labels_in_equal_parts() -> None:
    sums = Sums(("label",))
    for each in (_labelled("cat", "dog", "dog"), _labelled("cat", None), _labelled(None), _result("caption")):
        sums.add(each)

    assert {key[0]: (each.results, each.usd) for key, each in sums.rows.items()} == {
        "": (2, 0.5),
        "cat": (Fraction(3, 2), 0.375),
        "dog": (Fraction(1, 2), 0.125),
    }


def test_classes_are_labels_too() -> None:
    sums = Sums(("label",))
    sums.add(_result("classify") | {"classes": [{"index": 0, "label": "day"}, {"index": 1, "label": "dusk"}]})

    assert [key for (key,) in sums.rows] == ["day", "dusk"]


def test_a_prefix_is_the_first_folders_of_the_upload() -> None:
    names = ("a/b/c/1.jpg", "a/b/2.jpg", "a/3.jpg", "4.jpg", "/5.jpg")
    sums = [Sums(("bucket", "prefix"), depth=depth) for depth in (1, 2)]
    for name in names:
        for each in sums:
            each.add(_labelled(name=name))

    one, two = ({key: each.results for key, each in sums.rows.items()} for sums in sums)
    assert one == {("uploads", ""): 1, ("uploads", "/"): 1, ("uploads", "a/"): 3}
    assert two == {("uploads", ""): 1, ("uploads", "/"): 1, ("uploads", "a/"): 1, ("uploads", "a/b/"): 2}


_DOCUMENTS = st.builds(
    lambda labels, name, tokens: _labelled(*labels, name=name, prompt_tokens=tokens, cost_usd=tokens / 1e6),
    st.lists(st.sampled_from(["cat", "dog", "a,b", None]), max_size=7),
    st.sampled_from(["1.jpg", "a/1.jpg", "a/b/1.jpg", "c/1.jpg"]),
    st.integers(0, 10**6),
)


@given(st.lists(_DOCUMENTS, max_size=8), st.lists(st.sampled_from(DIMENSIONS), min_size=1, unique=True))
def test_whatever_the_rows_are_by_they_add_up_to_the_documents(found: list[dict[str, Any]], by: list[str]) -> None:
    sums, plain = Sums(by), Sum()
    for each in found:
        sums.add(each)
        plain = plain.plus(each)

    total = sums.total
    assert (total.results, total.prompt_tokens, total.answered) == (len(found), plain.prompt_tokens, len(found))
    assert total.usd == pytest.approx(plain.usd)


def test_parts_of_results_are_shown_as_numbers_and_the_total_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / folder() / "detect.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(_labelled("cat", "dog", "eel")), encoding="utf-8")

    assert main(["cost", str(tmp_path), "--by", "label"]) == DONE
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["cat", "0.33"], ["dog", "0.33"], ["eel", "0.33"], ["total", "1"]]

    assert main(["cost", str(tmp_path), "--by", "label", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert [row["results"] for row in told["rows"]] == [0.33333333] * 3
    assert (told["total"]["results"], told["total"]["usd"], told["complete"]) == (1, 0.25, True)


def test_only_what_was_created_since_then_is_counted(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(results), "--by", "day", "--since", "2026-11-22", "--json"]) == DONE
    assert [row["day"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["2026-11-22"]

    assert main(["cost", str(results), "--since", "2026-11-23"]) == FAILED
    assert capsys.readouterr().err == f"expected results below {results}, found none since then, 4 before.\n"


def test_ctrl_c_shows_what_was_read_until_then(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Iterator[StoredResult]:
        found = documents(*arguments, **options)
        yield next(found)
        yield next(found)
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "documents", interrupted)

    assert main(["cost", str(results), "--json"]) == INTERRUPTED
    told = capsys.readouterr()
    assert told.err == "Stopped before the end: 2 results read. The sums are of these alone.\n"
    assert json.loads(told.out)["total"]["results"] == 2
    assert json.loads(told.out)["complete"] is False


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

    sums = _summed(BucketResults(store, "results", ""), "status")

    assert {key: each.results for key, each in sums.rows.items()} == {("ok",): 1}


@pytest.mark.parametrize(
    ("finish", "text", "status"),
    [("MAX_TOKENS", '{"boxes": [{"label": "a", "box_2d": [1, 2, 3, 4]}, {"lab', "partial"), ("SAFETY", "", "blocked")],
)
def test_what_the_pipeline_writes_is_counted_whatever_its_status(finish: str, text: str, status: str) -> None:
    rig = Rig(lambda _: reply(text, finish=finish))
    analyze(rig.upload(), rig.ports)

    each = _summed(BucketResults(rig.store, RESULTS, ""), "status", "model").rows[status, FLASH]
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
        (
            ["gs://results", "--by", "colour"],
            "expected some of day, run, task, model, status, bucket, prefix, label, each once",
        ),
        (["gs://results", "--by", "day,day"], "each once, found 'day,day'"),
        (["gs://results", "--by", ""], "each once, found ''"),
        (["gs://results", "--by", "prefix", "--depth", "0"], "expected a number of folders, 1 or more, found '0'"),
        (["gs://results", "--since", "foo"], "expected a date or a time in UTC, such as 2026-11-21"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cost", *arguments])

    assert caught.value.code == 2
    assert reason in capsys.readouterr().err
