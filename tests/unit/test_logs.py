"""Logs: a line stays a line, and nothing that is logged can break the logging."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

HALF_PAIR = "\ud83d"
ODD_NAMES = [
    "a\nb",
    "a\r\nb",
    "a\u2028b\u2029c\x85d",
    "🍋.jpg",
    f"a{HALF_PAIR}b",
    '"quoted"\\',
    "\x1b[31mred",
    "%s %d",
    "",
]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    logger = logging.getLogger("uplook")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def _entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.err == ""  # where logging reports its own failures
    return [json.loads(line) for line in captured.out.splitlines()]


def test_a_json_line_has_severity_message_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    logs.info("planned", tasks=["caption"], count=1)
    logs.warning("ignored", reason="x")
    logs.error("broken")

    assert _entries(capsys) == [
        {"severity": "INFO", "message": "planned", "tasks": ["caption"], "count": 1},
        {"severity": "WARNING", "message": "ignored", "reason": "x"},
        {"severity": "ERROR", "message": "broken"},
    ]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_json_line_stays_one_line_and_keeps_the_name_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    logs.info(f"about {name}", object=name)

    assert _entries(capsys) == [{"severity": "INFO", "message": f"about {name}", "object": name}]


@pytest.mark.fault(27, 28)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(), max_size=20))
def test_no_name_breaks_a_json_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    logs.error(name, object=name, exception=ValueError(name))

    (entry,) = _entries(capsys)
    assert (entry["message"], entry["object"]) == (name, name)


@pytest.mark.fault(27, 28)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_name_breaks_a_text_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")

    logs.info("planned", object=name)

    captured = capsys.readouterr()
    assert captured.err == ""
    assert len(captured.out.splitlines()) == 1
    assert captured.out.isascii()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_half_a_surrogate_pair_in_message_and_exception_is_logged(
    log_format: Literal["json", "text"], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(log_format)

    logs.error(f"about {HALF_PAIR}", exception=ValueError(HALF_PAIR))

    captured = capsys.readouterr()
    assert captured.err == ""
    assert "about \\ud83d" in captured.out
    assert captured.out.encode()


def test_a_value_that_json_does_not_know_is_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    logs.info("x", error=ValueError("why"))

    assert _entries(capsys)[0]["error"] == "why"


def test_no_field_replaces_severity_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    with logs.context(message="other", severity="DEBUG"):
        logs.error("broken")

    assert _entries(capsys) == [{"severity": "ERROR", "message": "broken"}]


def _fail() -> None:
    raise ValueError("the reason")


def _failure() -> ValueError:
    with pytest.raises(ValueError, match="the reason") as caught:
        _fail()
    return caught.value


def test_an_exception_comes_with_its_stack_trace_in_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    logs.error("broken", exception=_failure(), code="x")

    (entry,) = _entries(capsys)
    assert entry["stack_trace"].startswith("Traceback (most recent call last):")
    assert entry["stack_trace"].endswith("ValueError: the reason")
    assert (entry["severity"], entry["code"]) == ("ERROR", "x")


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")

    logs.info("planned", tasks=["caption"], object="cat.jpg")
    logs.info("ready")
    logs.warning("ignored", reason="x")
    logs.error("broken", exception=_failure())

    first, second, third, fourth, *trace = capsys.readouterr().out.splitlines()
    assert [first, second, third, fourth] == [
        'planned tasks=["caption"] object="cat.jpg"',
        "ready",
        'WARNING ignored reason="x"',
        "ERROR broken",
    ]
    assert (trace[0], trace[-1]) == ("Traceback (most recent call last):", "ValueError: the reason")


def test_context_fields_nest_are_overridden_and_end_with_their_block(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    with logs.context(event="1", task="detect"):
        with logs.context(task="segment", key="k"):
            logs.info("inner", key="own")
        logs.info("outer")
    logs.info("outside")

    assert _entries(capsys) == [
        {"severity": "INFO", "message": "inner", "event": "1", "task": "segment", "key": "own"},
        {"severity": "INFO", "message": "outer", "event": "1", "task": "detect"},
        {"severity": "INFO", "message": "outside"},
    ]


def test_context_fields_end_where_the_block_fails(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    with pytest.raises(ValueError, match="the reason"), logs.context(event="1"):
        raise _failure()
    logs.info("after")

    assert "event" not in _entries(capsys)[0]


def test_context_fields_stay_in_their_thread(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")

    with logs.context(event="1"):
        other = threading.Thread(target=logs.info, args=("other",))
        other.start()
        other.join()

    assert _entries(capsys) == [{"severity": "INFO", "message": "other"}]


def test_setting_up_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text")
    logs.set_up("json")

    logs.info("once")

    assert len(_entries(capsys)) == 1


def test_what_others_attach_to_the_root_logger_does_not_write_our_lines_again(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs.set_up("json")

    logs.info("once")

    assert caplog.records == []
    assert len(_entries(capsys)) == 1


def test_other_libraries_keep_their_infos_to_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    """The HTTP client logs every URL."""
    logs.set_up("json")

    logging.getLogger("httpx2").info("GET https://example.com/?key=secret")

    assert _entries(capsys) == []


@pytest.mark.parametrize(
    "traceparent", [None, "", "00-xyz-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c\n-b7ad6b7169203331-01"]
)
def test_what_is_no_trace_header_adds_no_trace(traceparent: str | None) -> None:
    assert logs.trace_fields(traceparent, "p") == {}


def test_a_trace_header_joins_the_lines_of_one_request() -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert logs.trace_fields(header, "p") == {
        "logging.googleapis.com/trace": "projects/p/traces/0af7651916cd43dd8448eb211c80319c"
    }
    assert logs.trace_fields(header, None) == {}


KEY, BYTES = "AIzaSyD-canary_0123456789", "iVBORw0KGgo" * 10


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_key_and_no_image_bytes_get_into_a_line(
    log_format: Literal["json", "text"], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(log_format)

    with logs.context(object=f"{KEY}.jpg"):
        logs.info(f"asked with {KEY}", url=f"https://example.com/?key={KEY}", parts=[{"data": BYTES}])
        logs.error("broken", exception=ValueError(f"refused: {KEY} {BYTES}"), reason=RuntimeError(BYTES))

    written = capsys.readouterr().out
    assert KEY not in written
    assert BYTES[:65] not in written
    assert written.count("[redacted]") == 8


def test_a_trace_is_never_taken_for_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    with logs.context(**logs.trace_fields(header, "aprojectwithalongname")):
        logs.info("x")

    trace = "projects/aprojectwithalongname/traces/0af7651916cd43dd8448eb211c80319c"
    assert _entries(capsys)[0]["logging.googleapis.com/trace"] == trace
