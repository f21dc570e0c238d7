"""Lines of batch jobs, records of them, and what becomes of each line: pure, and held to their laws."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery import batch_lines, batch_records
from shared.core.delivery.batch_lines import BatchLine, BatchLineError, WaitingLine
from shared.core.delivery.batch_records import BatchRecord, BatchRecordError, JobLimits, TakenLine
from shared.core.gemini import batches
from shared.core.gemini.batches import BatchJob, LineAnswer
from shared.core.ports import ObjectInfo
from tests.rig import Rig
from tests.unit.test_core_delivery_journal import REPLY

BACKENDS = ("developer", "vertex")
_ids = st.text("0123456789abcdef", min_size=1, max_size=8)
_responses: st.SearchStrategy[dict[str, list[int]]] = st.dictionaries(
    st.sampled_from(["candidates", "usageMetadata", "x"]), st.just([]), min_size=1
)


def outputs(backend: str, line_id: str, response: Any = None, error: Any = None) -> bytes:
    if backend == "developer":
        return json.dumps({"key": line_id, **({"error": error} if error else {"response": response})}).encode()
    request = {"labels": batches.labels_of(line_id, "vertex")}
    return json.dumps(
        {"status": json.dumps(error) if error else "", "request": request, "response": response or {}}
    ).encode()


@given(st.lists(st.tuples(_ids, st.binary(max_size=9)), max_size=5), st.sampled_from(BACKENDS))
def test_lines_that_go_are_one_json_object_each_whatever_they_ask(asked: list[tuple[str, bytes]], backend: Any) -> None:
    for line_id, data in asked:
        request = json.dumps({"contents": data.hex(), "labels": batches.labels_of(line_id, backend)}).encode()
        line = batches.job_line(line_id, request, backend)
        assert b"\n" not in line
        document = json.loads(line)
        assert document["request"]["contents"] == data.hex()
        assert (document.get("key") or document["request"]["labels"][batches.LINE_LABEL]) == line_id


@given(st.data(), st.sampled_from(BACKENDS))
def test_answers_are_told_by_name_in_whatever_order_and_strangers_are_counted(
    data: st.DataObject, backend: Any
) -> None:
    asked = data.draw(st.sets(_ids, min_size=1, max_size=6))
    there = data.draw(st.lists(st.tuples(_ids, _responses), max_size=12))
    junk = data.draw(st.lists(st.sampled_from([b"{", b"[]", b"null", b'{"key": 5}', b"\xff"]), max_size=3))
    texts = data.draw(st.permutations([*(outputs(backend, *each) for each in there), *junk]))
    found = batches.read_answers(texts, asked, backend)
    assert set(found.by_line) == asked & {line_id for line_id, _ in there}
    assert found.unknown == sum(line_id not in asked for line_id, _ in there)
    assert found.unreadable == len(junk)
    assert found.doubled == sum(line_id in asked for line_id, _ in there) - len(found.by_line)
    for line_id, answer in found.by_line.items():
        assert answer.response in [response for each, response in there if each == line_id]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("turned", [False, True])
def test_of_a_line_that_is_there_twice_the_answer_counts(backend: Any, turned: bool) -> None:
    texts = [outputs(backend, "a", error={"code": 14, "message": "away"}), outputs(backend, "a", {"candidates": [1]})]
    found = batches.read_answers(reversed(texts) if turned else texts, {"a"}, backend)
    assert found.by_line["a"].response == {"candidates": [1]}
    assert found.doubled == 1


@pytest.mark.parametrize(
    ("code", "message", "passing"),
    [
        (14, "overloaded", True),
        (8, "quota", True),
        (3, "Unable to process input image", False),
        (7, "no permission", False),
        (503, "overloaded", True),
        (429, "quota", True),
        (400, "bad", False),
        (404, "no such model", False),
    ],
)
def test_what_passes_goes_into_the_next_job_once_and_all_else_to_a_call(code: int, message: str, passing: bool) -> None:
    answers = batches.read_answers(
        [outputs("developer", "a", error={"code": code, "message": message})], {"a"}, "developer"
    )
    answer = answers.by_line["a"]
    assert (answer.code, answer.passing) == (code, passing)
    assert batch_records.verdict_on(answer, tries=0)[0] == ("again" if passing else "ordinary")
    assert batch_records.verdict_on(answer, tries=1)[0] == "ordinary"


@pytest.mark.parametrize(
    ("status", "passing"),
    [
        ('Bad Request: {"error": {"code": 400, "message": "x"}}', False),
        ('{"error": {"code": 503}}', True),
        ("The model is overloaded, try again", True),
        ("nobody knows", False),
    ],
)
def test_the_words_of_vertex_say_whether_it_passes(status: str, passing: bool) -> None:
    line = {"status": status, "request": {"labels": {batches.LINE_LABEL: "a"}}, "response": {}}
    assert batches.read_answers([json.dumps(line).encode()], {"a"}, "vertex").by_line["a"].passing == passing


def test_a_response_that_is_no_answer_is_as_good_as_none() -> None:
    assert batch_records.verdict_on(LineAnswer({"odd": 1}), tries=0)[0] == "again"
    assert batch_records.verdict_on(LineAnswer({"candidates": []}), tries=0)[0] == "answered"
    assert batch_records.verdict_on(batches.NO_ANSWER, tries=0)[0] == "again"


_waiting = st.builds(
    WaitingLine,
    name=st.text("abcdef", min_size=1, max_size=3),
    generation=st.integers(1, 3),
    size=st.integers(1, 100),
    model=st.sampled_from(["one", "two"]),
    line_id=_ids,
    nano_usd=st.integers(0, 9),
    tries=st.integers(0, 1),
    age_s=st.floats(0, 100),
)


@given(st.lists(_waiting, max_size=12), st.integers(1, 5), st.integers(1, 200))
def test_jobs_take_every_line_once_within_their_limits_and_of_one_model(
    waiting: list[WaitingLine], most: int, size: int
) -> None:
    left = list({(line.name, line.generation): line for line in waiting}.values())
    taken: set[tuple[str, int]] = set()
    for _ in range(len(left) + 1):
        lines = batch_records.lines_for_job(left, taken, JobLimits(lines=most, bytes=size))
        assert len({line.model for line in lines}) <= 1
        assert len({line.line_id for line in lines}) == len(lines) <= most
        assert sum(line.size for line in lines) <= size or len(lines) == 1
        keys = {(line.name, line.generation) for line in lines}
        assert not keys & taken
        taken |= keys
    assert taken == {(line.name, line.generation) for line in left}


RECORD = BatchRecord(
    7, "m", (TakenLine("batches/lines/v1/b/a.jpg/7/caption.json", 7, "ab", 12, 1),), "2026-11-29T00:00:00Z"
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        RECORD.creating("attempt-1"),
        RECORD.created(BatchJob("batches/1", RECORD.display_name, "PENDING")),
        RECORD.creating("attempt-1").planned(),
    ],
)
def test_a_record_is_read_as_it_was_written(record: BatchRecord) -> None:
    assert batch_records.parse_record(batch_records.format_record(record), number=7) == record
    assert record.display_name == RECORD.display_name


def test_a_closed_record_keeps_its_number_and_no_line() -> None:
    closed = RECORD.closed(answered=1, left=0)
    read = batch_records.parse_record(batch_records.format_record(closed), number=7)
    assert (read.number, read.state, read.lines, read.answered) == (7, "closed", (), 1)


@given(st.one_of(st.binary(max_size=50), st.just(batch_records.format_record(RECORD)[:-3])))
def test_what_is_no_record_is_told(data: bytes) -> None:
    with pytest.raises(BatchRecordError):
        batch_records.parse_record(data, number=7)


def test_a_record_of_another_number_is_none() -> None:
    with pytest.raises(BatchRecordError):
        batch_records.parse_record(batch_records.format_record(RECORD), number=8)


def test_the_display_name_is_that_of_these_lines_alone() -> None:
    other = dataclasses.replace(RECORD.lines[0], generation=8)
    names = {RECORD.display_name, BatchRecord(7, "m", (other,), RECORD.made_at).display_name}
    names.add(BatchRecord(7, "m", RECORD.lines, "2026-11-30T00:00:00Z").display_name)
    assert len(names) == 3


def test_of_two_jobs_the_one_that_has_succeeded_counts_else_the_older_one() -> None:
    older, newer = (BatchJob(f"batches/{n}", "d", "RUNNING", created=f"{n}") for n in (1, 2))
    assert batch_records.choose_job([newer, older]) == (older, [newer])
    done = dataclasses.replace(newer, state="SUCCEEDED")
    assert batch_records.choose_job([older, done]) == (done, [older])
    assert batch_records.choose_job([]) == (None, ())


def test_a_job_that_was_cancelled_as_the_second_one_takes_nothing_from_the_first() -> None:
    """Whoever comes late cancels its own job, which may yet be the older one."""
    older, newer = (
        BatchJob("batches/1", "d", "CANCELLED", created="1"),
        BatchJob("batches/2", "d", "RUNNING", created="2"),
    )
    assert batch_records.choose_job([older, newer]) == (newer, [])


def line() -> BatchLine:
    return BatchLine(Rig().upload(), REPLY, request=b'{"contents": []}')


@pytest.mark.parametrize("state", ["waiting", "answered", "unanswered", "again"])
def test_a_line_is_read_as_it_was_written(state: str) -> None:
    one = {
        "waiting": line(),
        "answered": line().answered({"candidates": []}, at="2026-11-29T00:00:00Z", batch="batches/1"),
        "unanswered": line().unanswered("no"),
        "again": line().again("later"),
    }[state]
    data = batch_lines.format_line(one)
    assert batch_lines.parse_line(data) == one
    assert batch_lines.parse_line(data.partition(b"\n")[0]) == dataclasses.replace(one, request=b"")


@given(st.binary(max_size=60))
def test_what_is_no_line_is_told(data: bytes) -> None:
    with pytest.raises(BatchLineError):
        batch_lines.parse_line(data)


@given(st.dictionaries(st.sampled_from(list(line().metadata(most_nano_usd=1))), st.text(max_size=20)))
def test_a_listing_shows_lines_that_wait_and_no_others(altered: dict[str, str]) -> None:
    metadata = line().metadata(most_nano_usd=7) | altered
    found = batch_lines.listed_line("batches/lines/v1/b/a/7/caption.json", ObjectInfo(1, 2, "", metadata, 3.0))
    if not altered:
        assert found is not None
        assert (found.nano_usd, found.tries, found.model) == (7, 0, REPLY.model)
    assert found is None or metadata[batch_lines.STATE] == "waiting"
    assert batch_lines.listed_line("batches/lines/odd", ObjectInfo(1, 2, "", metadata, 3.0)) is None
