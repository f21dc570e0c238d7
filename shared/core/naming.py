"""Where everything lies: injective, safe object names for results, leases and journalled replies.

Layout: `<run>/<bucket>/<object>/<generation>/<task>.json`, beside it the folder `<task>/`. In the work bucket
the same path stands below `leases/`, `replies/` and `held/<place>/`. What is kept there *about* a source by others
(which manifests have seen it, which of its storage events nobody could handle) lies below `seen/` and `dead/`, each
time in `<bucket>/<object>/<generation>/`: whoever forgets the source finds it. What a release remembers lies below
`releases/` (`holding`), how far a backfill has come below `backfill/` (`marks`). Answers that uploads of the same
content share lie below `answers/`, and below `uses/` which upload has a part in which (`sharing`). Where results share
a bucket with uploads, all of them lie below one prefix.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from shared.core.values import Source

MAX_NAME_BYTES = 1024
"""Longest object name: https://cloud.google.com/storage/docs/objects#naming."""

MAX_REDRIVE = 9999
LEASES, REPLIES, PARKED, SPENDING, DEAD, SEEN = "leases/", "replies/", "held/", "spending/", "dead/", "seen/"
RELEASES, BACKFILL = "releases/", "backfill/"
BATCH_LINES, BATCH_RECORDS, BATCH_FILES = "batches/lines/", "batches/jobs/", "batches/files/"
ANSWERS, USES = "answers/", "uses/"
"""Folders of the work bucket. The rights to each are given one by one: `infra/buckets.tf`."""

_TAIL_BYTES = 80  # `/<generation>/<task>.error-<n>.json` or `/<generation>/<task>/mask-000.png`, and some
_ABOUT_TAIL_BYTES = 100  # `/<generation>/<SHA-256 in hex>.json`, and some
CONTENT_CHARS = 24
"""Of the hash of a content, in the name of a use: as many as find room in the longest name that there is."""

_HASH_MARK = "~"  # always escaped in ordinary names, so a shortened name can never equal an ordinary one
_HASH_CHARS = 32

# What would be read as something else: `%` (our escape), `~` (our mark), control and line-separating characters,
# what gsutil and gcloud take as wildcards or as a generation (`#[]*?`), and the backslash of other file systems.
_UNSAFE = re.compile(r"[%~#\[\]*?\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RUN = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_TASK = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_OF_FOLDER = re.compile(
    rf"(?:[0-9a-f]{{{CONTENT_CHARS}}}/)?(?P<task>{_TASK.pattern})(?:(?:\.(?:error|ask)-[0-9]+)?\.json|/[^/]+)"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._:-]{0,221}")  # https://cloud.google.com/storage/docs/buckets#naming


def encode_object_name(name: str, *, max_bytes: int) -> str:
    """Return `name` as a relative path that is safe below any prefix.

    Injective: two names never share an encoding. Unless shortened, `urllib.parse.unquote` gives the name back.
    No segment is empty, `.` or `..`; no control character survives; the result has at most `max_bytes` bytes
    of UTF-8 (a longer one keeps its beginning and ends in a hash of the whole name).

    >>> encode_object_name("a/../b#1", max_bytes=100)
    'a/%2E%2E/b%231'
    """
    encoded = _protect_segments(_UNSAFE.sub(_percent, name))
    if len(encoded.encode()) <= max_bytes:
        return encoded
    mark = _HASH_MARK + hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARS]
    return _cut(encoded, max_bytes - len(mark)) + mark


def decode_object_name(encoded: str) -> str | None:
    """Return the name behind an encoding, or None where it was shortened."""
    return None if _HASH_MARK in encoded else unquote(encoded)


def is_run_name(run: str) -> bool:
    """Whether `run` can name a way of processing: 1-32 of `a-z 0-9 . _ -`, beginning with a letter or digit."""
    return _RUN.fullmatch(run) is not None


def is_task_name(task: str) -> bool:
    """Whether `task` is a word that can end an object name; the task itself need not exist (any more)."""
    return _TASK.fullmatch(task) is not None


def is_bucket_name(bucket: str) -> bool:
    """Whether Cloud Storage could have a bucket of this name: no slash, no dots alone, at most 222 characters."""
    return _BUCKET.fullmatch(bucket) is not None


def is_object_name(name: str) -> bool:
    """Whether Cloud Storage could have an object of this name: 1-1024 bytes, no line break, not `.` and not `..`.

    https://cloud.google.com/storage/docs/objects#naming. In an address the last two would mean the bucket itself.
    """
    return 0 < len(name.encode()) <= MAX_NAME_BYTES and not {"\r", "\n"} & set(name) and name not in {".", ".."}


@dataclass(frozen=True, slots=True)
class Paths:
    """Every object name that belongs to one task of one image generation.

    >>> Paths("v1/photos/cat.jpg/7", "detect").result
    'v1/photos/cat.jpg/7/detect.json'
    """

    folder: str
    task: str
    prefix: str = ""
    """Of the names in the results bucket: `` or a folder such as `uplook/`."""

    @property
    def result(self) -> str:
        """The result document: the commit record."""
        return f"{self.prefix}{self.folder}/{self.task}.json"

    def error(self, redrive: int) -> str:
        """The error document of one redrive (0 is the first delivery)."""
        return f"{self.prefix}{self.folder}/{self.task}.error-{redrive}.json"

    def file(self, name: str) -> str:
        """A file that belongs to the result: a mask, an overlay."""
        return f"{self.prefix}{self.folder}/{self.task}/{name}"

    @property
    def lease(self) -> str:
        """The lease, in the work bucket."""
        return f"{LEASES}{self.folder}/{self.task}.json"

    @property
    def batch_line(self) -> str:
        """An ask that waits for a batch job, in the work bucket."""
        return f"{BATCH_LINES}{self.folder}/{self.task}.json"

    def use(self, content: str) -> str:
        """What says that this task has a part in the answer about a content (`sharing`), in the work bucket."""
        return f"{USES}{self.folder}/{content[:CONTENT_CHARS]}/{self.task}.json"

    def parked(self, place: str) -> str:
        """The image event itself while it waits, in the work bucket; `place` is the name of a folder (`holding`)."""
        return f"{PARKED}{place}/{self.folder}/{self.task}.json"

    def reply(self, ask: int) -> str:
        """A journalled reply, in the work bucket; `ask` counts deliberate further asks from 0."""
        suffix = f".ask-{ask}" if ask else ""
        return f"{REPLIES}{self.folder}/{self.task}{suffix}.json"


def paths(source: Source, *, run: str, task: str, prefix: str = "") -> Paths:
    """Return the object names for one task of one image generation; `prefix` is that of the results bucket."""
    head = f"{run}/{source.bucket}/"
    room = MAX_NAME_BYTES - max(len(REPLIES), len(prefix)) - len(head.encode()) - _TAIL_BYTES
    encoded = encode_object_name(source.name, max_bytes=room)
    return Paths(f"{head}{encoded}/{source.generation}", task, prefix)


def about(source: Source, *, kept: str) -> str:
    """Return the folder of the work bucket, below `kept` (DEAD or SEEN), for what is kept about a source; ends in `/`.

    >>> from shared.core.values import Source
    >>> about(Source("photos", "cat.jpg", 7), kept=SEEN)
    'seen/photos/cat.jpg/7/'
    """
    head = f"{kept}{source.bucket}/"
    room = MAX_NAME_BYTES - len(head.encode()) - _ABOUT_TAIL_BYTES
    return f"{head}{encode_object_name(source.name, max_bytes=room)}/{source.generation}/"


def task_of(name: str, *, folder: str) -> str | None:
    """Return which task an object belongs to, by its name; None where it is not of this generation's folder.

    A listing below the folder can show more: `a/7` is a folder of the object `a`, and a place inside the folder
    of an object named `a/7`.

    >>> task_of("v1/b/a/7/detect/mask-000.png", folder="v1/b/a/7")
    'detect'
    >>> task_of("v1/b/a/7/9/detect.json", folder="v1/b/a/7")
    """
    match = _OF_FOLDER.fullmatch(name.removeprefix(f"{folder}/"))
    return match["task"] if match and name.startswith(f"{folder}/") else None


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _protect_segments(name: str) -> str:
    if "/." not in f"/{name}" and "//" not in f"/{name}/":
        return name  # nearly always: no segment is empty or begins with a dot
    head, *rest = name.split("/")
    out = _dots(head)
    for segment in rest:
        # An empty segment would vanish on other file systems: its slash is escaped instead.
        out += ("/" if segment and out else "%2F") + _dots(segment)
    return out


def _dots(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def _cut(text: str, max_bytes: int) -> str:
    kept = text.encode()[:max_bytes].decode(errors="ignore")
    # Never end inside an escape, where the cut could make two different names alike.
    return re.sub(r"%[0-9A-F]?$", "", kept)
