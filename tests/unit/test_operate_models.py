"""`models`: what of a saved page differs from the registry, in whatever form the page was saved.

The pages in tests/models have the structure of Google's, cut to some rows, and agree with the registry.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.core.gemini.comparing import Difference, differences
from shared.core.gemini.pages import PageEnd, read_page
from shared.operate.cli import main

if TYPE_CHECKING:
    from shared.core.gemini.registry import BackendName

PAGES = Path(__file__).resolve().parents[1] / "models"
TODAY = dt.date(2026, 11, 29)
NEW_ROW = "<tr><td><code>{0}</code></td><td>December 1, 2026</td><td>No shutdown date announced</td><td></td></tr>"
SAVED: tuple[tuple[str, BackendName], ...] = (
    ("deprecations.html", "developer"),
    ("vertex-versions.md", "vertex"),
    ("pricing.txt", "developer"),
)


def _found(name: str, *change: str, backend: BackendName = "developer") -> list[Difference]:
    text = (PAGES / name).read_text(encoding="utf-8")
    if change:
        before, after = change
        assert before in text
        text = text.replace(before, after, 1)
    return differences(read_page(text), backend=backend, today=TODAY)


@pytest.mark.parametrize(("name", "backend"), SAVED)
def test_pages_that_agree_with_the_registry_differ_in_nothing(name: str, backend: BackendName) -> None:
    page = read_page((PAGES / name).read_text(encoding="utf-8"))

    assert differences(page, backend=backend, today=TODAY) == []
    assert page.vertex is (backend == "vertex")
    assert len(page.ids) > 1
    assert len(page.ends) + len(page.prices) > 1


@pytest.mark.parametrize(
    ("name", "before", "after", "found"),
    [
        (
            "deprecations.html",
            "October 8, 2026",
            "October 9, 2026",
            ("gemini-3.7-flash", "end", "2026-10-09", "2026-10-08"),
        ),
        (
            "deprecations.html",
            "No shutdown date announced</td><td></td></tr>\n<tr><td><code>gemini-3.7",
            "March 3, 2027</td><td></td></tr>\n<tr><td><code>gemini-3.7",
            ("gemini-3.8-flash", "end", "2027-03-03", "none"),
        ),
        (
            "deprecations.html",
            "<code>gemini-3.5-flash-lite</code>",
            "<code>gemini-4-neon</code>",
            ("gemini-2.5-flash", "successor", "gemini-4-neon", "gemini-3.5-flash-lite"),
        ),
        (
            "deprecations.html",
            "<tbody>",
            f"<tbody>{NEW_ROW.format('gemini-9-plutonium')}",
            ("gemini-9-plutonium", "id", "has it", "lacks it"),
        ),
        (
            "vertex-versions.md",
            "| May 19, 2027 or later |",
            "| May 19, 2027 |",
            ("gemini-3.5-flash", "end", "2027-05-19", "2027-05-19 or later"),
        ),
        (
            "vertex-versions.md",
            "October 20, 2026 | Gemini 3.5 Flash-Lite or",
            "December 20, 2026 | Gemini 3.5 Flash-Lite or",
            ("gemini-2.5-flash", "end", "2026-12-20", "2026-10-20"),
        ),
        ("pricing.txt", "$2.50", "$2.75", ("gemini-3.5-flash-lite", "output price on 2026-11-29", "2.75", "2.50")),
        (
            "pricing.txt",
            "$1.50 starting January 1, 2027",
            "$1.75 starting January 1, 2027",
            ("gemini-3.8-flash", "input price on 2027-01-01", "1.75", "1.50"),
        ),
    ],
)
def test_what_a_page_says_otherwise_is_told_and_nothing_else(
    name: str, before: str, after: str, found: tuple[str, str, str, str]
) -> None:
    backend = dict(SAVED)[name]

    assert _found(name, before, after, backend=backend) == [Difference(*found)]


@pytest.mark.parametrize("model", ["gemini-9-flash-image", "gemini-9-live", "gemini-9-flash-tts-preview"])
def test_models_that_no_task_can_ask_are_left_out(model: str) -> None:
    assert _found("deprecations.html", "<tbody>", f"<tbody>{NEW_ROW.format(model)}") == []


def test_a_page_is_read_alike_in_every_form() -> None:
    html = (PAGES / "deprecations.html").read_text(encoding="utf-8")
    body = html.partition("<body>")[2]
    cells = re.sub(r"\n{2,}", "\n", re.sub(r"<[^>]+>", "\n", body))
    lines = re.sub(r"<[^>]+>", " ", body.replace("\n", " ").replace("</tr>", "\n"))
    markdown = re.sub(r"<[^>]+>", " ", body.replace("</td><td>", " | ").replace("<code>", "`").replace("</code>", "`"))

    assert {read_page(text).ends for text in (cells, lines, markdown)} == {read_page(html).ends}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("May 7, 2026 Earliest June 2027", PageEnd("gemini-9-flash", dt.date(2027, 6, 1), or_later=True)),
        ("2026-05-07 | 2027-05-07", PageEnd("gemini-9-flash", dt.date(2027, 5, 7))),
        ("7 May 2026 | 17 Sept. 2027", None),
        ("7 May 2026 | 17 Sep 2027", PageEnd("gemini-9-flash", dt.date(2027, 9, 17))),
        ("May 7, 2026 May 7, 2027 Gemini 2.5 Pro models", PageEnd("gemini-9-flash", dt.date(2027, 5, 7))),
        (
            "May 7, 2026 May 7, 2027 Gemini 2.5 Pro",
            PageEnd("gemini-9-flash", dt.date(2027, 5, 7), successor="gemini-2.5-pro"),
        ),
        (
            "May 7, 2026 May 7, 2027 gemini-9-pro May 8, 2026 May 8, 2027",
            PageEnd("gemini-9-flash", dt.date(2027, 5, 7)),
        ),
    ],
)
def test_days_and_successors_are_read_as_they_are_written(text: str, end: PageEnd | None) -> None:
    ends = read_page(f"gemini-9-flash {text}").ends

    assert ends[:1] == (() if end is None else (end,))


def test_the_command_tells_differences_and_ends_with_a_code_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.txt"
    for text, code, words in (
        ("gemini-3.8-flash September 2, 2026 No shutdown date announced", DONE, "Nothing differs."),
        ("gemini-3.8-flash September 2, 2026 March 1, 2027", INCOMPLETE, "2027-03-01"),
        ("no model at all", FAILED, "names no Gemini model"),
    ):
        page.write_text(text, encoding="utf-8")
        assert main(["models", "--check", str(page)]) == code
        told = capsys.readouterr()
        assert words in told.out + told.err
    assert main(["models", "--check", str(tmp_path / "none")]) == FAILED
    assert main(["models", "--check", str(PAGES / "vertex-versions.md"), "--backend", "developer"]) == INCOMPLETE


def test_without_a_page_every_model_is_listed_with_what_it_does_today(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == DONE

    lines = capsys.readouterr().out.splitlines()
    (gone,) = (line for line in lines if line.startswith("gemini-2.0-flash "))
    assert "does not answer; gemini-" in gone
