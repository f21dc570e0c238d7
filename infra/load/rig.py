"""Runs a load against a stack of its own: uploads at the drawn moments, and looks at everything meanwhile."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from google.pubsub_v1.types import Subscription

from infra.emulators import Control, Fault
from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes
from infra.load import usage
from infra.load.arrivals import in_turn
from infra.load.calibration import LOAD
from infra.load.measured import Delivery, Fate, Run, Sample
from infra.load.pictures import picture
from infra.local import activity, endpoints, resources, topology
from infra.local.pulled import pulled
from infra.local.stack import Options, Stack
from shared.config import Settings
from shared.core.planning.rules import parse_rules

if TYPE_CHECKING:
    from infra.local.activity import Activity

LISTENER: Final = topology.subscription_path("load-listener")
CALLS_PER_DAY: Final = 10_000_000
_GENERATE: Final = "models.generateContent"
_ASKING, _RETRY = "asking", "a call failed and is tried again"
_UPLOADERS: Final = 8  # as many connections as a storage client keeps open
_EVERY_S: Final = 1.0
_PREFIX: Final = "load"
_FAILED, _HELD = "failed", "held"


class Rig:
    """A running stack with everything that looks at it; a context manager that leaves no process behind."""

    def __init__(self, state: Path, environ: Mapping[str, str]) -> None:
        """`environ` wins over what a load needs: the plain eyes, and a ceiling that is not reached."""
        needed = {EYES_VARIABLE: str(Eyes.CLASSICAL), "MAX_CALLS_PER_DAY": str(CALLS_PER_DAY)}
        self._state = state
        self._stack = Stack(
            Options(state), environ={**needed, **environ}, say=lambda _: None, on_line=lambda _, __: None
        )
        self._ended = contextlib.ExitStack()
        self._runs = 0
        rules = Path(environ.get("RULES_FILE") or Settings.rules_file)
        self._tasks = frozenset(parse_rules(rules.read_text(encoding="utf-8-sig")).defaults.tasks or ())

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            starting.enter_context(self._stack)
            found = self._stack.endpoints
            self._client = resources.storage_client(found.storage)
            self._subscriber = resources.subscriber(found.pubsub)
            self._pubsub = Control(str(found.pubsub_control))
            self._gemini = Control(str(found.gemini))
            state = endpoints.read(self._state)
            assert state is not None  # noqa: S101 - the stack has just written it
            self._leaders = dict(state.children)
            self._subscriber.create_subscription(
                request=Subscription(
                    name=LISTENER, topic=topology.topic_path(topology.IMAGE_RESULTS), ack_deadline_seconds=60
                )
            )
            self._tail = activity.Tail(self._state.resolve() / activity.FILE)
            self._ended = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def answer_in(self, spread: Sequence[tuple[float, float]], *, seed: int) -> None:
        """Have the model take so many seconds, each for its share of the calls."""
        self._gemini.clear()
        for number, (part, seconds) in enumerate(in_turn(spread)):
            self._gemini.add(Fault("latency", _GENERATE, times=0, share=part, seed=seed + number, seconds=seconds))

    def look(self, *, seconds: float) -> list[Sample]:
        """Return two samples with so much time between them, in which nothing is uploaded."""
        began_s = time.monotonic()
        first = self._sample(began_s, finished=0, base=None)
        time.sleep(seconds)
        return [first, self._sample(began_s, finished=0, base=None)]

    def cpu_s(self) -> dict[str, float]:
        """Return the seconds of CPU that each process has used since it began."""
        return {name: each.cpu_s for name, each in self._usage().items()}

    def run(self, arrivals: Sequence[float], *, patience_s: float) -> Run:
        """Upload at these moments; return when all have ended and nothing waits, or none did while patience lasted."""
        self._runs += 1
        prefix = f"{_PREFIX}-{self._runs}/"
        fates = {f"{prefix}{number:05}.jpg": moment for number, moment in enumerate(arrivals)}
        uploads = {name: Fate(name, moment) for name, moment in fates.items()}
        pictures = {name: picture(self._runs * 1_000_000 + number) for number, name in enumerate(uploads)}
        list(self._tail.read())  # of earlier runs
        base, wall_s, began_s = self._stats(), time.time(), time.monotonic()
        samples = [self._sample(began_s, finished=0, base=base)]
        heard = _Heard(uploads, self._tasks, began_s)
        with pulled(self._subscriber, LISTENER, heard.take), ThreadPoolExecutor(_UPLOADERS) as pool:
            sent: list[Future[None]] = []

            def submit(call: Callable[[], None]) -> None:
                sent.append(pool.submit(call))

            sending = threading.Thread(
                target=lambda: self._send(pictures, uploads, began_s=began_s, submit=submit), daemon=True
            )
            sending.start()
            samples += samples_until_over(
                lambda: self._sample(began_s, finished=heard.finished, base=base),
                unfinished=lambda: sending.is_alive() or heard.open > 0,
                given_up=lambda: time.monotonic() - max(heard.moved_s, began_s + arrivals[-1]) > patience_s,
            )
            for each in sent:
                each.result()  # an upload that failed is no load
        deliveries, retries = _read(self._tail.read(), prefix)
        return Run(wall_s, list(uploads.values()), samples, deliveries, retries)

    def _send(
        self,
        pictures: Mapping[str, bytes],
        uploads: Mapping[str, Fate],
        *,
        began_s: float,
        submit: Callable[[Callable[[], None]], None],
    ) -> None:
        bucket = self._client.bucket(topology.UPLOADS)
        for name, fate in uploads.items():
            time.sleep(max(0.0, began_s + fate.arrived_s - time.monotonic()))
            submit(partial(bucket.blob(name).upload_from_string, pictures[name], content_type="image/jpeg"))

    def _sample(self, began_s: float, *, finished: int, base: Mapping[str, Any] | None) -> Sample:
        stats, before = self._stats(), base or {}
        functions = {topology.subscription_path(each.name) for each in topology.SUBSCRIPTIONS}
        backlog = {
            name.rpartition("/")[2]: int(counts["backlog"])
            for name, counts in stats.items()
            if name in functions and counts["backlog"]
        }
        failed, dead = (
            sum(counts[what] - before.get(name, {}).get(what, 0) for name, counts in stats.items() if name in functions)
            for what in ("nacked", "dead_lettered")
        )
        return Sample(time.monotonic() - began_s, finished, backlog, failed, dead, self._usage())

    def _stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._pubsub.call("GET", "/_control/stats")["subscriptions"]
        return found

    def _usage(self) -> dict[str, usage.Usage]:
        return {LOAD: usage.of_self(), **usage.of_sessions(self._leaders)}


def samples_until_over(
    look: Callable[[], Sample],
    *,
    unfinished: Callable[[], bool],
    given_up: Callable[[], bool],
    pause_s: float = _EVERY_S,
) -> list[Sample]:
    """Return a sample after each pause. Unless given up, the last shows the end of everything, and nothing waiting."""
    samples: list[Sample] = []
    while True:
        time.sleep(pause_s)
        going_on = unfinished()  # asked before the look, which may miss what ends during it
        samples.append(look())
        if given_up() or not (going_on or samples[-1].backlog):
            return samples


class _Heard:
    """What the result events say: when the last one of each upload came."""

    def __init__(self, uploads: Mapping[str, Fate], tasks: frozenset[str], began_s: float) -> None:
        self._uploads = uploads
        self._tasks = tasks
        self._began_s = began_s
        self.finished = 0
        self.open = len(uploads)
        self.moved_s = began_s

    def take(self, data: bytes) -> None:
        """Take note of one result event."""
        document, now_s = json.loads(data), time.monotonic()
        fate = self._uploads.get(document["source"]["name"])
        if fate is None or document["task"] in fate.tasks or document["task"] not in self._tasks:
            return
        self.moved_s = now_s
        if document["status"] == _HELD:
            fate.held = True
        fate.failed |= document["status"] == _FAILED
        fate.tasks.add(document["task"])
        if fate.tasks >= self._tasks:
            if not fate.held and not fate.failed:
                fate.finished_s = now_s - self._began_s
                self.finished += 1
            self.open -= 1  # last: whoever sees nothing open may read the rest


def _read(lines: Iterator[Activity], prefix: str) -> tuple[list[Delivery], int]:
    """Return the deliveries of uploads below a prefix, in the order of their ends, and how many calls were retried."""
    open_: dict[tuple[str, str], tuple[float, float | None]] = {}
    deliveries, retries = [], 0
    for line in lines:
        if not line.name.startswith(prefix):
            continue
        key, at_s = (line.function, line.name), datetime.fromisoformat(line.at).timestamp()
        if line.what == activity.DELIVERED:
            open_[key] = (at_s, None)
        elif line.what == _ASKING and key in open_ and open_[key][1] is None:
            open_[key] = (open_[key][0], at_s)
        elif line.what == activity.ANSWERED and key in open_:
            came_s, asked_s = open_.pop(key)
            deliveries.append(Delivery(*key, came_s, asked_s, at_s, int(line.details["status"])))
        retries += line.what == _RETRY
    return deliveries, retries
