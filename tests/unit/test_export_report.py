from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest

from shared import progress
from shared.export.reading import StoredResult, Unreadable
from shared.export.report import Report
from tests.export_documents import document, failed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_summary_counts_by_status() -> None:
    stream = StringIO()
    with Report(stream) as report:
        for _ in report.count(iter([StoredResult("a", document([])), StoredResult("b", failed())])):
            report.count_mask()
        report.summarise("lines: 2")
    assert stream.getvalue() == "results read: 2 (1 ok, 1 failed); lines: 2\n"


def test_progress_counts_results_and_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.01)
    stream = StringIO()
    with Report(stream) as report:
        for _ in report.count(iter([StoredResult("a", document([]))])):
            report.count_mask()
        wait_until(lambda: "1 results read, 1 masks, 0 s\n" in stream.getvalue(), "progress", seen=stream.getvalue)


def test_ctrl_c_leaves_a_summary_of_what_was_read() -> None:
    stream = StringIO()

    def interrupted() -> Iterator[StoredResult]:
        yield StoredResult("a", document([]))
        raise KeyboardInterrupt

    def export() -> None:
        with Report(stream) as report:
            list(report.count(interrupted()))

    with pytest.raises(KeyboardInterrupt):
        export()
    assert stream.getvalue() == "results read: 1 (1 ok); stopped before the end, so what was written is not complete\n"


def test_the_first_twenty_that_were_left_out_are_named_and_the_rest_counted() -> None:
    stream = StringIO()
    report = Report(stream)
    list(report.count(iter([StoredResult("a", document([]))])))
    for number in range(25):
        report.leave_out(Unreadable(f"gs://r/{number}", "odd"))
    report.summarise("lines: 1")
    said = stream.getvalue().splitlines()
    assert (said[0], said[19]) == ("left out: gs://r/0: odd", "left out: gs://r/19: odd")
    assert said[20:] == ["results read: 1 (1 ok); lines: 1", "left out besides: 5"]
    assert report.left_out == 25
