"""What the pipeline needs from the outside, as protocols. Adapters implement them; none of their errors leaks.

Every method may raise `TransientError` (the service is away, slow or over quota) besides what it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.gemini.batches import BatchJob
    from shared.core.gemini.request import ModelRequest


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object. `age_s` is seconds since its last write *by the server's clock*; crc32c is base64."""

    generation: int
    size: int
    crc32c: str
    metadata: Mapping[str, str]
    age_s: float
    content_type: str | None = None


class ObjectStore(Protocol):
    """Cloud Storage, reduced to what the delivery protocol stands on. Sizes in bytes."""

    def create(
        self,
        bucket: str,
        name: str,
        data: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Write an object that must not exist yet; return its generation.

        Raises:
            AlreadyExistsError: something live has this name (it may be this very write, whose answer was lost).
        """

    def replace(
        self,
        bucket: str,
        name: str,
        data: bytes,
        *,
        generation: int,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Overwrite exactly this generation; return the new one.

        Raises:
            ChangedError: another generation is live, or none.
        """

    def stat(self, bucket: str, name: str) -> ObjectInfo | None:
        """Describe the live object, or None."""

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        """Read an object, verified against its stored checksum.

        Raises:
            NotFoundError: it does not exist, or not in this generation.
            PermanentError: `too_many_bytes`; nothing beyond the cap was kept.
        """

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        """Read the first bytes of an object, at most so many; unverified, for checksums are those of the whole.

        Raises:
            NotFoundError: it does not exist, or not in this generation.
        """

    def delete(self, bucket: str, name: str, *, generation: int | None = None) -> None:
        """Delete the live object (or exactly this generation); deleting what is gone is no error."""

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of all live objects below a prefix, in byte order."""

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield every live object below a prefix, its name and what `stat` would tell, in byte order, page by page.

        Nothing is asked before the first is wanted, and no more than a page is ever held. Only names above
        `start_after` and below `end_before` are listed. After an error, go on with the last name as `start_after`.
        What is written or deleted meanwhile may be seen or not.
        """

    def list_folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders right below a prefix, such as `v1/` below ``, each as a whole prefix, in byte order."""


@dataclass(frozen=True, slots=True)
class Message:
    """One Pub/Sub message to publish."""

    data: bytes
    attributes: Mapping[str, str]


class Publisher(Protocol):
    """A topic's sending end."""

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish and wait until the service has stored every message. `topic` is `projects/P/topics/T`."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An uploaded file of the Files API; `name` is `files/ID`."""

    name: str
    uri: str
    mime_type: str
    state: Literal["PROCESSING", "ACTIVE", "FAILED"]


class VisionModel(Protocol):
    """The Gemini API: one call each, no retries inside."""

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the raw reply, parsed as JSON and otherwise untouched.

        Raises:
            ModelRejectedError: the request can never succeed (bad field, unreadable image, retired model).
            FileUnavailableError: a referenced file has expired or belongs to someone else.
        """

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:
        """Upload bytes under a name of our own, `files/ID`.

        Raises:
            AlreadyExistsError: a file has this name already.
        """

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:
        """Describe an uploaded file, or None where it is gone, expired or not ours."""

    def delete_file(self, name: str, *, timeout_s: float) -> None:
        """Delete an uploaded file; deleting what is gone is no error."""

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:
        """Make a file of an object in Cloud Storage (`gs://…`) that the service reads from there itself.

        Raises:
            FileUnavailableError: the service may not read it, or it is gone.
        """


class BatchService(Protocol):
    """Gemini's batch jobs: one call each, no retries inside."""

    def create(
        self, *, model: str, source: str, destination: str | None, display_name: str, timeout_s: float
    ) -> BatchJob:
        """Begin a job of the lines in `source`: `files/ID`, or a `gs://` object whose answers go below `destination`.

        Raises:
            ModelRejectedError: the service takes no such job.
            RefusedError: it made none now; every other TransientError leaves open whether it did.
        """

    def find(self, display_name: str, *, timeout_s: float) -> Sequence[BatchJob]:
        """Return all jobs of this name that the service knows."""

    def get(self, name: str, *, timeout_s: float) -> BatchJob | None:
        """Describe a job, or None where the service knows it no more."""

    def cancel(self, name: str, *, timeout_s: float) -> None:
        """End a job early; one that has ended, or is gone, is no error."""

    def download(self, name: str, *, timeout_s: float) -> bytes | None:
        """Return a file of answers, `files/ID`, or None where it has expired."""


class ImageFetcher(Protocol):
    """The web, as far as it may be fetched for somebody who is not trusted."""

    def fetch(self, url: str, *, max_bytes: int, timeout_s: float) -> bytes:
        """Return what lies at an address; it need not be an image.

        Raises:
            PermanentError: it must not be fetched, is too large, or the server refuses it.
        """


class Clock(Protocol):
    """Time on this machine: for deadlines, waits and timings only, never to compare with a server's."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment."""

    def now_iso(self) -> str:
        """The time of day, UTC, as RFC 3339 with milliseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            TransientError: this instance is stopping.
        """
