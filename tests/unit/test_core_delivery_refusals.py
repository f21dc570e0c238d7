"""Every sequence of refusals ends, and what went by reference is believed only once it has travelled inside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.refusals import Tried, next_step
from shared.core.delivery.retry import MAX_ATTEMPTS
from shared.core.errors import (
    ErrorCode,
    FileUnavailableError,
    ModelRejectedError,
    PassingRefusalError,
    SchemaRefusedError,
    SizeRefusedError,
)

if TYPE_CHECKING:
    from shared.core.delivery.refusals import Step

REFUSED = ModelRejectedError(ErrorCode.REQUEST_REFUSED, "Invalid value.")
PASSING = PassingRefusalError(ErrorCode.REQUEST_REFUSED, "URL_REJECTED-REJECTED_CLIENT_THROTTLED")
SCHEMA = SchemaRefusedError(ErrorCode.REQUEST_REFUSED, "Request contains an invalid argument.")
SIZE = SizeRefusedError(ErrorCode.TOO_MANY_BYTES, "Too large.")
GONE = FileUnavailableError("404")
LAST = ("final", "redeliver")
MOST_STEPS = 12


def _steps(
    errors: list[FileUnavailableError | ModelRejectedError],
    *,
    by_reference: bool,
    has_schema: bool = False,
    ways: int = 3,
) -> list[Step]:
    """Return what is done about these refusals, the last one for ever; `ways` is how often another way is open."""
    tried, steps = Tried(), list[str]()
    while len(steps) < 100:
        error = errors[min(len(steps), len(errors) - 1)]
        step = next_step(error, tried, by_reference=by_reference, has_schema=has_schema)
        steps.append(step)
        tried = tried.noting(step)
        match step:
            case "final" | "redeliver":
                break
            case "inline":
                by_reference = False
            case "another_way":
                ways -= 1
                tried = replace(tried, closed=ways <= 0)
            case "without_schema":
                has_schema = False
            case _:
                pass
    return steps  # type: ignore[return-value]


@pytest.mark.fault(117, 118, 119)
@pytest.mark.parametrize(
    ("error", "by_reference", "steps"),
    [
        (REFUSED, False, ["final"]),
        (REFUSED, True, ["again", "inline", "final"]),
        (SCHEMA, False, ["without_schema", "final"]),
        (SCHEMA, True, ["again", "inline", "without_schema", "final"]),
        (PASSING, False, ["again"] * (MAX_ATTEMPTS - 1) + ["final"]),
        (PASSING, True, ["again"] * (MAX_ATTEMPTS - 1) + ["inline", "final"]),
        (SIZE, True, ["another_way"] * 3 + ["final"]),
        (SIZE, False, ["another_way"] * 3 + ["final"]),
        (GONE, True, ["anew", "redeliver"]),
    ],
)
def test_a_refusal_that_stays_is_answered_step_by_step_and_then_believed(
    error: FileUnavailableError | ModelRejectedError, *, by_reference: bool, steps: list[Step]
) -> None:
    assert _steps([error], by_reference=by_reference, has_schema=True) == steps


@pytest.mark.fault(118)
def test_a_throttled_fetcher_without_another_way_is_waited_for_beyond_the_delivery() -> None:
    tried = Tried(repeats=MAX_ATTEMPTS - 1, closed=True)

    assert next_step(PASSING, tried, by_reference=True, has_schema=True) == "redeliver"


@given(
    errors=st.lists(st.sampled_from([REFUSED, PASSING, SCHEMA, SIZE, GONE]), min_size=1, max_size=20),
    by_reference=st.booleans(),
    has_schema=st.booleans(),
)
def test_whatever_is_refused_in_whatever_order_comes_to_an_end(
    *, errors: list[FileUnavailableError | ModelRejectedError], by_reference: bool, has_schema: bool
) -> None:
    steps = _steps(errors, by_reference=by_reference, has_schema=has_schema)

    assert steps[-1] in LAST
    assert len(steps) <= MOST_STEPS
    assert all(steps.count(each) <= 1 for each in ("anew", "inline", "without_schema"))
