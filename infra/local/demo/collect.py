"""What the demo learns about every image and task: events as they arrive, and the answers they tell of."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from infra.local import topology
from infra.local.demo.answers import lay_out
from infra.viewer.park_reasons import why
from shared.core.results import schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from google.cloud import storage

    from infra.local.demo.answers import Answers, Kept
    from infra.local.demo.planned import Upload

_FETCHERS = 4
_OVERLAY = "/overlay.jpg"

Place: TypeAlias = tuple[str, str]
"""An image, by the name it was uploaded under, and a task."""


@dataclass(slots=True)
class Outcome:
    """One image and task: its document, the events that told of it, and the local copies.

    `document` is None until it is on this disk; `earlier`: it is an answer of an earlier run.
    """

    object_name: str
    task: str
    document: dict[str, Any] | None = None
    event_ids: list[str] = field(default_factory=list)
    problem: str | None = None
    path: Path | None = None
    overlay: Path | None = None
    earlier: bool = False

    @property
    def status(self) -> str:
        """The document's status, or `missing`."""
        return str(self.document["status"]) if self.document else "missing"

    @property
    def told_again(self) -> bool:
        """Whether more than one event told of it."""
        return len(self.event_ids) > 1


class Collector:
    """Takes result events from the subscriber's threads, fetches what they tell of at once, and keeps count."""

    def __init__(
        self,
        uploads: Sequence[Upload],
        answers: Answers,
        results_dir: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Every task of `uploads` gets an outcome, in order; answers are kept, and laid out in `results_dir`."""
        self.outcomes = {
            (upload.name, asked.task): Outcome(upload.name, asked.task) for upload in uploads for asked in upload.asked
        }
        self._clock, self._last_progress_s = clock, clock()
        self._keys = {(upload.name, asked.task): asked.key for upload in uploads for asked in upload.asked}
        self._places = {
            upload.name: results_dir / f"{number:02d}-{_slug(upload.name)}" for number, upload in enumerate(uploads, 1)
        }
        self._answers = answers
        self._fetching: set[Place] = set()
        self._changed = threading.Condition()
        self._submit: Callable[[Outcome, str], object] | None = None

    @contextlib.contextmanager
    def fetching(self, fetch: Callable[[str], Fetched]) -> Iterator[None]:
        """Read results at their `gs://` addresses by `fetch`; what has begun is finished: it may have been paid for."""
        with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="fetch") as pool:
            self._submit = lambda outcome, uri: pool.submit(self._bring, outcome, uri, fetch)
            yield

    def take_earlier(self, name: str, task: str, kept: Kept) -> None:
        """Note an answer of an earlier run."""
        outcome = self.outcomes[name, task]
        outcome.earlier = True
        outcome.event_ids.append(kept.document["id"])
        self._lay_out(outcome, kept)

    def take(self, event: dict[str, Any]) -> bool:
        """Note one result event; return whether it is the first of its image and task."""
        place = (event["source"]["name"], event["task"])
        with self._changed:
            outcome = self.outcomes.get(place)
            if outcome is None or outcome.earlier or self._submit is None:
                return False
            first = not outcome.event_ids
            outcome.event_ids.append(event["id"])
            if event["result"] and place not in self._fetching:
                self._fetching.add(place)
                self._submit(outcome, event["result"])
            elif not event["result"] and outcome.document is None and place not in self._fetching:
                outcome.document = _held(event["error"], event["until"])
            self._progress()
        return first

    def seen(self) -> None:
        """Note progress of another kind: an upload."""
        with self._changed:
            self._progress()

    def missing(self) -> list[Outcome]:
        """Return what is not there yet, in order."""
        with self._changed:
            return [each for each in self.outcomes.values() if each.document is None and each.problem is None]

    def told_again(self, place: Place) -> bool:
        """Return whether more than one event has told of this image and task."""
        with self._changed:
            return self.outcomes[place].told_again

    def quiet_s(self) -> float:
        """Return for how long there has been no progress."""
        return self._clock() - self._last_progress_s

    def wait(self, timeout_s: float) -> None:
        """Return after the next progress, or after this time."""
        with self._changed:
            self._changed.wait(timeout_s)

    def _progress(self) -> None:
        self._last_progress_s = self._clock()
        self._changed.notify_all()

    def _bring(self, outcome: Outcome, uri: str, fetch: Callable[[str], Fetched]) -> None:
        problem = None
        try:
            found = fetch(uri)
            kept = self._answers.keep(self._keys[outcome.object_name, outcome.task], found.document, found.download)
            self._lay_out(outcome, kept)
        except Exception as error:  # noqa: BLE001 - of another thread: it is told with the image it belongs to
            problem = f"its result {uri} could not be fetched: {error}"
        with self._changed:
            outcome.problem = outcome.problem or problem
            self._progress()

    def _lay_out(self, outcome: Outcome, kept: Kept) -> None:
        outcome.problem = schemas.problem(kept.document)
        place = self._places[outcome.object_name]
        paths = lay_out(kept, place, outcome.task)
        outcome.path = place / f"{outcome.task}.json"
        overlays = [paths[file["name"]] for file in kept.document["files"] if file["name"].endswith(_OVERLAY)]
        outcome.overlay = overlays[0] if overlays else None
        outcome.document = kept.document


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result document, and how to get its files."""

    document: dict[str, Any]
    download: Callable[[Mapping[str, Any], Path], None]


def fetcher(client: storage.Client) -> Callable[[str], Fetched]:
    """Return what reads results from the results bucket."""
    bucket = client.bucket(topology.RESULTS)

    def download(file: Mapping[str, Any], target: Path) -> None:
        bucket.blob(file["name"]).download_to_filename(str(target))

    def fetch(uri: str) -> Fetched:
        name = uri.removeprefix(f"gs://{topology.RESULTS}/")
        return Fetched(json.loads(bucket.blob(name).download_as_bytes()), download)

    return fetch


def _held(code: str, until: str) -> dict[str, Any]:
    """Return what stands for the document of an event that is still held."""
    message = f"Parked until {until}: {why(code)}."
    error = {"code": code, "message": message}
    return {"status": "held", "transport": None, "usage": None, "error": error, "files": [], "warnings": []}


def _slug(name: str) -> str:
    """A file name that every system takes, still readable."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.UNICODE).strip("-.")[:60] or "image"
