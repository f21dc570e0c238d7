"""What the viewer knows of images, whatever the order in which it hears of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.viewer.cards import image_fields
from infra.viewer.catalog import Catalog, Query, use_of
from infra.viewer.names import Address

CAT, DOG = Address("uploads", "Cat.jpg", 7), Address("uploads", "dog.jpg", 8)


def card(
    source: Address, task: str, status: str = "ok", *, run: str = "v1", labels: tuple[str, ...] = ()
) -> dict[str, Any]:
    kind = {"failed": f"{task}.error-0.json", "held": None}.get(status, f"{task}.json")
    return image_fields(source) | {
        "run": run,
        "task": task,
        "status": status,
        "reason": None,
        "document": kind,
        "items": [{"label": label} for label in labels],
        "classes": [],
        "model": {"served": "local-vision"},
        "usage": None,
    }


def states(catalog: Catalog) -> dict[str, str]:
    return {record.source.name: record.state for record in catalog.page(Query(), offset=0, limit=100).records}


def test_an_upload_takes_the_first_run_that_shows_up() -> None:
    catalog = Catalog()
    catalog.uploaded(CAT)
    assert states(catalog) == {"Cat.jpg": "unplanned"}
    catalog.planned(CAT, "v1", ["caption"])
    assert states(catalog) == {"Cat.jpg": "waiting"}
    catalog.took(card(CAT, "caption"))
    assert states(catalog) == {"Cat.jpg": "done"}
    assert catalog.overview()["images"] == 1


def test_a_second_run_is_a_record_of_its_own() -> None:
    catalog = Catalog()
    catalog.uploaded(CAT)
    catalog.planned(CAT, "v1", ["caption"])
    catalog.planned(CAT, "again-1", ["caption"])
    found = catalog.page(Query(), offset=0, limit=10).records
    assert [(record.run, record.stored) for record in found] == [("again-1", True), ("v1", True)]
    assert set(catalog.runs(CAT)) == {"v1", "again-1"}


HAPPENINGS = ("uploaded", "planned", "left_out_late", "failed", "result", "held")


def happen(catalog: Catalog, what: str) -> None:
    if what == "uploaded":
        catalog.uploaded(CAT)
    elif what == "planned":
        catalog.planned(CAT, "v1", ["caption"])
    elif what == "left_out_late":
        catalog.left_out(CAT, "excluded")
    else:
        catalog.took(card(CAT, "caption", {"result": "ok"}.get(what, what)))


@given(order=st.permutations(HAPPENINGS), again=st.lists(st.sampled_from(HAPPENINGS)))
def test_order_and_duplicates_change_nothing(order: list[str], again: list[str]) -> None:
    catalog = Catalog()
    for what in [*order, *again]:
        happen(catalog, what)
    assert [record.key for record in catalog.page(Query(), offset=0, limit=9).records] == ["7/v1/uploads/Cat.jpg"]
    assert states(catalog) == {"Cat.jpg": "done"}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok", "failed", "held"], "failed"),
        (["ok", "blocked"], "failed"),
        (["ok", "held"], "held"),
        (["ok", None], "waiting"),
        (["ok", "empty", "partial"], "done"),
    ],
)
def test_an_image_is_in_the_most_urgent_state_of_its_tasks(statuses: list[str | None], expected: str) -> None:
    catalog = Catalog()
    for number, status in enumerate(statuses):
        catalog.planned(CAT, "v1", [f"task{number}"])
        if status:
            catalog.took(card(CAT, f"task{number}", status))
    assert states(catalog) == {"Cat.jpg": expected}
    assert {state: count for state, count in catalog.overview()["states"].items() if count} == {expected: 1}


def test_what_ingest_leaves_out_says_why_until_something_is_planned() -> None:
    catalog = Catalog()
    catalog.uploaded(CAT)
    catalog.left_out(CAT, "a rule excludes it")
    (record,) = catalog.page(Query(), offset=0, limit=1).records
    assert record.document()["left_out"] == "a rule excludes it"
    catalog.planned(CAT, "v1", ["caption"])
    assert record.document()["left_out"] is None


def test_images_are_found_by_name_state_task_and_label() -> None:
    catalog = Catalog()
    catalog.took(card(CAT, "detect", labels=("cat", "cup")))
    catalog.took(card(DOG, "caption", "failed"))
    wanted = {
        Query(text="cAT"): ["Cat.jpg"],
        Query(state="failed"): ["dog.jpg"],
        Query(task="detect"): ["Cat.jpg"],
        Query(label="cup"): ["Cat.jpg"],
        Query(text="jpg"): ["dog.jpg", "Cat.jpg"],
        Query(text="cat", label="dog"): [],
    }
    found = {query: [each.source.name for each in catalog.page(query, offset=0, limit=9).records] for query in wanted}
    assert found == wanted


def test_a_page_is_a_part_of_all_or_lies_about_one_image() -> None:
    catalog = Catalog()
    for number in range(10):
        catalog.uploaded(Address("uploads", f"{number}.jpg", number))
    page = catalog.page(Query(), offset=4, limit=3)
    assert ([each.source.name for each in page.records], page.matched) == (["5.jpg", "4.jpg", "3.jpg"], 10)
    about = catalog.page(Query(), offset=0, limit=3, around=page.records[1].key)
    assert ([each.source.name for each in about.records], about.offset) == (["5.jpg", "4.jpg", "3.jpg"], 4)
    newest = catalog.page(Query(), offset=0, limit=3, around="9/-/uploads/9.jpg")
    assert (newest.records[0].source.name, newest.offset) == ("9.jpg", 0)


def test_an_image_that_does_not_fit_the_query_is_still_found_by_its_key() -> None:
    catalog = Catalog()
    catalog.uploaded(CAT)
    about = catalog.page(Query(text="dog"), offset=0, limit=3, around="7/-/uploads/Cat.jpg")
    assert [each.source for each in about.records] == [CAT]


def test_what_is_gone_leaves_but_its_results_stay() -> None:
    catalog = Catalog()
    for source in (CAT, DOG):
        catalog.uploaded(source)
    catalog.took(card(DOG, "caption"))
    for source in (CAT, DOG):
        catalog.lost(source)
    assert states(catalog) == {"dog.jpg": "done"}
    catalog.forgot(DOG, "v1", "caption")
    assert states(catalog) == {}
    assert catalog.uploads() == set()


def paid(cost: float | None, *, served: str = "gemini-3.8-flash", counted_in: str | None = None) -> dict[str, Any]:
    usage = {"total_tokens": 10, "cost_usd": cost, "counted_in": counted_in}
    return {"usage": usage, "model": {"served": served}}


def test_a_shared_call_counts_once_and_local_answers_are_never_paid() -> None:
    found = use_of(
        [
            paid(0.5),
            paid(0.0, counted_in="segment"),
            paid(None),
            paid(0.25, served="local-vision"),
            paid(0.25, served="recorded-reply"),
            {"usage": None, "model": {"served": None}},
        ]
    )
    assert found == {"calls": 2, "local_calls": 2, "tokens": 40, "usd": 0.5, "local_usd": 0.5, "unpriced": 1}


def test_many_labels_are_told_the_most_frequent_first_and_not_all() -> None:
    catalog = Catalog()
    names = ["".join(each) for each in itertools.product("abcdefghij", repeat=2)]
    for number, name in enumerate(names):
        catalog.took(card(Address("uploads", f"{number}.jpg", number), "detect", labels=(name, "thing")))
    labels = catalog.overview()["labels"]
    assert (next(iter(labels.items())), len(labels)) == (("thing", 100), 60)
