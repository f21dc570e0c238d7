"""Everything that the variants of one benchmark share: emulators, functions, events; and what is measured with them."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from infra.bench.floor import peers, pushes
from infra.bench.floor.instance import Instance
from infra.bench.inputs import SMALL, reply_name
from infra.bench.model import Sample
from infra.emulators import Fault
from infra.local import resources, topology
from infra.local.process import ROOT
from shared.core import jsontext, naming
from shared.core.events.envelopes import ImageEvent, format_image_event
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.bench.floor.pushes import Push
    from infra.bench.model import Facts, Variant

Side = Literal["ours", "bare"]

BARE: Final = Path(__file__).with_name("bare.py")
GENERATE: Final = "models.generateContent"
QUESTION: Final = "What is in the cup?"
_HOLD_S: Final = 600.0
_RULES: Final = 'defaults.tasks = ["caption"]\n'
_TEXTS: Final = {
    "caption": {"caption": "A cup of coffee on a wooden table, seen from above."},
    "classify": {"labels": [{"label": "cup", "score": 0.9}]},
    "read": {"items": []},
    "ask": {"answer": "Coffee."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much one measurement does: events in turn, `slots` x `rounds` at once, uploads; the slow model's seconds."""

    events: int = 30
    slots: int = 80
    rounds: int = 2
    latency_s: float = 2.0
    uploads: int = 20


class Stage:
    """A context manager. Functions are started when they are first wanted, and are stopped at its end.

    `root` is the checkout whose functions are `ours`: this one, or an earlier one to compare with.
    """

    def __init__(self, folder: Path, *, size: Size | None = None) -> None:
        self.size = size or Size()
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._instances: dict[tuple[Side, str], Instance] = {}
        self._sources: dict[str, Source] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        self._runs = itertools.count(1)
        self._wired: set[Side] = set()

    def __enter__(self) -> Self:
        try:
            self.peers = self._stack.enter_context(peers.started(self._folder))
            (self._folder / "rules.toml").write_text(_RULES, encoding="utf-8")
            self._subscriber = resources.subscriber(self.peers.endpoints.pubsub)
            self._objects = resources.storage_client(self.peers.endpoints.storage)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, variant: Variant) -> Sample:
        """Measure one variant: it names a method, and as its argument a side and a function."""
        side, _, function = variant.argument.partition(" ")
        method: Callable[[str, str], Sample] = getattr(self, variant.run)
        return method(side, function)

    def begin(self, side: Side, function: str, *, root: Path = ROOT, threads: int | None = None) -> Instance:
        """Start a function; whoever asks stops it."""
        bare = side == "bare"
        if bare:
            self._tell_bare(function)
        return Instance(
            ("worker" if function in TASKS else function) if bare else function,
            source=str(BARE if bare else root / "main.py"),
            root=root,
            environ=self._environ(side),
            threads=threads or self.size.slots,
        )

    def events(self, task: str, number: int) -> list[Push]:
        """Return pushes of image events about one upload, each in a run of its own."""
        event = self._event(task)
        runs = (f"b{next(self._runs):06d}" for _ in range(number))
        made = (format_image_event(replace(event, run=run)) for run in runs)
        return [pushes.message(each.data, each.attributes) for each in made]

    def first_push(self, side: Side, function: str) -> Push:
        """Return an event that a function gets as its first."""
        if function in TASKS:
            [push] = self.events(function, 1)
            return push
        if function == "dead_letter":
            return self.events("caption", 1)[0]
        if function == "release":
            return pushes.message(b"tick", {})
        kind = "finalized" if function == "ingest" else "deleted"
        return pushes.storage_event(kind, self._upload(topology.UPLOADS if side == "ours" else peers.BARE_UPLOADS))

    def alone(self, side: Side, task: str) -> Sample:
        """Measure events that come one after another, from a model that answers at once."""
        return self._measured(side, task, self.size.events, at_once=1)

    def together(self, side: Side, task: str) -> Sample:
        """Measure as many events at once as there are slots, from a model that takes its time."""
        instance = self._instance(side, task)
        instance.forget_peak()
        with self._model(Fault("latency", operation=GENERATE, seconds=self.size.latency_s, times=0)):
            return self._measured(side, task, self.size.slots * self.size.rounds, at_once=self.size.slots)

    def upload(self, side: Side, _: str) -> Sample:
        """Measure uploads to an idle stack until their result events come, from a model that answers at once."""
        self._wire(side)
        instances = [self._instance(side, each) for each in ("ingest", "caption")]
        with self._inbox(side) as inbox:
            self._told_of_upload(side, inbox)  # the first one opens connections
            cpu_s = sum(each.cpu_s() for each in instances)
            took_ms = sorted(self._told_of_upload(side, inbox) for _ in range(self.size.uploads))
            cpu_s = sum(each.cpu_s() for each in instances) - cpu_s
        facts = {"uploads": len(took_ms), "worst_ms": round(took_ms[-1])}
        peak_mb = max(each.peak_mb() for each in instances)
        return Sample(median(took_ms), cpu_s * 1000 / len(took_ms), None, peak_mb, facts)

    def start(self, side: Side, function: str, *, root: Path = ROOT) -> Sample:
        """Measure a function from the start of its process until its first event has brought it to the model.

        A function that asks no model is measured until it has done its first event.
        """
        self._instance("ours", "caption")  # compiles what all of them import, off the record
        push = self.first_push(side, function)
        if side == "bare":
            self._tell_bare(function)
        begun_s = time.monotonic()
        with self.begin(side, function, root=root) as instance:
            if function not in TASKS:
                pushes.post(instance.port, [push])
                return self._started(instance, begun_s)
            with self._model(Fault("hold", operation=GENERATE, seconds=_HOLD_S, times=1)) as rule:
                posting = pushes.Posting(instance.port, push)
                peers.wait_for(lambda: posting.ended() or peers.hits(self.peers.gemini, rule), "a call of the model")
                asked = not posting.ended()
                sample = self._started(instance, begun_s)
            posting.wait()
            if not asked:
                raise RuntimeError(f"Expected {function} to ask the model, found none:\n{instance.said()}")
            return sample

    @staticmethod
    def _started(instance: Instance, begun_s: float) -> Sample:
        return Sample((time.monotonic() - begun_s) * 1000, instance.cpu_s() * 1000, None, instance.peak_mb())

    def _measured(self, side: Side, task: str, number: int, *, at_once: int) -> Sample:
        instance = self._instance(side, task)
        events = self.events(task, number)
        peers.forget_calls(self.peers)
        before = self.peers.counts()
        cpu_s, wall_s = instance.cpu_s(), time.perf_counter()
        pushes.post(instance.port, events, at_once=at_once)
        wall_s, cpu_s = time.perf_counter() - wall_s, instance.cpu_s() - cpu_s
        facts = _made(before, self.peers.counts(), number)
        return Sample(wall_s * 1000 / number, cpu_s * 1000 / number, None, instance.peak_mb(), facts)

    def _instance(self, side: Side, function: str) -> Instance:
        """Return a function that lives as long as the stage, and has done an event."""
        found = self._instances.get((side, function))
        if found is None:
            found = self._stack.enter_context(self.begin(side, function))
            self._instances[side, function] = found
            pushes.post(found.port, [self.first_push(side, function)])
        return found

    @contextlib.contextmanager
    def _model(self, fault: Fault) -> Iterator[int]:
        rule = self.peers.gemini.add(fault)
        try:
            yield rule
        finally:
            self.peers.gemini.remove(rule)

    def _environ(self, side: Side) -> dict[str, str]:
        found = {**self.peers.environ, **self.peers.endpoints.function_env(), "LOG_FORMAT": "json"}
        found["UPLOAD_BUCKETS"] = f"{topology.UPLOADS},{peers.SILENT_UPLOADS}"
        found |= {"RULES_FILE": str(self._folder / "rules.toml"), "BARE_REQUESTS": str(self._folder / "bare.json")}
        if side == "bare":
            found |= {
                "IMAGE_TOPIC": topology.topic_path(peers.BARE_IMAGES),
                "RESULT_TOPIC": topology.topic_path(peers.BARE_RESULTS),
            }
        return found

    def _event(self, task: str) -> ImageEvent:
        if task not in self._sources:
            data = self._picture(task)
            self._answer(task, data)
            told = self._put(peers.SILENT_UPLOADS, f"{task}.jpg", data)
            self._sources[task] = Source(
                told["bucket"], told["name"], int(told["generation"]), len(data), "image/jpeg", jsontext.crc32c(data)
            )
        choices = Choices() if task != "ask" else Choices(for_all=replace(Choices().for_all, question=QUESTION))
        settings = plan.resolve_settings(task, choices)
        return ImageEvent(self._sources[task], task, settings, "v1")

    def _picture(self, task: str) -> bytes:
        """Return the small picture, another file for each task, so that each has an answer of its own."""
        data = (self._folder / SMALL).read_bytes()
        comment = f"for {task}".encode()
        return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]

    def _answer(self, task: str, data: bytes) -> None:
        small = (self._folder / reply_name("small")).read_text(encoding="utf-8")
        text = json.dumps(_TEXTS[task]) if task in _TEXTS else small
        rule = {"image_sha256": hashlib.sha256(data).hexdigest(), "text": text}
        self.peers.gemini.call("POST", "/_control/replies", rule)

    def _put(self, bucket: str, name: str, data: bytes) -> dict[str, Any]:
        blob = self._objects.bucket(bucket).blob(name)
        blob.upload_from_string(data, content_type="image/jpeg")
        return cast("dict[str, Any]", blob._properties)  # noqa: SLF001 - the resource, as the service said it

    def _upload(self, bucket: str) -> dict[str, Any]:
        return self._put(bucket, f"upload-{next(self._runs)}.jpg", self._picture("caption"))

    def _tell_bare(self, function: str) -> None:
        """Write down what Uplook's worker asked about an event, and how large the files were that it made of it."""
        task = function if function in TASKS else "caption"
        if task in self._asked:
            return
        event = self._event(task)
        asked = request_for(event)
        self._asked[task] = {
            "model": asked.model,
            "prompt": asked.prompt,
            "schema": asked.schema,
            "thinking_level": asked.thinking_level,
            "max_output_tokens": asked.max_output_tokens,
            "file_bytes": self._file_bytes(task),
        }
        (self._folder / "bare.json").write_text(json.dumps(self._asked), encoding="utf-8")

    def _file_bytes(self, task: str) -> list[int]:
        run = f"f{next(self._runs):06d}"
        event = replace(self._event(task), run=run)
        made = format_image_event(event)
        pushes.post(self._instance("ours", task).port, [pushes.message(made.data, made.attributes)])
        result = naming.paths(event.source, run=run, task=task).result
        found = self._objects.list_blobs(topology.RESULTS, prefix=result.rpartition("/")[0])
        return [blob.size for blob in found if blob.name != result]

    def _wire(self, side: Side) -> None:
        """Have Pub/Sub push uploads and image events to the functions of a side."""
        if side in self._wired:
            return
        self._wired.add(side)
        uploads, images = (
            (topology.UPLOAD_EVENTS, topology.IMAGE_EVENTS)
            if side == "ours"
            else (peers.BARE_EVENTS, peers.BARE_IMAGES)
        )
        for topic, function, path in ((uploads, "ingest", resources.AS_CLOUD_EVENTS), (images, "caption", "")):
            self._subscriber.create_subscription(
                name=topology.subscription_path(f"{function}-{side}"),
                topic=topology.topic_path(topic),
                push_config={"push_endpoint": f"http://127.0.0.1:{self._instance(side, function).port}/{path}"},
                ack_deadline_seconds=topology.ACK_DEADLINE_S,
            )

    @contextlib.contextmanager
    def _inbox(self, side: Side) -> Iterator[str]:
        """Yield a subscription to the result events of a side, from now on."""
        name = topology.subscription_path(f"inbox-{side}")
        topic = topology.IMAGE_RESULTS if side == "ours" else peers.BARE_RESULTS
        self._subscriber.create_subscription(name=name, topic=topology.topic_path(topic))
        try:
            yield name
        finally:
            self._subscriber.delete_subscription(subscription=name)

    def _told_of_upload(self, side: Side, inbox: str) -> float:
        """Upload a picture, and return after how many milliseconds its result was announced."""
        began_s = time.perf_counter()
        self._upload(topology.UPLOADS if side == "ours" else peers.BARE_UPLOADS)
        pulled = self._subscriber.pull(subscription=inbox, max_messages=10, timeout=peers.START_TIMEOUT_S)
        took_ms = (time.perf_counter() - began_s) * 1000
        if len(pulled.received_messages) != 1:
            raise RuntimeError(f"Expected one result of an upload, found {len(pulled.received_messages)}.")
        self._subscriber.acknowledge(subscription=inbox, ack_ids=[each.ack_id for each in pulled.received_messages])
        return took_ms


def _made(before: Mapping[str, int], after: Mapping[str, int], events: int) -> Facts:
    """Return what so many events asked for."""
    made = {name: count - before.get(name, 0) for name, count in after.items()}
    return {"events": events, **{name: count for name, count in made.items() if count}}
