from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions

from infra.local.process import ROOT, Process, service_argv
from tests.contract.storage_rig import rig
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.storage_rig import Rig

LARGE = random.Random(3).randbytes(3 << 20)


@contextlib.contextmanager
def emulator(data: Path) -> Iterator[Rig]:
    with running("storage", "--data", str(data), "--bucket", "uploads") as url, rig(url) as storage:
        yield storage


def shown(data: Path) -> dict[str, bytes]:
    """Return what a person finds in the bucket's folder."""
    folder = data / "uploads"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_restart_keeps_objects_generations_and_metadata(tmp_path: Path) -> None:
    with emulator(tmp_path) as storage:
        blob = storage.client.bucket("uploads").blob("ä/large.png")
        blob.metadata = {"mine": "yes"}
        blob.upload_from_string(LARGE, content_type="image/png")
        blob.cache_control = "no-store"
        blob.patch()
        before = dict(blob._properties)
    with emulator(tmp_path) as storage:
        again = storage.client.bucket("uploads").get_blob("ä/large.png")
        links = {"selfLink", "mediaLink"}
        assert {k: v for k, v in again._properties.items() if k not in links} == {
            k: v for k, v in before.items() if k not in links
        }
        assert again.media_link.startswith(storage.url)
        assert again.download_as_bytes() == LARGE
        storage.client.bucket("uploads").blob("new").upload_from_string(b"x", if_generation_match=0)
        assert storage.client.bucket("uploads").get_blob("new").generation > again.generation
        with pytest.raises(exceptions.PreconditionFailed):
            storage.client.bucket("uploads").blob("ä/large.png").upload_from_string(b"x", if_generation_match=0)


def test_a_restart_keeps_buckets_with_their_settings(tmp_path: Path) -> None:
    with emulator(tmp_path) as storage:
        bucket = storage.client.create_bucket("other")
        bucket.labels = {"a": "b"}
        bucket.patch()
        bucket.notification(topic_name="notes", topic_project="local-dev").create()
        storage.client.create_bucket("gone").delete()
    with emulator(tmp_path) as storage:
        assert storage.client.get_bucket("other").labels == {"a": "b"}
        assert [each.topic_name for each in storage.client.bucket("other").list_notifications()] == ["notes"]
        assert storage.client.lookup_bucket("gone") is None


def test_what_was_deleted_or_replaced_stays_so(tmp_path: Path) -> None:
    with emulator(tmp_path) as storage:
        bucket = storage.client.bucket("uploads")
        for name in ("a/b/deleted", "replaced", "moved"):
            bucket.blob(name).upload_from_string(b"old")
        bucket.blob("a/b/deleted").delete()
        bucket.blob("replaced").upload_from_string(b"new")
        bucket.move_blob(bucket.blob("moved"), "there")
    assert shown(tmp_path) == {"replaced": b"new", "there": b"old"}
    assert not (tmp_path / "uploads" / "a").exists()
    with emulator(tmp_path) as storage:
        assert [blob.name for blob in storage.client.list_blobs("uploads")] == ["replaced", "there"]
        assert storage.client.bucket("uploads").blob("replaced").download_as_bytes() == b"new"


def test_objects_are_ordinary_files_under_their_names(tmp_path: Path) -> None:
    with emulator(tmp_path) as storage:
        for name in ("cat.jpg", "2026/Bäume/b c.jpg", "x/"):
            storage.client.bucket("uploads").blob(name).upload_from_string(name.encode())
        assert shown(tmp_path) == {
            "cat.jpg": b"cat.jpg",
            "2026/Bäume/b c.jpg": "2026/Bäume/b c.jpg".encode(),
            "x%2F": b"x/",
        }


AWKWARD = ["a", "a/b", "a/b/c", "d/e", "d", "../up", "//x", "x" * 1000 + ".jpg", "ü" * 300, "nul\0", "~", "A"]


def test_no_name_is_lost_or_leaves_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for _ in range(2):
        with emulator(data) as storage:
            for name in AWKWARD:
                storage.client.bucket("uploads").blob(name).upload_from_string(name.encode())
            assert sorted(shown(data).values()) == sorted(name.encode() for name in AWKWARD)
    with emulator(data) as storage:
        kept = {blob.name: blob.download_as_bytes() for blob in storage.client.list_blobs("uploads")}
    assert kept == {name: name.encode() for name in AWKWARD}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_a_person_does_to_the_files_changes_no_object(tmp_path: Path) -> None:
    foreign = tmp_path / "uploads" / "cat.jpg"
    foreign.parent.mkdir()
    foreign.write_bytes(b"a person's own")
    with emulator(tmp_path) as storage:
        storage.client.bucket("uploads").blob("cat.jpg").upload_from_string(b"cat")
        digest = hashlib.sha256(b"cat.jpg").hexdigest()[:32]
        assert shown(tmp_path) == {"cat.jpg": b"a person's own", f"~{digest}.jpg": b"cat"}
        (tmp_path / "uploads" / f"~{digest}.jpg").unlink()
    with emulator(tmp_path) as storage:
        assert storage.client.bucket("uploads").blob("cat.jpg").download_as_bytes() == b"cat"
        storage.client.bucket("uploads").blob("cat.jpg").delete()
    assert shown(tmp_path) == {"cat.jpg": b"a person's own"}


def test_an_emulator_that_was_killed_kept_every_object_it_answered_for(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data", str(tmp_path), "--bucket", "uploads")
    with Process("storage", service_argv("storage", *arguments), env=os.environ) as child:
        with rig(child.wait_ready(timeout_s=WAIT_S)) as storage:
            for number in range(20):
                storage.client.bucket("uploads").blob("o").upload_from_string(f"{number}".encode())
        os.kill(child.pid, 9)
    with emulator(tmp_path) as storage:
        assert storage.client.bucket("uploads").blob("o").download_as_bytes() == b"19"
    assert len(list((tmp_path / ".uplook" / "blobs").iterdir())) == 1


def test_a_folder_belongs_to_one_emulator_at_a_time(tmp_path: Path) -> None:
    with emulator(tmp_path):
        argv = service_argv("storage", "--data", str(tmp_path))
        second = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert second.returncode == 1
    assert "in use by another emulator: name another folder, or end it" in second.stderr
