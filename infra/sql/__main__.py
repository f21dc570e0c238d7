"""Print the statements that make tables of results.

    python -m infra.sql duckdb FOLDER                          | duckdb results.duckdb
    python -m infra.sql bigquery PROJECT.DATASET RESULTS_BUCKET | bq query --use_legacy_sql=false

FOLDER is a copy of the results bucket, or of any part of it. Terraform's `bigquery = true` has done the second already.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.sql import rendering

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Print the statements for the dialect that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m infra.sql", description=__doc__.partition("\n")[0])
    dialects = parser.add_subparsers(dest="dialect", required=True)
    local = dialects.add_parser("duckdb", help="for DuckDB, on a copy of the results")
    local.add_argument(
        "folder", type=_folder, metavar="FOLDER", help="a copy of the results bucket, or of a part of it"
    )
    cloud = dialects.add_parser("bigquery", help="for BigQuery, on the results bucket")
    cloud.add_argument("dataset", type=_dataset, metavar="PROJECT.DATASET", help="it must exist")
    cloud.add_argument("bucket", type=_bucket, metavar="RESULTS_BUCKET")
    cloud.add_argument("--prefix", default="", type=_prefix, metavar="FOLDER/", help="the setting RESULTS_PREFIX")
    args = parser.parse_args(argv)
    if args.dialect == "duckdb":
        places = rendering.duckdb(args.folder)
    else:
        places = rendering.bigquery(args.dataset, args.bucket, prefix=args.prefix)
    try:
        # Whatever the terminal's encoding: both programs read UTF-8, and a folder's name may need it.
        sys.stdout.buffer.write(rendering.statements(places).encode())
    except ValueError as error:
        parser.error(str(error))
    return 0


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"expected an existing folder, found {text!r}")
    return Path(text)


def _dataset(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9:.-]*\.\w+", text):
        raise argparse.ArgumentTypeError(f"expected PROJECT.DATASET, found {text!r}")
    return text


def _bucket(text: str) -> str:
    name = text.removeprefix("gs://").rstrip("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]+", name):
        raise argparse.ArgumentTypeError(f"expected the name of a bucket, found {text!r}")
    return name


def _prefix(text: str) -> str:
    if not re.fullmatch(r"([a-z0-9][a-z0-9._-]*/)?", text):
        raise argparse.ArgumentTypeError(f"expected a folder such as uplook-results/, found {text!r}")
    return text


if __name__ == "__main__":
    sys.exit(main())
