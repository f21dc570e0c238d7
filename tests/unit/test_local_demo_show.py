"""What the demo prints fits its terminal, and shows file names as they are, whatever a terminal would make of them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from infra.local.demo import completeness, run, show
from infra.local.demo.answers import Answers
from infra.local.demo.collect import Outcome
from infra.local.demo.planned import Upload
from infra.local.demo.resume import Work
from infra.local.demo.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

WIDTHS = [80, 120, 160]
MARKUP = ["photo [copy].jpg", "a[/b].jpg", "[red]x.jpg", ":cat:.png", "back\\.jpg", "[/].jpg"]
ODD = [
    "a very long name of a photograph that somebody took in the mountains, last year.jpg",
    "写真写真写真写真写真写真写真写真写真写真写真.png",
    "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂.webp",
    "red\x1b[31m and \x07 bell\n and a line.jpg",
    "right\u202eto left.jpg",
    "e\u0301" * 40,
    "x" * 300,
]
WORDS = "A photo in mostly light grey, black and orange tones with a face in the centre and 写真 🙂 above it. " * 4


def _document(**changes: Any) -> dict[str, Any]:
    plain = {"id": "1", "status": "ok", "transport": {"kind": "file", "reused": True}, "usage": None, "error": None}
    return {**plain, "caption": WORDS, "files": [], **changes}


def _failed(message: str) -> dict[str, Any]:
    return _document(status="failed", transport=None, error={"message": message})


def _screen(width: int) -> tuple[Console, io.StringIO]:
    sink = io.StringIO()
    screen = show.console()
    screen.file, screen.width = sink, width
    return screen, sink


def _table(outcomes: Sequence[Outcome], width: int) -> list[str]:
    screen, sink = _screen(width)
    screen.print(show.table(outcomes, width))
    return sink.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_each_result_is_one_line_no_wider_than_the_terminal(width: int) -> None:
    outcomes = [Outcome(name, task, _document()) for name in (*ODD, *MARKUP) for task in ("caption", "classify")]

    head, *lines = _table(outcomes, width)

    assert len(lines) == len(outcomes)
    assert {cell_len(line) <= width for line in (head, *lines)} == {True}
    assert "…" in lines[0]
    assert not any(set("\x1b\x07\u202e") & set(line) for line in lines)


def test_a_wider_terminal_shows_more_of_what_was_found() -> None:
    outcome = Outcome(ODD[0], "caption", _document(caption="word " * 100))

    shown = [_table([outcome], width)[1].count("word") for width in WIDTHS]

    assert shown == sorted(set(shown))
    assert shown[0] >= 5


def test_a_long_name_keeps_its_beginning_and_its_ending() -> None:
    (line,) = _table([Outcome(ODD[0], "caption", _document())], 80)[1:]

    name = line.split("  ")[0]
    assert name.startswith("a very")
    assert name.endswith(".jpg")


@pytest.mark.parametrize("name", MARKUP)
def test_names_and_messages_are_shown_as_they_are(name: str) -> None:
    message = "[bold]what[/] :cat: the file says [/red]"
    screen, sink = _screen(120)
    outcome = Outcome(name, "caption", _failed(message), ["1"])

    screen.print(show.table([outcome], 120))
    for line in show.problem_lines(completeness.problems({name: Sample(Path(name), "yours")}, [outcome]), 120):
        show.say(screen, line)

    assert sink.getvalue().count(name) == 2
    assert sink.getvalue().count(message) == 2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("failing", [0, 3, 200])
def test_two_hundred_images_stay_within_120_lines_with_what_failed_first(
    tmp_path: Path, width: int, failing: int
) -> None:
    names = [f"IMG_{number:04d} {ODD[number % len(ODD)]}" for number in range(200)]
    tasks = ("caption", "detect", "segment")
    outcomes = [
        Outcome(name, task, _failed(f"{number % 20}: {WORDS}") if number >= 200 - failing else _document(), ["1"])
        for number, name in enumerate(names)
        for task in tasks
    ]
    uploads = tuple(Upload(name, Sample(tmp_path / name, "yours"), (), {}) for name in names)
    demo = run.Demo(Work(uploads, ()), Answers(tmp_path / "answers"), tmp_path, 1, "v1")
    screen, sink = _screen(width)

    complete = run._tell(demo, outcomes, screen, gemini=None)

    lines = sink.getvalue().splitlines()
    assert complete is (failing == 0)
    assert len(lines) <= 120
    assert max(map(cell_len, lines)) <= width
    if failing:
        first_row = next(number for number, line in enumerate(lines) if line.startswith("image")) + 1
        assert "failed" in lines[first_row]
        assert any(re.match(r"! failed: \d+: A photo", line) for line in lines)
    assert (tmp_path / "results.txt").read_text(encoding="utf-8").count("\n") == 601


def test_counts_stand_for_lines_where_there_are_many() -> None:
    outcomes = [Outcome(f"{number}.jpg", "caption", _document()) for number in range(show.MOST_ROWS + 1)]
    screen, sink = _screen(80)

    for table in show.results(outcomes, 80):
        screen.print(table)

    assert sink.getvalue().splitlines()[:2] == ["results  ok", "caption  61"]


def test_what_several_have_in_common_is_said_once() -> None:
    problems = [(f"{number}.jpg, caption", "held: the day's ceiling is reached") for number in range(50)]

    assert show.problem_lines(problems, 60) == [
        "! held: the day's ceiling is reached",
        "    0.jpg, caption, 1.jpg, caption and 48 more",
    ]


def test_labels_are_counted() -> None:
    items = [{"label": label} for label in ("cup", "face", "cup")]

    assert show.found({"error": None, "items": items}) == "3 boxes: 2 cup, face"
