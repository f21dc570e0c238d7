from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions

from tests.contract.storage_rig import new_bucket

if TYPE_CHECKING:
    from tests.contract.storage_rig import Rig

pytest_plugins = ["tests.contract.storage_fixtures"]


def test_a_copy_and_a_rewrite_keep_bytes_and_metadata_and_honour_preconditions(storage: Rig) -> None:
    source = storage.bucket.blob("a")
    source.metadata = {"k": "v"}
    source.upload_from_string(b"x" * 2_000_000, content_type="image/png")
    copy = storage.bucket.copy_blob(source, storage.bucket, "b", if_generation_match=0)
    assert (copy.metadata, copy.content_type, copy.md5_hash) == ({"k": "v"}, "image/png", source.md5_hash)
    assert storage.bucket.blob("c").rewrite(source) == (None, 2_000_000, 2_000_000)
    with pytest.raises(exceptions.PreconditionFailed):
        storage.bucket.blob("c").rewrite(source, if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        storage.bucket.blob("d").rewrite(source, if_source_generation_match=1)
    source.delete()
    assert storage.bucket.blob("b").download_as_bytes() == b"x" * 2_000_000


def test_compose_concatenates_and_move_renames(storage: Rig) -> None:
    parts = [storage.bucket.blob(name) for name in ("a", "b")]
    for part in parts:
        part.upload_from_string(part.name * 700_000)
    whole = storage.bucket.blob("whole")
    whole.compose(parts, delete_source_objects=True)
    assert (whole.component_count, whole.md5_hash, whole.content_type) == (2, None, None)
    storage.bucket.move_blob(whole, "moved")
    assert [blob.name for blob in storage.bucket.list_blobs()] == ["moved"]
    assert storage.bucket.blob("moved").download_as_bytes() == b"a" * 700_000 + b"b" * 700_000


def test_versioning_keeps_replaced_and_deleted_generations(storage: Rig) -> None:
    bucket = new_bucket(storage.client, versioning_enabled=True)
    blob = bucket.blob("o")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2")
    bucket.blob("o").delete()
    assert [version.generation for version in bucket.list_blobs(versions=True)] == [first, blob.generation]
    assert bucket.blob("o", generation=first).download_as_bytes() == b"1"
    bucket.delete_blob("o", generation=first)
    assert [version.generation for version in bucket.list_blobs(versions=True)] == [blob.generation]


def test_a_deleted_object_can_be_restored_as_a_new_generation(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"1")
    blob.delete()
    assert [deleted.generation for deleted in storage.bucket.list_blobs(soft_deleted=True)] == [blob.generation]
    restored = storage.bucket.restore_blob("o", generation=blob.generation)
    assert restored.generation > blob.generation
    assert storage.bucket.blob("o").download_as_bytes() == b"1"
    assert not list(storage.bucket.list_blobs(soft_deleted=True))


def test_a_bucket_is_created_once_patched_and_deleted_when_empty(storage: Rig) -> None:
    bucket = new_bucket(storage.client, storage_class="NEARLINE", labels={"a": "1", "b": "2"})
    assert bucket.storage_class == "NEARLINE"
    with pytest.raises(exceptions.Conflict):
        storage.client.create_bucket(bucket.name)
    bucket.labels = {"a": "3"}
    bucket.add_lifecycle_delete_rule(age=45)
    bucket.update()
    read = storage.client.get_bucket(bucket.name)
    assert (read.labels, len(list(read.lifecycle_rules)), read.metageneration) == ({"a": "3"}, 1, 2)
    bucket.blob("o").upload_from_string(b"x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert not storage.client.bucket(bucket.name).exists()


def test_an_object_under_a_hold_is_neither_deleted_nor_replaced(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"kept")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(exceptions.Forbidden, match="active Temporary hold"):
        blob.delete()
    with pytest.raises(exceptions.Forbidden, match="active Temporary hold"):
        storage.bucket.blob("o").upload_from_string(b"other")
    blob.temporary_hold = False
    blob.patch()
    blob.delete()
    assert not blob.exists()


def test_a_bucket_can_hold_every_new_object(storage: Rig) -> None:
    bucket = new_bucket(storage.client, default_event_based_hold=True)
    bucket.blob("o").upload_from_string(b"x")
    with pytest.raises(exceptions.Forbidden, match="active Event-Based hold"):
        bucket.blob("o").delete()
