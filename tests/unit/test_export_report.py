from __future__ import annotations

from io import StringIO

from shared.export.reading import StoredResult, Unreadable
from shared.export.report import Report
from tests.export_documents import document, failed


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_progress_and_the_summary_takes_its_place() -> None:
    stream = Terminal()
    report = Report(stream)
    for _ in report.count(iter([StoredResult("a", document([])), StoredResult("b", failed())])):
        report.count_mask()
    report.summarise("lines: 2")
    assert stream.getvalue().split("\r\x1b[K") == [
        "",
        "results: 1 …",
        "results: 1, masks: 1 …",
        "results: 2, masks: 1 …",
        "results: 2, masks: 2 …",
        "results read: 2 (1 ok, 1 failed); lines: 2\n",
    ]


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
