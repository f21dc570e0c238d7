"""Every error code is a member of one enumeration, stands in the documentation, and is listed where it is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.core.errors import ErrorCode
from shared.core.results import schemas
from shared.core.results.schemas import load_schema
from tests.closed_schema import known_values

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("functions", "shared") for path in (ROOT / folder).rglob("*.py"))
PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
HELD = {
    ErrorCode.BATCH,
    ErrorCode.CONFIGURATION,
    ErrorCode.DAILY_CEILING,
    ErrorCode.DAILY_QUOTA,
    ErrorCode.MODEL_AWAY,
}

OF_RESULTS = set(
    known_values(load_schema(schemas.RESULT)["properties"]["error"]["anyOf"][0]["properties"]["code"]) or []
)
OF_EVENTS = set(known_values(load_schema(schemas.RESULT_EVENT)["properties"]["error"]) or []) - {None}


def _table(name: str) -> list[str]:
    """Return the codes in the first column of a table of the page."""
    text = PAGE.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_the_page_tells_of_every_code_once_where_it_may_be_met() -> None:
    assert _table("codes of results") == sorted(OF_RESULTS)
    assert _table("codes of held events") == sorted(HELD)
    assert _table("other codes") == sorted(set(ErrorCode) - OF_RESULTS - HELD)


def test_the_schemas_list_codes_of_the_enumeration_alone() -> None:
    assert OF_EVENTS == OF_RESULTS | HELD
    assert set(ErrorCode) >= OF_EVENTS


def _literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts used as codes: the first argument of an error, `code=`, and what a `code` is compared with."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            takes_code = name.endswith("Error") and len(node.args) > 1
            found = node.args[:1] if takes_code else []
            found += [each.value for each in node.keywords if each.arg == "code"]
        if isinstance(node, ast.Compare) and getattr(node.left, "attr", "") == "code":
            found = node.comparators
        for inner in (each for one in found for each in ast.walk(one)):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                yield inner.lineno, inner.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_is_written_as_a_text(path: Path) -> None:
    """A code that is no member of ErrorCode would stand nowhere; mypy says the same of whatever is typed."""
    assert list(_literals(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise ImageRejectedError("odd", "No.")',
        'raise errors.PermanentError("odd" if x else ErrorCode.GONE, "No.")',
        'unanswered(event, key, code="odd")',
        'if error.code == "odd": pass',
    ],
)
def test_a_text_in_the_place_of_a_code_is_seen(source: str) -> None:
    assert [text for _, text in _literals(ast.parse(source))] == ["odd"]
