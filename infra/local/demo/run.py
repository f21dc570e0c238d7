"""The demo's story: upload, duplicate one event, wait for every result, judge and show them."""

from __future__ import annotations

import json
import mimetypes
import os
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from infra.local import resources, topology
from infra.local.demo import show, subscriber
from infra.local.demo.collect import Collector, Outcome, fetch
from infra.local.demo.samples import Sample, make_manifest, make_samples, own_images
from shared.core.events.envelopes import format_image_event, parse_image_event
from shared.core.events.manifest import is_manifest
from shared.core.planning.plan import looks_like_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from infra.local.stack import Stack

_DUPLICATE_OF = "detect"
_IMAGE_EVENTS = topology.topic_path(topology.IMAGE_EVENTS)


@dataclass(frozen=True, slots=True)
class Uploads:
    """What is uploaded: samples by object name, in order."""

    samples: dict[str, Sample]


def prepare(images: Path | None, state_dir: Path, console: Console, *, web: str) -> Uploads:
    """Choose the files to upload and their object names; manifests last, behind what they name.

    `web` is where the sample pictures can be fetched, too.

    Raises:
        FileNotFoundError: no image is where the person said, or none would stay there.
    """
    if images is None:
        folder = state_dir / "samples"
        made = [*make_samples(folder), make_manifest(folder, web=web)]
        return Uploads({sample.path.name: sample for sample in made})
    paths = own_images(images)
    root = images if images.is_dir() else images.parent
    named = {path.relative_to(root).as_posix(): path for path in paths}
    chosen = {name: path for name, path in named.items() if _is_wanted(name, path)}
    for name in sorted(named.keys() - chosen.keys()):
        console.print(f"  left out, no image by its name: {name}")
    if not chosen:
        raise FileNotFoundError(f"IMAGES: none of the {len(named)} files in {images} looks like an image")
    results = (state_dir / "results").resolve()
    if any(path.resolve().is_relative_to(results) for path in chosen.values()):
        raise FileNotFoundError(
            f"IMAGES: {images} holds the last demo's results, which are deleted now: copy them first"
        )
    return Uploads({name: Sample(chosen[name], "yours") for name in sorted(chosen, key=is_manifest)})


def _is_wanted(name: str, path: Path) -> bool:
    return is_manifest(name) or looks_like_image(name, _content_type(path))


def run(uploads: Uploads, stack: Stack, state_dir: Path, *, timeout_s: float, console: Console) -> bool:
    """Send everything through the stack; return whether every image has its results."""
    endpoints = stack.endpoints
    os.environ["PUBSUB_EMULATOR_HOST"] = endpoints.pubsub  # the ordinary client, in its ordinary way
    order = {name: number for number, name in enumerate(uploads.samples, 1)}
    collector = Collector(order)
    client = resources.storage_client(endpoints.storage)
    expected = sum(len(sample.tasks) for sample in uploads.samples.values())
    with _progress(console) as progress:
        bar = progress.add_task("results", total=expected)

        def on_event(event: dict[str, Any]) -> None:
            collector.take(event)
            progress.update(bar, completed=len(collector.outcomes))
            progress.console.print(f"  {subscriber.describe(event)}", soft_wrap=True)

        with (
            subscriber.events(topology.topic_path(topology.IMAGE_RESULTS), on_event),
            subscriber.events(_IMAGE_EVENTS, _duplicator(endpoints.pubsub, next(iter(order)))),
        ):
            for name, sample in uploads.samples.items():
                blob = client.bucket(topology.UPLOADS).blob(name)
                blob.metadata = dict(sample.metadata)
                blob.upload_from_filename(str(sample.path), content_type=_content_type(sample.path))
            complete = collector.wait(expected, events=expected + 1, timeout_s=timeout_s)
    outcomes = collector.ordered()
    for outcome in outcomes:
        fetch(outcome, client, state_dir / "results", number=order[outcome.object_name])
    console.print(show.table(outcomes, state_dir / "results"))
    _tell_of_calls(endpoints.gemini, outcomes, console)
    _overview(outcomes, state_dir, console)
    return _judge(uploads, outcomes, console) and complete


def _duplicator(pubsub: str, object_name: str) -> Callable[[dict[str, Any]], None]:
    """Return a receiver that publishes one image event a second time, as Pub/Sub itself may."""
    left = [object_name]

    def on_event(event: dict[str, Any]) -> None:
        if event["task"] == _DUPLICATE_OF and event["source"]["name"] in left:
            left.clear()
            message = format_image_event(parse_image_event(json.dumps(event).encode()))
            again = {"data": message.data, "attributes": dict(message.attributes)}
            resources.publisher(pubsub).publish(topic=_IMAGE_EVENTS, messages=[again])

    return on_event


def _judge(uploads: Uploads, outcomes: list[Outcome], console: Console) -> bool:
    problems = []
    there = {(outcome.object_name, outcome.task): outcome for outcome in outcomes}
    for name, sample in uploads.samples.items():
        for task in sample.tasks:
            outcome = there.get((name, task))
            problem = "no result arrived" if outcome is None else _problem(outcome, sample)
            if problem:
                problems.append(f"{name}, {task}: {problem}")
    for text in problems:
        console.print(Text.assemble(("!", "red"), f" {text}"))
    return not problems


def _problem(outcome: Outcome, sample: Sample) -> str | None:
    failed = outcome.document["status"] == "failed"
    if outcome.document["status"] == "held":
        return f"held: {outcome.document['error']['message']}"
    if outcome.problem:
        return f"the document does not fit its schema: {outcome.problem}"
    if len(set(outcome.event_ids)) != 1:
        return f"{len(set(outcome.event_ids))} different results for one image and task"
    if failed and not sample.fails:
        return f"failed: {outcome.document['error']['message']}"
    return "it should have failed" if sample.fails and not failed else None


def _tell_of_calls(gemini: str | None, outcomes: list[Outcome], console: Console) -> None:
    doubled = [outcome for outcome in outcomes if len(outcome.event_ids) > 1]
    for outcome in doubled:
        console.print(
            f"{outcome.object_name}, {outcome.task}: the event was delivered twice,"
            f" {len(outcome.event_ids)} result events tell of one result (same id)."
        )
    if gemini is None:
        return
    with urllib.request.urlopen(f"{gemini}/_control/calls", timeout=10) as reply:  # noqa: S310 - our own emulator
        calls = json.load(reply)["total"]
    asked = sum(1 for outcome in outcomes if outcome.document["usage"])
    console.print(f"Gemini emulator: {calls} calls for {asked} answered image tasks; duplicates cost nothing.")


def _overview(outcomes: list[Outcome], state_dir: Path, console: Console) -> None:
    pictures = [outcome.overlay for outcome in outcomes if outcome.overlay and outcome.task == "segment"]
    if pictures:
        target = state_dir / "overview.jpg"
        show.overview(pictures, target)
        console.print(f"All masks in one picture: {target}")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _content_type(path: Path) -> str:
    guessed = mimetypes.guess_type(path.name)[0]
    return guessed or {".heic": "image/heic", ".heif": "image/heif", ".webp": "image/webp"}.get(
        path.suffix.lower(), "application/octet-stream"
    )
