"""docs/glossary.md and the code say the same: one word, one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "glossary.md"
ROW = re.compile(r"\| (?P<word>[^|]+) \| [^|]+ \| \[`[^`]+`\]\((?P<file>[^)]+)\) \| [^|]*\|")
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [(match["word"].strip("` "), match["file"]) for match in map(ROW.fullmatch, TEXT.splitlines()) if match]
PARTS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
OURS = tuple(path for folder in ("shared", "functions") for path in sorted((ROOT / folder).rglob("*.py")))


def _cleared() -> frozenset[str]:
    table = TEXT.partition("<!-- cleared -->\n")[2].partition("<!-- /cleared -->")[0].splitlines()[2:]
    return frozenset(word for row in table for word in row.split("|")[1].strip().split(", "))


def _definitions(path: Path) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node


def _names(path: Path) -> Iterator[str]:
    yield path.stem
    yield from (node.name for node in _definitions(path))


def _words(name: str) -> set[str]:
    words = [word.lower() for word in PARTS.findall(name)]
    return {*words, *map("_".join, pairwise(words))}


def test_the_page_has_rows() -> None:
    rows = [line for line in TEXT.splitlines() if "](../shared/" in line]

    assert len(ROWS) == len(rows) > 40
    assert len({word for word, _ in ROWS}) == len(ROWS)
    assert len(_cleared()) > 10


@pytest.mark.parametrize(("word", "file"), ROWS)
def test_a_word_stands_in_the_file_that_the_glossary_names(word: str, file: str) -> None:
    text = (PAGE.parent / file).read_text(encoding="utf-8").lower()

    assert re.search(rf"(?<![a-z]){'[ _]?'.join(word.lower().split())}", text)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_class_or_function_bears_a_cleared_word(path: Path) -> None:
    assert [name for name in _names(path) if _words(name) & _cleared()] == []


def test_a_class_of_ours_has_its_name_alone() -> None:
    """The consumers' client is left out: it ships alone, and mirrors the documents by their own names."""
    homes = defaultdict(list)
    for path in OURS:
        if "consumer" not in path.parts:
            for node in _definitions(path):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    homes[node.name].append(path.relative_to(ROOT))

    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


ONE_MEANING = {
    "add_arguments": "what a command of shared/operate takes",
    "run": "a command of shared/operate",
    "main": "a command line",
    "scan": "a format's file, walked whole",
    "read_head": "a format's first bytes",
    "overlap": "intersection over union",
    "ports": "the outside world of a deployment",
}
"""Public functions of one name in several modules, by what all of them do."""


def test_a_public_function_of_ours_has_its_name_alone_or_one_meaning() -> None:
    """An entry point (functions/) is called as it is deployed; what it does stands below its name in shared/."""
    homes = defaultdict(set)
    for path in (ROOT / "shared").rglob("*.py"):
        if "consumer" not in path.parts:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    homes[node.name].add(path.relative_to(ROOT))

    assert {name: paths for name, paths in homes.items() if len(paths) > 1 and name not in ONE_MEANING} == {}
    assert [name for name in ONE_MEANING if len(homes[name]) < 2] == []
