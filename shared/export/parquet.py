"""Rows as an Apache Parquet file, with the types of the columns. pyarrow writes it, which Uplook does not install."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.core.errors import SettingsError
from shared.export.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

_ROWS_AT_ONCE = 20_000  # of a row group: what is in memory


def require_pyarrow() -> Any:
    """Return the module.

    Raises:
        SettingsError: it is not installed; the message says how to.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise SettingsError(
            "expected pyarrow, which writes Parquet, found none: run `pip install --require-hashes --no-deps"
            f" --requirement requirements-parquet.txt` ({error})."
        ) from error
    return pyarrow


def write_parquet(rows: Iterable[dict[str, Any]], sink: BinaryIO) -> int:
    """Write all rows, and return how many.

    Raises:
        SettingsError: pyarrow is not installed.
    """
    arrow = require_pyarrow()
    kinds = {
        "text": arrow.string(),
        "whole": arrow.int64(),
        "real": arrow.float64(),
        "texts": arrow.list_(arrow.string()),
    }
    schema = arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    count = 0
    with arrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    each = iter(rows)
    while batch := [_encodable(row) for row in islice(each, _ROWS_AT_ONCE)]:
        yield batch


def _encodable(row: dict[str, Any]) -> dict[str, Any]:
    """Put U+FFFD in place of half a surrogate pair, which JSON can say and UTF-8 cannot."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(each) for each in value]
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
