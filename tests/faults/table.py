"""Reads the catalogue and the tests' decorators, and makes the page of them. No test is imported."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "faults.md"
LAST_NUMBER: Final = 146
_CATALOGUE = Path(__file__).with_name("catalogue.toml")

CODES: Final = {
    "OK": "There is a result as usual, with a note if something had to be done.",
    "A": "The event is acknowledged: there is nothing to do, or nothing that a redelivery could mend.",
    "E": "A final document says why there is no answer. The event is acknowledged and not tried again.",
    "R": "The work is tried again within the delivery; then the event is delivered again, with growing pauses.",
    "H": "The event is held: it is kept in the work bucket and delivered again later.",
    "D": "After all its attempts the event becomes a dead letter, which is recorded as an error result.",
    "F": "It is refused at start, at deployment, or before it reaches our code.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the catalogue; `not_shown` says why no test here shows it, or all of it."""

    number: int
    section: str
    codes: tuple[str, ...]
    fault: str
    outcome: str
    not_shown: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """A test that shows a fault; `path` is relative to the repository."""

    path: str
    name: str


def read_catalogue() -> Sequence[Fault]:
    """Return every fault in the order of the catalogue."""
    sections = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return [
        Fault(
            number=int(number),
            section=f"{letter}. {section['title']}",
            codes=tuple(row["codes"].split()),
            fault=row["fault"],
            outcome=row["outcome"],
            not_shown=row.get("not_shown"),
        )
        for letter, section in sections.items()
        for number, row in section.items()
        if number != "title"
    ]


@cache
def read_markers(folder: Path = ROOT / "tests") -> Mapping[int, Sequence[Shown]]:
    """Return the tests that show each fault, by number."""
    found = defaultdict[int, list[Shown]](list)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _numbers(function):
                    found[number].append(Shown(path.relative_to(ROOT).as_posix(), function.name))
    return {number: sorted(tests) for number, tests in found.items()}


def page(faults: Sequence[Fault], tests: Mapping[int, Sequence[Shown]]) -> str:
    """Return the Markdown of docs/faults.md."""
    shown = sum(1 for fault in faults if tests.get(fault.number))
    partly = sum(1 for fault in faults if tests.get(fault.number) and fault.not_shown)
    names = {test for each in tests.values() for test in each}
    lines = [
        "# What can go wrong, and how it ends",
        "",
        f"This page lists {len(faults)} faults. {len(names)} tests show {shown - partly} of them in full and {partly}",
        "in part; `.venv/bin/python -m pytest -m fault` runs these tests. If no test shows a fault, or not all of it,",
        "the last column says why. Whatever happens, no half-written result becomes visible.",
        "",
        "`.venv/bin/python -m tests.faults` writes this page from `tests/faults/catalogue.toml` and the tests' `fault`",
        "markers. Change those, not this page.",
        "",
        "## How can a fault end?",
        "",
        *(f"- **{code}**: {meaning}" for code, meaning in CODES.items()),
    ]
    for section in dict.fromkeys(fault.section for fault in faults):
        lines += ["", f"## {section}", "", "| | fault | outcome | shown by |", "|---|---|---|---|"]
        lines += [_row(fault, tests.get(fault.number, ())) for fault in faults if fault.section == section]
    return "\n".join(lines) + "\n"


def _row(fault: Fault, tests: Sequence[Shown]) -> str:
    links = [f"[{test.name.removeprefix('test_').replace('_', ' ')}](../{test.path})" for test in tests]
    if fault.not_shown:
        links.append(f"*Not shown{' in full' if tests else ''}:* {fault.not_shown}.")
    codes = " or ".join(f"**{code}**" for code in fault.codes)
    return f"| {fault.number} | {fault.fault} | {codes}: {fault.outcome} | {'<br>'.join(links)} |"


def _numbers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    """Yield the numbers in `@pytest.mark.fault(1, 2)`."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in decorator.args)
