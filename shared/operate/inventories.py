"""Lists of objects, opened: a file, or objects in a bucket; CSV, Parquet, or names by line."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from shared.core.errors import NotFoundError, PermanentError
from shared.core.planning.inventory import InventoryError, ListEntry, columns, listed_in_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.core.ports import ObjectStore

_SCHEME = "gs://"
_PARQUET = b"PAR1"
_SHARDS = (".csv", ".parquet")
_MAX_BYTES = 1 << 30
_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class ObjectList:
    """A list that can be read from its beginning as often as wanted; `content` tells it from every other one."""

    entries: Callable[[], Iterator[ListEntry]]
    content: str


def open_list(place: str, store: ObjectStore) -> ObjectList:
    """Open a list: a file, an object, or all shards (`.csv`, `.parquet`) of a report whose names begin alike.

    Raises:
        InventoryError: there is none, or it cannot be used; that may show only while it is read.
    """
    if not place.startswith(_SCHEME):
        path = Path(place)
        if not path.is_file():
            raise InventoryError(f"expected a file or gs://BUCKET/OBJECT, found none at {place}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ObjectList(partial(_entries, [(place, lambda: path.open("rb"))]), digest)
    bucket, _, prefix = place.removeprefix(_SCHEME).partition("/")
    return _in_bucket(bucket, prefix, store)


def _in_bucket(bucket: str, prefix: str, store: ObjectStore) -> ObjectList:
    there = store.stat(bucket, prefix) if prefix else None
    if there is not None:
        found = [(prefix, there.generation)]
    else:
        listed = store.list_objects(bucket, prefix)
        found = [(name, info.generation) for name, info in listed if name.endswith(_SHARDS)]
    if not found:
        raise InventoryError(
            f"expected an object, or the {' or '.join(_SHARDS)} shards of a report, found none at"
            f" {_SCHEME}{bucket}/{prefix}"
        )
    content = hashlib.sha256(repr((bucket, found)).encode()).hexdigest()
    shards = [(f"{_SCHEME}{bucket}/{name}", partial(_download, bucket, name, number, store)) for name, number in found]
    return ObjectList(partial(_entries, shards), content)


def _download(bucket: str, name: str, generation: int, store: ObjectStore) -> IO[bytes]:
    try:
        return io.BytesIO(store.read(bucket, name, generation=generation, max_bytes=_MAX_BYTES))
    except (NotFoundError, PermanentError) as error:
        raise InventoryError(f"{error} Copy it to this machine, and name the file.") from error


def _entries(shards: Sequence[tuple[str, Callable[[], IO[bytes]]]]) -> Iterator[ListEntry]:
    for place, begin in shards:
        with begin() as file:
            try:
                yield from _in_file(file)
            except InventoryError as error:
                raise InventoryError(f"{place}: {error}") from error
            except UnicodeDecodeError as error:
                raise InventoryError(f"{place}: expected text in UTF-8, or Parquet: {error}") from error


def _in_file(file: IO[bytes]) -> Iterator[ListEntry]:
    parquet = file.read(len(_PARQUET)) == _PARQUET
    file.seek(0)
    if parquet:
        yield from _in_parquet(file)
    else:
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield from listed_in_text(text)


def _in_parquet(file: IO[bytes]) -> Iterator[ListEntry]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise InventoryError(
            "a Parquet file is read by the package pyarrow, which is not installed: `pip install pyarrow`, or have the"
            " report made as CSV"
        ) from error
    try:
        table = parquet.ParquetFile(file)
        header = table.schema_arrow.names
        named, bucket = columns(header)
        wanted = [header[at] for at in (named, bucket) if at is not None]
        for batch in table.iter_batches(batch_size=_ROWS, columns=wanted):
            names = batch.column(header[named]).to_pylist()
            buckets = batch.column(header[bucket]).to_pylist() if bucket is not None else [None] * len(names)
            yield from (ListEntry(str(name), within) for name, within in zip(names, buckets, strict=True) if name)
    except pa.ArrowException as error:
        raise InventoryError(f"expected Parquet: {error}") from error
