from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.emulators.storage.errors import ApiError
from infra.emulators.storage.payload import SPILL_BYTES, Spool, claimed_digests, joined, verify
from infra.emulators.storage.preconditions import Conditions
from infra.emulators.storage.uploads import Session

if TYPE_CHECKING:
    from pathlib import Path

    from infra.emulators.storage.payload import Payload

LARGE = bytes(range(256)) * 8192


def stored(folder: Path, *pieces: bytes) -> Payload:
    spool = Spool(folder)
    for piece in pieces:
        spool.write(piece)
    return spool.finish()


def test_hashes_are_those_of_the_service(tmp_path: Path) -> None:
    payload = stored(tmp_path, b"1234", b"56789")
    assert (payload.size, payload.md5, payload.crc32c) == (9, "JfnnlDI7RTiF9RgfG2JNCw==", "4waSgw==")


@pytest.mark.parametrize(("body", "files"), [(b"", 0), (LARGE[:SPILL_BYTES], 0), (LARGE[: SPILL_BYTES + 1], 1)])
def test_only_a_body_above_one_mib_takes_a_file(tmp_path: Path, body: bytes, files: int) -> None:
    payload = stored(tmp_path, body)
    assert len(list(tmp_path.iterdir())) == files
    assert b"".join(payload.chunks()) == body


@pytest.mark.parametrize("body", [LARGE[:1000], LARGE])
@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (999, 1000), (10, None)])
def test_a_part_of_a_body_can_be_read(tmp_path: Path, body: bytes, start: int, stop: int | None) -> None:
    assert b"".join(stored(tmp_path, body).chunks(start, stop)) == body[start:stop]


def test_a_file_goes_with_its_last_reader(tmp_path: Path) -> None:
    payload = stored(tmp_path, LARGE)
    reader = payload.chunks()
    first = next(reader)
    del payload
    assert first + b"".join(reader) == LARGE
    del reader
    assert list(tmp_path.iterdir()) == []


def test_payloads_are_joined_in_order(tmp_path: Path) -> None:
    parts = [stored(tmp_path, b"a"), stored(tmp_path, LARGE), stored(tmp_path, b"z")]
    assert b"".join(joined(parts, Spool(tmp_path)).chunks()) == b"a" + LARGE + b"z"


def test_a_hash_in_a_header_beats_one_in_the_metadata() -> None:
    metadata = {"md5Hash": "m", "crc32c": "c"}
    assert claimed_digests(metadata, {}) == {"md5Hash": "m", "crc32c": "c"}
    assert claimed_digests(metadata, {"x-goog-hash": "crc32c=C==, md5=M="}) == {"md5Hash": "M=", "crc32c": "C=="}
    assert claimed_digests({}, {"content-md5": "M"}) == {"md5Hash": "M"}


def test_a_hash_that_differs_is_refused_and_says_both(tmp_path: Path) -> None:
    payload = stored(tmp_path, b"123456789")
    verify(payload, {"crc32c": "4waSgw=="})
    with pytest.raises(ApiError, match=r'Provided CRC32C hash "AAAAAA==" .* calculated CRC32C hash "4waSgw=="'):
        verify(payload, {"crc32c": "AAAAAA=="})


def test_two_senders_of_the_same_upload_cannot_tangle_it(tmp_path: Path) -> None:
    session = Session(bucket="b", name="o", fields={}, claims={}, conditions=Conditions(), spool=Spool(tmp_path))
    for offset, piece in ((0, b"abcd"), (0, b"ab"), (2, b"cdef"), (4, b"ef"), (6, b"gh")):
        session.write(offset, piece)
    assert b"".join(session.spool.finish().chunks()) == b"abcdefgh"
