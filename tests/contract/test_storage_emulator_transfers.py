from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import io
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import google_crc32c
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

from infra.local.process import Process, service_argv
from tests.contract.storage_rig import put, rig
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from tests.contract.storage_rig import Rig

pytest_plugins = ["tests.contract.storage_fixtures"]

CHUNK = 1 << 18
BODY = random.Random(7).randbytes(10 * CHUNK + 12_345)


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


@pytest.mark.parametrize("chunk_size", [None, CHUNK, 4 * CHUNK])
def test_a_large_body_comes_back_with_its_hashes(storage: Rig, chunk_size: int | None) -> None:
    blob = storage.bucket.blob("o", chunk_size=chunk_size)
    blob.upload_from_file(io.BytesIO(BODY), content_type="image/png")
    read = storage.bucket.get_blob("o")
    assert (read.md5_hash, read.crc32c) == (md5(BODY), crc32c(BODY))
    assert (read.size, read.content_type) == (len(BODY), "image/png")
    assert storage.bucket.blob("o").download_as_bytes() == BODY


def test_an_interrupted_upload_says_how_much_arrived_and_goes_on_from_there(storage: Rig) -> None:
    url = storage.start_resumable("o")
    total = 3 * CHUNK
    first = put(url, BODY[:CHUNK], content_range=f"bytes 0-{CHUNK - 1}/{total}")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    question = put(url, b"", content_range=f"bytes */{total}")
    assert (question.status_code, question.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    last = put(url, BODY[CHUNK:total], content_range=f"bytes {CHUNK}-{total - 1}/{total}")
    assert (last.status_code, last.json()["md5Hash"]) == (200, md5(BODY[:total]))
    assert put(url, b"", content_range=f"bytes */{total}").json() == last.json()


def test_bytes_that_are_sent_twice_count_once(storage: Rig) -> None:
    url = storage.start_resumable("o")
    total = 2 * CHUNK
    put(url, BODY[:CHUNK], content_range=f"bytes 0-{CHUNK - 1}/{total}")
    again = put(url, BODY[:total], content_range=f"bytes 0-{total - 1}/{total}")
    assert (again.status_code, again.json()["md5Hash"]) == (200, md5(BODY[:total]))


def test_a_gap_in_an_upload_is_refused_and_nothing_of_it_kept(storage: Rig) -> None:
    url = storage.start_resumable("o")
    put(url, BODY[:CHUNK], content_range=f"bytes 0-{CHUNK - 1}/*")
    gap = put(url, BODY[:CHUNK], content_range=f"bytes {2 * CHUNK}-{3 * CHUNK - 1}/*")
    assert gap.status_code == 503
    assert put(url, b"", content_range="bytes */*").headers["range"] == f"bytes=0-{CHUNK - 1}"


def test_a_cancelled_upload_is_gone(storage: Rig) -> None:
    url = storage.start_resumable("o")
    assert requests.delete(url, timeout=WAIT_S).status_code == 499
    assert put(url, b"x").status_code == 404
    assert not storage.bucket.blob("o").exists()


def test_a_resumable_upload_that_lost_the_race_is_refused_at_its_end(storage: Rig) -> None:
    url = requests.post(storage.upload_url("resumable", "o", ifGenerationMatch="0"), json={}, timeout=WAIT_S)
    storage.bucket.blob("o").upload_from_string(b"winner")
    assert put(url.headers["location"], b"loser").status_code == 412
    assert storage.bucket.blob("o").download_as_bytes() == b"winner"


@pytest.mark.parametrize("digest", ["crc32c=AAAAAA==", f"md5={md5(b'other')}"])
@pytest.mark.parametrize("promised_at", ["start", "end"])
def test_a_wrong_hash_of_a_resumable_upload_is_refused_with_400(storage: Rig, digest: str, promised_at: str) -> None:
    hashes = {"x-goog-hash": digest}
    url = storage.start_resumable("o", headers=hashes if promised_at == "start" else None)
    answer = requests.put(url, data=b"x", headers=hashes if promised_at == "end" else None, timeout=WAIT_S)
    assert (answer.status_code, "doesn't match" in answer.json()["error"]["message"]) == (400, True)
    assert not storage.bucket.blob("o").exists()


@pytest.mark.parametrize("field", ["md5_hash", "crc32c"])
def test_a_wrong_hash_of_a_multipart_upload_is_refused_with_400(storage: Rig, field: str) -> None:
    blob = storage.bucket.blob("o")
    setattr(blob, field, "AAAAAA==")
    with pytest.raises(exceptions.BadRequest, match="doesn't match"):
        blob.upload_from_string(b"x", checksum=None)
    assert not storage.bucket.blob("o").exists()


def test_a_download_returns_the_range_that_was_asked_for(storage: Rig) -> None:
    storage.bucket.blob("o").upload_from_string(BODY)
    assert storage.bucket.blob("o").download_as_bytes(start=CHUNK, end=5 * CHUNK) == BODY[CHUNK : 5 * CHUNK + 1]
    answer = requests.get(storage.media_url("o"), headers={"range": "bytes=-7"}, timeout=WAIT_S)
    size = len(BODY)
    assert (answer.status_code, answer.content) == (206, BODY[-7:])
    assert answer.headers["content-range"] == f"bytes {size - 7}-{size - 1}/{size}"
    beyond = requests.get(storage.media_url("o"), headers={"range": f"bytes={size}-"}, timeout=WAIT_S)
    assert beyond.status_code == 416


def test_the_media_link_leads_to_this_emulator_and_this_generation(storage: Rig) -> None:
    blob = storage.bucket.blob("ä/b")
    blob.upload_from_string(b"1")
    assert blob.media_link.startswith(f"{storage.url}/download/storage/v1/b/{storage.bucket.name}/o/%C3%A4%2Fb?")
    assert requests.get(blob.media_link, timeout=WAIT_S).content == b"1"
    storage.bucket.blob("ä/b").upload_from_string(b"2")
    assert requests.get(blob.media_link, timeout=WAIT_S).status_code == 404


def test_gzip_is_unpacked_for_those_who_cannot(storage: Rig) -> None:
    packed = gzip.compress(b"hello" * 1000)
    blob = storage.bucket.blob("o")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed)
    assert storage.bucket.blob("o").download_as_bytes(raw_download=True) == packed
    plain = requests.get(storage.media_url("o"), headers={"accept-encoding": "identity"}, timeout=WAIT_S)
    assert (plain.content, plain.headers.get("content-encoding")) == (b"hello" * 1000, None)


def test_parallel_parts_and_parallel_ranges_make_the_same_object(storage: Rig, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(BODY * 5)
    threads = {"worker_type": transfer_manager.THREAD, "max_workers": 4}
    transfer_manager.upload_chunks_concurrently(str(source), storage.bucket.blob("o"), chunk_size=5 << 20, **threads)
    transfer_manager.download_chunks_concurrently(
        storage.bucket.blob("o"), str(target), chunk_size=3 << 20, crc32c_checksum=False, **threads
    )
    assert target.read_bytes() == BODY * 5


def test_signed_urls_read_and_write(storage: Rig) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {"client_email": "a@local-dev.iam", "private_key": pem.decode(), "token_uri": "http://127.0.0.1:9/t"}
    signer = service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]
    sign = {"version": "v4", "expiration": dt.timedelta(minutes=5), "credentials": signer}
    blob = storage.bucket.blob("ä b")
    write = blob.generate_signed_url(method="PUT", api_access_endpoint=storage.url, content_type="image/png", **sign)
    assert put(write, b"signed", content_type="image/png").status_code == 200
    read = blob.generate_signed_url(api_access_endpoint=storage.url, **sign)
    answer = requests.get(read, timeout=WAIT_S)
    assert (answer.content, answer.headers["content-type"]) == (b"signed", "image/png")


def test_a_sender_that_stalls_blocks_nobody(storage: Rig) -> None:
    address = urlsplit(storage.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as stalled:
        path = storage.upload_url("media", "stalled").removeprefix(storage.url)
        stalled.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        storage.bucket.blob("o").upload_from_string(b"x", timeout=WAIT_S, retry=None)
    assert not storage.bucket.blob("stalled").exists()


def test_a_large_upload_does_not_grow_the_emulator() -> None:
    with Process("storage", service_argv("storage", "--port", "0"), env={}) as child:
        with rig(child.wait_ready(timeout_s=WAIT_S)) as storage:
            storage.bucket.blob("warm").upload_from_string(BODY)
            before = resident_kb(child.pid)
            storage.bucket.blob("o", chunk_size=32 * CHUNK).upload_from_file(Endless(100_000_000), size=100_000_000)
            assert storage.bucket.get_blob("o").size == 100_000_000
        assert resident_kb(child.pid) - before < 20_000


class Endless(io.RawIOBase):
    """A file of zeros that takes no memory."""

    def __init__(self, size: int) -> None:
        self._at, self._size = 0, size

    def read(self, count: int = -1) -> bytes:
        data = bytes(min(count, self._size - self._at))
        self._at += len(data)
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, _whence: int = 0) -> int:
        self._at = offset
        return offset


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
