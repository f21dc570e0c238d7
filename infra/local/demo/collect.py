"""What the demo learns about every image and task, and what it fetches to the laptop's disk."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local import topology
from infra.local.held import why
from shared.core.results import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.cloud import storage


@dataclass(slots=True)
class Outcome:
    """One image and task: its document, the events that told of it, and the local copies."""

    object_name: str
    task: str
    document: dict[str, Any] = field(default_factory=dict)
    event_ids: list[str] = field(default_factory=list)
    problem: str | None = None
    path: Path | None = None
    overlay: Path | None = None


class Collector:
    """Waits for results, from the subscriber's thread, and keeps count."""

    def __init__(self, wanted: Mapping[str, int]) -> None:
        """`wanted` maps each object name to its place in the upload order."""
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self._wanted = wanted
        self._changed = threading.Condition()

    def take(self, event: dict[str, Any]) -> None:
        """Note one result event."""
        name, task = event["source"]["name"], event["task"]
        if name not in self._wanted:
            return
        with self._changed:
            outcome = self.outcomes.setdefault((name, task), Outcome(name, task))
            outcome.event_ids.append(event["id"])
            if event["result"]:
                outcome.document = {"uri": event["result"]}
            elif not outcome.document:
                outcome.document = {"held": event["error"], "until": event["until"]}
            self._changed.notify_all()

    def wait(self, count: int, *, events: int, timeout_s: float) -> bool:
        """Return whether `count` image-task pairs, and `events` events in all, have arrived within this time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._complete(count, events), timeout_s)

    def _complete(self, count: int, events: int) -> bool:
        told = sum(len(outcome.event_ids) for outcome in self.outcomes.values())
        return len(self.outcomes) >= count and told >= events

    def ordered(self) -> list[Outcome]:
        """Return what has arrived, in the order of the uploads."""
        return sorted(self.outcomes.values(), key=lambda outcome: (self._wanted[outcome.object_name], outcome.task))


def fetch(outcome: Outcome, client: storage.Client, folder: Path, *, number: int) -> None:
    """Download a result document with its files, and validate it against the schema."""
    if "held" in outcome.document:
        outcome.document = _held(**outcome.document)
        return
    name = outcome.document["uri"].removeprefix(f"gs://{topology.RESULTS}/")
    bucket = client.bucket(topology.RESULTS)
    document = json.loads(bucket.blob(name).download_as_bytes())
    outcome.document = document
    outcome.problem = schemas.problem(document)
    place = folder / f"{number:02d}-{_slug(outcome.object_name)}"
    place.mkdir(parents=True, exist_ok=True)
    outcome.path = place / f"{outcome.task}.json"
    outcome.path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    for file in document["files"]:
        target = place / f"{outcome.task}-{file['name'].rpartition('/')[2]}"
        bucket.blob(file["name"]).download_to_filename(str(target))
        if file["content_type"] == "image/jpeg":
            outcome.overlay = target


def _held(*, held: str, until: str) -> dict[str, Any]:
    """Return what stands for the document of an event that is still held."""
    message = f"Parked until {until}: {why(held)}."
    error = {"code": held, "message": message}
    return {"status": "held", "transport": None, "usage": None, "error": error, "files": [], "warnings": []}


def _slug(name: str) -> str:
    """A file name that every system takes, still readable."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.UNICODE).strip("-.")[:60] or "image"
