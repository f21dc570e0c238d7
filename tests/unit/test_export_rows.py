from __future__ import annotations

from shared.export.pictures import parse_split
from shared.export.reading import StoredResult
from shared.export.rows import COLUMNS, rows
from tests.export_documents import NO_MASK, document, failed, item, mask_of


def test_every_item_is_a_row_of_its_own() -> None:
    items = [
        item("cat", (0, 1, 2, 3), orientation=6, mask=mask_of("v1/m.png")),
        item("dog", None, index=1, mask=NO_MASK) | {"status": "unusable", "reason": "no box"},
    ]
    first, second = rows(StoredResult("gs://results/a.json", document(items, orientation=6)))
    assert first == {
        "result": "gs://results/a.json",
        "id": "0" * 64,
        "run": "v1",
        "task": "segment",
        "status": "ok",
        "created": "2026-11-21T10:00:00.000Z",
        "bucket": "uploads",
        "name": "cat.jpg",
        "generation": "7",
        "split": None,
        "width": 4,
        "height": 3,
        "orientation": 6,
        "model": "local-vision",
        "model_requested": "gemini-3.8-flash",
        "model_served": "local-vision",
        "transport": None,
        "transport_bytes": None,
        "caption": None,
        "question": None,
        "answer": None,
        "warnings": [],
        "error_code": None,
        "error_message": None,
        "cost_usd": 0.25,
        "prompt_tokens": 1,
        "output_tokens": 2,
        "thought_tokens": 0,
        "total_tokens": 3,
        "item_index": 0,
        "label": "cat",
        "class_id": None,
        "item_status": "ok",
        "item_reason": None,
        "text": None,
        "text_language": None,
        "x0": 0,
        "y0": 1,
        "x1": 2,
        "y1": 3,
        "stored_x0": 1,
        "stored_y0": 2,
        "stored_x1": 3,
        "stored_y1": 4,
        "mask_status": "ok",
        "mask_file": "v1/m.png",
        "mask_area_px": 1,
        "mask_source": "png",
        "mask_fit": None,
        "mask_soft_file": None,
        "crop_file": None,
    }
    assert (second["item_index"], second["item_status"], second["item_reason"]) == (1, "unusable", "no box")
    assert (second["x0"], second["stored_y1"], second["mask_status"]) == (None, None, "unavailable")


def test_every_class_is_a_row_of_its_own_and_says_whether_it_can_be_used() -> None:
    classes = [
        {"label": "cat", "status": "ok", "reason": None},
        {"label": "yak", "status": "unusable", "reason": "expected one of cat, dog, found 'yak'"},
    ]
    first, second = rows(StoredResult("a", document(None, task="classify", status="partial", classes=classes)))
    assert (first["item_index"], first["label"], first["item_status"], first["x0"]) == (0, "cat", "ok", None)
    assert (second["item_index"], second["item_status"], second["item_reason"]) == (
        1,
        "unusable",
        "expected one of cat, dog, found 'yak'",
    )


def test_an_answer_stands_beside_its_question() -> None:
    [row] = rows(StoredResult("a", document(None, task="ask", question="Whose?", answer="Mine.")))
    assert (row["question"], row["answer"], row["item_index"]) == ("Whose?", "Mine.", None)


def test_what_a_result_cost_stands_in_the_first_row_only() -> None:
    found = StoredResult("a", document([item("cat", (0, 0, 1, 1), index=index) for index in range(3)]))
    assert [row["cost_usd"] for row in rows(found)] == [0.25, None, None]
    for kind, tokens in (("prompt", 1), ("output", 2), ("thought", 0), ("total", 3)):
        assert [row[f"{kind}_tokens"] for row in rows(found)] == [tokens, None, None]


def test_rows_tell_how_the_image_was_sent_what_was_warned_of_and_which_files_there_are() -> None:
    mask = mask_of("m.png") | {"fit": 0.75, "soft_file": "m-soft.png"}
    found = document(
        [item("cat", (0, 0, 1, 1), mask=mask, crop_file="crop.png")],
        transport={"kind": "inline", "bytes": 12, "mime_type": "image/jpeg", "reused": False, "reason": "small"},
        warnings=["one", "two"],
    )
    [row] = rows(StoredResult("a", found))
    assert (row["transport"], row["transport_bytes"], row["warnings"]) == ("inline", 12, ["one", "two"])
    assert (row["mask_fit"], row["mask_soft_file"], row["crop_file"]) == (0.75, "m-soft.png", "crop.png")


def test_rows_name_the_class_and_the_part_where_somebody_asks() -> None:
    found = StoredResult("a", document([item(" red  cup", (0, 0, 1, 1)), item("dog", (0, 0, 1, 1), index=1)]))
    split = parse_split("train=1")
    told = [(row["class_id"], row["split"]) for row in rows(found, split=split, class_ids={"dog": 1, "red cup": 2})]
    assert told == [(2, "train"), (1, "train")]


def test_every_row_has_the_columns_that_are_told_with_their_kinds() -> None:
    kinds: dict[str, tuple[type, ...]] = {"text": (str,), "whole": (int,), "real": (float, int), "texts": (list,)}
    items = [item("cat", (0, 1, 2, 3), mask=mask_of("m.png") | {"fit": 0.5})]
    for found in (document(items), document([]), failed(), document(None, task="ask", question="Q?", answer="A")):
        for row in rows(StoredResult("a", found)):
            assert list(row) == list(COLUMNS)
            for name, value in row.items():
                assert value is None or isinstance(value, kinds[COLUMNS[name]]), name


def test_results_without_items_are_one_row_with_the_same_columns() -> None:
    [caption] = rows(StoredResult("a", document(None, task="caption", caption="A cat.")))
    [empty] = rows(StoredResult("b", document([], status="empty")))
    [error] = rows(StoredResult("c", failed()))
    assert (caption["caption"], caption["item_index"]) == ("A cat.", None)
    assert (empty["status"], empty["cost_usd"]) == ("empty", 0.25)
    assert (error["error_code"], error["error_message"], error["width"], error["cost_usd"]) == (
        "not_an_image",
        "no",
        None,
        None,
    )
    [full] = rows(StoredResult("d", document([item("cat", (0, 0, 1, 1))])))
    assert list(caption) == list(empty) == list(error) == list(full)


def test_without_a_served_model_the_requested_one_is_named() -> None:
    model = {"requested": "gemini-3.8-flash", "served": None}
    [row] = rows(StoredResult("a", document([], status="empty", model=model)))
    assert row["model"] == "gemini-3.8-flash"
