"""Faults on an answer's way: what is left of its bytes, however they are cut into pieces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from infra.emulators import Fault
from infra.emulators.storage.fault_injection import AlteredSend, DroppedError

if TYPE_CHECKING:
    from starlette.types import Message

PIECES = st.lists(st.binary(max_size=4), min_size=1, max_size=6)
OFFSETS = st.integers(0, 30)


def sent(kind: str, at: int, pieces: list[bytes]) -> tuple[bytes, bool]:
    """Return the bytes that went out, and whether the connection was dropped instead of the answer ending."""
    out = b""
    ended = False

    async def send(message: Message) -> None:
        nonlocal out, ended
        out += message["body"]
        ended = not message["more_body"]

    async def run() -> bool:
        spoiled = AlteredSend(send, Fault(kind, bytes=at))
        for number, piece in enumerate(pieces, 1):
            await spoiled({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})
        return False

    try:
        dropped = asyncio.run(run())
    except DroppedError:
        dropped = True
    assert ended is not dropped
    return out, dropped


@given(PIECES, OFFSETS)
def test_a_cut_answer_has_its_first_bytes_and_no_end(pieces: list[bytes], at: int) -> None:
    assert sent("cut", at, pieces) == (b"".join(pieces)[:at], True)


@given(PIECES, OFFSETS)
def test_a_truncated_answer_has_its_first_bytes_and_an_end(pieces: list[bytes], at: int) -> None:
    assert sent("truncate", at, pieces) == (b"".join(pieces)[:at], False)


@given(PIECES, OFFSETS)
def test_a_stalled_answer_is_whole(pieces: list[bytes], at: int) -> None:
    assert sent("stall", at, pieces) == (b"".join(pieces), False)


@given(PIECES, OFFSETS)
def test_a_corrupt_answer_differs_in_exactly_one_byte(pieces: list[bytes], at: int) -> None:
    whole = b"".join(pieces)
    out, _ = sent("corrupt", at, pieces)
    assert len(out) == len(whole)
    assert [i for i in range(len(whole)) if out[i] != whole[i]] == ([at] if at < len(whole) else [])


def test_a_truncated_answer_says_the_length_it_has() -> None:
    heads: list[Any] = []

    async def send(message: Message) -> None:
        heads.append(message["headers"])

    async def run() -> None:
        headers = [(b"content-length", b"100"), (b"x-goog-hash", b"crc32c=AAAAAA==")]
        await AlteredSend(send, Fault("truncate", bytes=7))({"type": "http.response.start", "headers": headers})

    asyncio.run(run())
    assert heads == [[(b"content-length", b"7"), (b"x-goog-hash", b"crc32c=AAAAAA==")]]
