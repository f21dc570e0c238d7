"""Answers that uploads of the same content share: what is the same, where each lies, and when which may go.

What the model is asked once about a content is one *content*: the bytes of the image as they are sent, and all that
shapes the answer. Every upload that has a part in the answer keeps a copy of its own in the work bucket:

- `uses/<folder>/<content>/<task>.json` says that an upload has a part in a content: written first, deleted last;
- `leases/_answers/<content>/<task>.json` is held by whoever asks the model about it;
- `answers/<content>/<upload>/<task>.json` is the answer, once for each upload that has it.

Nothing is counted, and no upload deletes what another one wrote: the answer is there as long as any upload has it.
Task names are those of the leading task, by which the rights of workers are told (`infra/buckets.tf`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from shared.core import jsontext
from shared.core.errors import UplookError
from shared.core.naming import ANSWERS, LEASES, Paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.request import ModelRequest
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.task import Reading
    from shared.core.values import PreparedImage

USE_SCHEMA: Final = "uplook.use/1"
MAX_USE_BYTES: Final = 1000
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_LEASES: Final = f"{LEASES}_answers/"
"""No run has this name, so no lease of an upload lies there."""

_SHARED: Final = frozenset({"ok", "empty", "partial"})


class UseError(UplookError):
    """An object does not say, as ours do, which content an upload has a part in."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an ask is about: `name` is its SHA-256 in hex, `bytes` the size of the image as it is meant to be sent."""

    name: str
    bytes: int


def content_of(request: ModelRequest, image: PreparedImage, *, tasks: Sequence[str], leading: str, run: str) -> Content:
    """Return what a request about an image is about: alike for all that must get the same answer.

    A run is part of it: whoever makes a new one wants to ask again.
    """
    said = {
        **asdict(replace(request, images=())),
        "image": {"mime_type": image.mime_type, "sha256": hashlib.sha256(image.data).hexdigest()},
        "tasks": list(tasks),
        "leading": leading,
        "run": run,
    }
    return Content(hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(), len(image.data))


def may_be_shared(answer: Answer, reading: Reading) -> bool:
    """Whether an answer is good enough for others: whole and readable, and no refusal, which may be a passing whim."""
    return answer.verdict == "usable" and reading.status in _SHARED


def copies_folder(content: str) -> str:
    """Return the folder of all copies of the answer about a content; ends in `/`."""
    return f"{ANSWERS}{content}/"


def copy_name(content: str, paths: Paths, *, ask: int) -> str:
    """Return where an upload keeps its copy of an answer; `ask` counts further asks, as in the journal."""
    return f"{copies_folder(content)}{hashlib.sha256(paths.reply(ask).encode()).hexdigest()}/{paths.task}.json"


def lease_name(content: str, task: str) -> str:
    """Return where the lease on a content lies."""
    return f"{_LEASES}{content}/{task}.json"


def holder_of(paths: Paths) -> str:
    """Return how an upload is named in the lease on a content: without its object's name."""
    return hashlib.sha256(paths.lease.encode()).hexdigest()


def format_use(content: str) -> bytes:
    """Return what says that an upload has a part in a content."""
    return jsontext.dump_compact({"schema": USE_SCHEMA, "content": content})


def parse_use(data: bytes, *, name: str, paths: Paths) -> str:
    """Read what lies at `name` for a task of an upload; return the content.

    Raises:
        UseError: it is none of ours, or belongs elsewhere.
    """
    try:
        content = str(json.loads(data)["content"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UseError(f"Expected the use of a content, {USE_SCHEMA}: {error!r}.") from error
    if _HASH.fullmatch(content) is None or paths.use(content) != name:
        raise UseError("It names a content that this place does not stand for.")
    return content


def lease_may_go(*, own: bool, free: bool, copies: bool) -> bool:
    """Whether an upload that is forgotten takes the lease on a content with it.

    Its own goes: nobody works for it any more. So does one that nobody holds, unless copies are left, whose uploads
    will take it with them. Whoever holds it otherwise is at work, and is forgotten later.

    >>> lease_may_go(own=False, free=True, copies=False), lease_may_go(own=False, free=True, copies=True)
    (True, False)
    """
    return own or (free and not copies)
