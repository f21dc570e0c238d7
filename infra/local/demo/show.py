"""What the demo shows in the end: a table of what was found, one line per task, as wide as the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.local.demo.cells import cut, listed, plain, shorten, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.local.demo.collect import Outcome

MOST_ROWS = 60
"""A table with more rows than this is counted instead."""
FIRST_ROWS = 12
WIDE_CELLS = 160
_COLOURS = {"ok": "green", "empty": "cyan", "partial": "yellow", "failed": "red"}
_ROOMY_CELLS = 100
_NAME_PART, _LEAST_NAME_CELLS = 0.25, 16
_MOST_PROBLEMS = 8
_MOST_PROBLEM_LINES = 5


def console() -> Console:
    """Return where the demo prints, every text as it stands: `photo [copy].jpg` and `:cat:.png` are file names."""
    return Console(markup=False, emoji=False, highlight=False)


def say(screen: Console, text: str, *, style: str = "", indent: str = "  ") -> None:
    """Print lines of text, none wider than the terminal; control characters are shown, not obeyed."""
    for line in text.splitlines():
        for piece in wrapped(line, screen.width, indent=indent):
            screen.print(Text(piece, style), no_wrap=True, overflow="ignore", crop=False)


def fitting(text: str, screen: Console) -> Text:
    """Return a line that fits beside a spinner."""
    return Text(cut(plain(text), screen.width - 4), no_wrap=True)


def near(path: Path) -> str:
    """Return a path as it can be typed here: from the working directory, where it lies below that."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)


def results(outcomes: Sequence[Outcome], width: int) -> list[Table]:
    """Return what to print of all results: every line, or counts and the first lines where there are many."""
    if len(outcomes) <= MOST_ROWS:
        return [table(outcomes, width)]
    return [_counts(outcomes), table(outcomes[:FIRST_ROWS], width)]


def table(outcomes: Sequence[Outcome], width: int) -> Table:
    """Return one line per outcome for a terminal of `width` cells, each cell cut to what there is room for."""
    roomy = width >= _ROOMY_CELLS
    shown = _plain_table()
    names = [plain(outcome.object_name) for outcome in outcomes]
    name_cells = max(_LEAST_NAME_CELLS, int(width * _NAME_PART))
    for heading in ("image", "task", "status", "sent as"):
        shown.add_column(heading, no_wrap=True, overflow="ellipsis")
    shown.add_column("found", no_wrap=True, overflow="ellipsis", ratio=1)
    last = None
    for name, outcome in zip(names, outcomes, strict=True):
        document = outcome.document
        shown.add_row(
            "" if outcome.object_name == last else shorten(name, name_cells),
            outcome.task,
            Text(outcome.status, _COLOURS.get(outcome.status, "magenta")),
            transport(document, roomy=roomy) if document else "-",
            plain(found(document) if document else outcome.problem or "no result arrived"),
        )
        last = outcome.object_name
    return shown


def _plain_table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True, header_style="bold")


def _counts(outcomes: Sequence[Outcome]) -> Table:
    counted = Counter((outcome.task, outcome.status) for outcome in outcomes)
    tasks, statuses = (list(dict.fromkeys(each[index] for each in counted)) for index in (0, 1))
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    shown.add_column("results")
    for status in statuses:
        shown.add_column(status, justify="right")
    for task in tasks:
        shown.add_row(task, *(str(counted[task, status]) for status in statuses))
    return shown


def transport(document: Mapping[str, Any], *, roomy: bool = True) -> str:
    """Return how the image travelled, in a word or two; of several images, how many, and where there is room, how."""
    carried = document["transport"]
    if "images" in document:
        kinds = sorted({str(image["transport"]["kind"]) for image in document["images"]})
        count = f"{len(document['images'])} images"
        return f"{count}, {' and '.join(kinds)}" if roomy else count
    if not carried:
        return "-"
    kind = "Files API" if carried["kind"] == "file" else str(carried["kind"])
    return f"{kind}, reused" if carried["reused"] and roomy else kind


def found(document: Mapping[str, Any]) -> str:
    """Return what was found, or why there is nothing."""
    if document["error"]:
        return str(document["error"]["message"])
    if "caption" in document:
        return str(document["caption"])
    if "answer" in document:
        return f"{document['question']} {document['answer']}"
    if "classes" in document:
        return ", ".join(each["label"] for each in document["classes"])
    items = document.get("items") or []
    masks = sum(1 for item in items if (item.get("mask") or {}).get("status") == "ok")
    labels = ", ".join(f"{count} {label}" if count > 1 else label for label, count in _labels(items).items())
    kind, count = ("mask", masks) if masks else ("box", len(items))
    return f"{_counted(count, kind)}: {labels}" if items else "nothing"


def _labels(items: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(item["label"]) for item in items)


def _counted(count: int, kind: str) -> str:
    plural = f"{kind}es" if kind.endswith("x") else f"{kind}s"
    return f"{count} {kind if count == 1 else plural}"


def problem_lines(problems: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Return lines about (image and task, problem) pairs, each problem in full and once, with those who have it."""
    having: dict[str, list[str]] = {}
    for place, problem in problems:
        having.setdefault(problem, []).append(place)
    lines = []
    for problem, places in list(having.items())[:_MOST_PROBLEMS]:
        full = wrapped(f"! {plain(problem)}", width)
        lines += full[:_MOST_PROBLEM_LINES] + ["    …"] * (len(full) > _MOST_PROBLEM_LINES)
        lines.append(f"    {listed(places, width - 4)}")
    left = len(having) - _MOST_PROBLEMS
    return [*lines, f"! {left} more kinds of problems"] if left > 0 else lines


def write_all(outcomes: Sequence[Outcome], target: Path) -> None:
    """Write the whole table to a file, wide."""
    with target.open("w", encoding="utf-8") as sink:
        Console(file=sink, width=WIDE_CELLS, markup=False, emoji=False, highlight=False).print(
            table(outcomes, WIDE_CELLS)
        )
