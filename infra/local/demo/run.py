"""The demo's story: upload, duplicate one event, wait for every result, judge and show them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local import activity, interrupts, resources, topology
from infra.local.demo import completeness, show, subscriber
from infra.local.demo.choosing import content_type
from infra.local.demo.collect import Collector, Outcome, Place, fetcher
from infra.local.demo.failed_deliveries import FailedDeliveries
from infra.local.demo.interrupted_run import let_finish
from infra.local.demo.overview import write_overview
from infra.local.demo.progress import MOST_LINES, QUIET_S, Display, quiet_words
from infra.local.process import ServiceError
from shared.core.events.envelopes import format_image_event, parse_image_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from google.cloud import storage
    from rich.console import Console

    from infra.local.demo.answers import Answers
    from infra.local.demo.planned import Upload
    from infra.local.demo.progress import Bar
    from infra.local.demo.resume import Work
    from infra.local.stack import Stack

_DUPLICATE_OF = "detect"
_IMAGE_EVENTS = topology.topic_path(topology.IMAGE_EVENTS)
_POLL_S = 1.0
_TOLD_ALWAYS = frozenset({"failed", "held"})


@dataclass(frozen=True, slots=True)
class Demo:
    """One run: what to upload and expect, where answers are kept and laid out, and how long silence may last."""

    work: Work
    answers: Answers
    state_dir: Path
    timeout_s: float
    run: str
    interrupted: threading.Event = field(default_factory=threading.Event)
    """Set as soon as a signal asks the command to end."""
    paid: bool = False
    """Whether calls cost money. If not, one event is delivered twice, as Pub/Sub itself may."""


def run(demo: Demo, stack: Stack | None, console: Console) -> bool:
    """Send what is to be asked through the stack; show everything, and return whether every image has its results.

    `stack` is None where there is nothing to ask.

    Raises:
        ServiceError: a part of the stack has died.
    """
    results_dir = demo.state_dir / "results"
    shutil.rmtree(results_dir, ignore_errors=True)  # laid out anew below; the answers themselves lie elsewhere
    collector = Collector(demo.work.uploads, demo.answers, results_dir)
    for name, task, kept in demo.work.kept:
        collector.take_earlier(name, task, kept)
    if stack is not None:
        _ask(demo, stack, collector, console)
    outcomes = list(collector.outcomes.values())
    return _tell(demo, outcomes, console, gemini=stack.endpoints.gemini if stack else None)


def _ask(demo: Demo, stack: Stack, collector: Collector, console: Console) -> None:
    """Upload, and return when everything has come, or nothing more for too long."""
    pubsub = stack.endpoints.pubsub
    os.environ["PUBSUB_EMULATOR_HOST"] = pubsub  # the ordinary client, in its ordinary way
    client = resources.storage_client(stack.endpoints.storage)
    doubled = _to_duplicate(demo)
    asked = sum(len(upload.asked) for upload in demo.work.to_upload)
    generations: dict[str, int] = {}
    with Display(console) as display, collector.fetching(fetcher(client)):
        uploading = display.bar("uploads", len(demo.work.to_upload))
        arriving = display.bar("results", asked)

        def on_event(event: dict[str, Any]) -> None:
            if collector.take(event) and (asked <= MOST_LINES or event["status"] in _TOLD_ALWAYS):
                display.say(subscriber.describe(event))

        with (
            subscriber.events(topology.topic_path(topology.IMAGE_RESULTS), on_event),
            subscriber.events(_IMAGE_EVENTS, _duplicator(pubsub, doubled)),
        ):
            try:
                for upload in demo.work.to_upload:
                    interrupts.raise_if(demo.interrupted)
                    generations[upload.name] = _upload(upload, client)
                    collector.seen()
                    uploading.show(len(generations))
                _await(demo, stack, collector, display=display, arriving=arriving, doubled=doubled)
            except KeyboardInterrupt:
                if demo.paid:
                    let_finish(
                        collector,
                        client,
                        display,
                        entrance=stack.entrance,
                        generations=generations,
                        run=demo.run,
                        timeout_s=demo.timeout_s,
                    )
                raise


def _await(
    demo: Demo, stack: Stack, collector: Collector, *, display: Display, arriving: Bar, doubled: Place | None
) -> None:
    """Return when nothing is missing, or when there has been no progress for as long as the time limit says."""
    failed_deliveries = FailedDeliveries(demo.state_dir / activity.FILE)
    while (missing := collector.missing()) or (doubled and not collector.told_again(doubled)):
        interrupts.raise_if(demo.interrupted)
        arriving.show(arriving.total - len(missing))
        quiet_s = collector.quiet_s()
        failed = failed_deliveries.since_progress(quiet_s)
        if quiet_s > demo.timeout_s:
            return
        if (dead := stack.dead()) is not None:
            raise ServiceError(f"{dead.name} has died. Its last words:\n{dead.tail()}")
        if quiet_s > QUIET_S:
            display.waiting(quiet_words(quiet_s, demo.timeout_s, missing, display.width, failed=failed))
        collector.wait(_POLL_S)
    arriving.show(arriving.total)


def _upload(upload: Upload, client: storage.Client) -> int:
    blob = client.bucket(topology.UPLOADS).blob(upload.name)
    blob.metadata = dict(upload.metadata)
    blob.upload_from_filename(str(upload.sample.path), content_type=content_type(upload.name))
    return int(blob.generation)


def _to_duplicate(demo: Demo) -> Place | None:
    """Return the image and task whose event is delivered twice, if one is."""
    places = ((upload.name, each.task) for upload in demo.work.to_upload for each in upload.asked)
    return None if demo.paid else next((place for place in places if place[1] == _DUPLICATE_OF), None)


def _duplicator(pubsub: str, doubled: Place | None) -> Callable[[dict[str, Any]], None]:
    """Return a receiver that publishes one image event a second time, as Pub/Sub itself may."""
    left = [doubled]

    def on_event(event: dict[str, Any]) -> None:
        parsed = parse_image_event(json.dumps(event).encode())
        if any((parsed.source.name, task) in left for task in parsed.tasks):
            left.clear()
            message = format_image_event(parsed)
            again = {"data": message.data, "attributes": dict(message.attributes)}
            resources.publisher(pubsub).publish(topic=_IMAGE_EVENTS, messages=[again])

    return on_event


def _tell(demo: Demo, outcomes: Sequence[Outcome], console: Console, *, gemini: str | None) -> bool:
    samples = {upload.name: upload.sample for upload in demo.work.uploads}
    problems = completeness.problems(samples, outcomes)
    troubled = {place for place, _ in problems}
    first = sorted(outcomes, key=lambda each: f"{each.object_name}, {each.task}" not in troubled)
    console.print()
    for table in show.results(outcomes if len(outcomes) <= show.MOST_ROWS else first, console.width):
        console.print(table)
        console.print()
    _tell_of_repeats(outcomes, console, doubled=_to_duplicate(demo))
    _tell_of_calls(gemini, outcomes, console)
    for line in show.problem_lines(problems, console.width):
        show.say(console, line, style="red", indent="    ")
    _tell_of_files(outcomes, demo.state_dir, console)
    return not problems


def _tell_of_repeats(outcomes: Sequence[Outcome], console: Console, *, doubled: Place | None) -> None:
    """Tell of one image and task whose event came again: the one that was doubled here, or one of Pub/Sub's choice."""
    again = [each for each in outcomes if each.told_again]
    ours = [each for each in again if (each.object_name, each.task) == doubled]
    for outcome in (ours or again)[:1]:
        times = f"{len(outcome.event_ids)} result events tell of one result."
        show.say(console, f"{outcome.object_name}, {outcome.task}: its event was delivered again; {times}")


def _tell_of_calls(gemini: str | None, outcomes: Sequence[Outcome], console: Console) -> None:
    if gemini is None:
        return
    with urllib.request.urlopen(f"{gemini}/_control/calls", timeout=10) as reply:  # noqa: S310 - our own emulator
        calls = json.load(reply)["total"]
    asked = sum(1 for each in outcomes if each.document and each.document["usage"] and not each.earlier)
    show.say(console, f"Gemini emulator: {calls} calls for {asked} answers; duplicates cost nothing.")


def _tell_of_files(outcomes: Sequence[Outcome], state_dir: Path, console: Console) -> None:
    pictures = [outcome.overlay for outcome in outcomes if outcome.overlay and outcome.task == "segment"]
    sheets = write_overview(pictures, state_dir)
    show.write_all(outcomes, state_dir / "results.txt")
    show.say(console, f"Results: {show.near(state_dir / 'results')}")
    show.say(console, f"Every line of them, in full width: {show.near(state_dir / 'results.txt')}")
    if sheets:
        counted = "one picture" if len(sheets) == 1 else f"{len(sheets)} pictures"
        more = f" to {sheets[-1].name}" if len(sheets) > 1 else ""
        show.say(console, f"Masks in {counted}: {show.near(sheets[0])}{more}")
