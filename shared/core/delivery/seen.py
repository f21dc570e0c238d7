"""Which questions of manifests have seen an image: one marker for each, written before the model sees it.

A manifest's answer lies beside the manifest, and names its images only inside. So that an image can be forgotten
without reading every answer there is, `seen/<bucket>/<image>/<generation>/` holds a marker for each manifest that was
about it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from shared.core import jsontext, naming
from shared.core.errors import UplookError
from shared.core.naming import Paths

if TYPE_CHECKING:
    from shared.core.values import Source

SEEN_SCHEMA = "uplook.seen/1"
MAX_BYTES = 10_000


class SeenError(UplookError):
    """A marker is not one of ours."""


def marker_name(source: Source, asking: Paths) -> str:
    """Return where the marker lies that a manifest's task has seen this image."""
    whole = f"{asking.folder}/{asking.task}"
    return f"{naming.about(source, kept=naming.SEEN)}{hashlib.sha256(whole.encode()).hexdigest()}.json"


def format_marker(asking: Paths) -> bytes:
    """Return the marker: where the work of the manifest's task lies."""
    return jsontext.dump_compact({"schema": SEEN_SCHEMA, "folder": asking.folder, "task": asking.task})


def parse_marker(data: bytes, *, name: str, source: Source, prefix: str) -> Paths:
    """Read a marker that lies at `name`; `prefix` is that of the results bucket.

    Raises:
        SeenError: it is none, or belongs elsewhere: it must not lead anybody astray.
    """
    try:
        document = json.loads(data)
        asking = Paths(str(document["folder"]), str(document["task"]), prefix)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SeenError(f"Expected a marker of {SEEN_SCHEMA}: {error!r}.") from error
    run = asking.folder.partition("/")[0]
    if not (naming.is_run_name(run) and naming.is_task_name(asking.task)) or marker_name(source, asking) != name:
        raise SeenError("It names a manifest that this place does not stand for.")
    return asking
