"""What mends which error code: the table says the same as the documents, and covers every code of a failure."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from shared.core.errors import ErrorCode
from shared.core.gemini.service import Service
from shared.core.operating.mending import failure_codes, is_worth_a_redrive, mend_of, model_mend, wait_of
from shared.core.results import schemas
from shared.core.results.schemas import load_schema
from tests.closed_schema import known_values

PAGE = (Path(__file__).parents[2] / "docs" / "consumers.md").read_text(encoding="utf-8")
OF_RESULTS = PAGE.partition("<!-- codes of results -->\n")[2].partition("<!-- /codes of results -->")[0]
ROWS = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", OF_RESULTS, re.MULTILINE)
FAILURES = {code: redrive for code, redrive in ROWS if redrive.strip() != "final"}
HELD = (ErrorCode.CONFIGURATION, ErrorCode.DAILY_CEILING, ErrorCode.DAILY_QUOTA, ErrorCode.MODEL_AWAY)
SERVICE = Service("developer", dt.date(2026, 11, 21))


def test_every_code_of_a_result_that_is_not_final_is_that_of_a_failure() -> None:
    codes = known_values(load_schema(schemas.RESULT)["properties"]["error"]["anyOf"][0]["properties"]["code"]) or []

    assert len(ROWS) == len(codes) > 10
    assert failure_codes() == tuple(sorted(FAILURES))


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_a_redrive_is_worth_it_where_the_documents_say_yes(code: str) -> None:
    assert is_worth_a_redrive(code) == FAILURES[code].startswith("yes")


@pytest.mark.parametrize("code", ["a_code_of_tomorrow", "", "gone", "configuration"])
def test_what_is_no_known_failure_is_never_worth_it(code: str) -> None:
    assert not is_worth_a_redrive(code)
    assert mend_of(code).first


@pytest.mark.parametrize("code", HELD)
def test_every_wait_is_told_in_words(code: ErrorCode) -> None:
    assert wait_of(code).why != code
    assert wait_of(code).next_step.endswith(".")


def test_a_wait_of_tomorrow_speaks_for_itself() -> None:
    assert wait_of("a_code_of_tomorrow").why == "a_code_of_tomorrow"


def test_a_retired_model_is_mended_by_its_successor_and_one_that_answers_needs_nothing() -> None:
    assert "USE_SUCCESSORS=true" in str(model_mend("caption", "gemini-2.0-flash", SERVICE))
    successors = Service("developer", dt.date(2026, 11, 21), use_successors=True)
    assert model_mend("caption", "gemini-2.0-flash", successors) is None
    assert model_mend("caption", "a-model-of-tomorrow", SERVICE) is None
