"""docs/performance.md tells of one run of `make bench`, as it was: tests/repo/test_generated.py holds its tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra.bench.registry import BENCHMARKS
from tests import generated, performance_page
from tests.performance_page import BOUNDS, RUN, last_run

if TYPE_CHECKING:
    import pytest


def test_whatever_the_run_has_missed_is_written_down_with_its_reason() -> None:
    assert performance_page.unexplained() == [], "find out why, and write it into BOUNDS of tests/performance_page.py"


def test_a_target_that_is_missed_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    target = {
        "says": "CPU of nothing",
        "value": 2.0,
        "bound": "at most",
        "limit": 3.0,
        "met": True,
        "goal": 1.0,
        "reached": False,
    }
    run: dict[str, Any] = {**last_run(), "benchmarks": {**last_run()["benchmarks"], "more": {"targets": [target]}}}
    monkeypatch.setattr(performance_page, "last_run", lambda: run)

    assert performance_page.unexplained() == [("more", "CPU of nothing")]
    assert (
        "**CPU of nothing** is 2, wanted is at most 1: nobody has found out why." in performance_page.blocks()["missed"]
    )


def test_reasons_are_given_for_targets_that_there_are() -> None:
    named = {(benchmark.name, target.says) for benchmark in BENCHMARKS for target in benchmark.targets}
    assert BOUNDS.keys() <= named


def test_the_page_names_every_benchmark_that_the_run_left_out() -> None:
    measured = last_run()["benchmarks"].keys()
    absent = {benchmark.name for benchmark in BENCHMARKS} - measured
    assert {"floor", "starts"} <= measured
    assert [name for name in absent if f"`{name}`" not in performance_page.blocks()["verdict"]] == []


def test_every_block_of_the_page_is_filled_and_names_nobodys_machine() -> None:
    page = (generated.ROOT / performance_page.PATH).read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- ([a-z]+) -->", page)) == performance_page.blocks().keys()
    assert str(generated.ROOT) not in page + RUN.read_text(encoding="utf-8")
