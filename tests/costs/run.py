"""Sample pictures through the product, against the Gemini emulator: what each way of asking takes.

Ingest plans, workers ask, everything they store and announce is in memory. The eyes are those that the local stack has
by default, with its detector: they find whole things, as models do. What is counted is what went over the wire.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from infra.local.demo.samples import make_samples
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core import jsontext
from shared.core.events.envelopes import Upload, parse_image_event
from shared.core.gemini.prices import price_on
from shared.core.gemini.registry import MEDIA_RESOLUTIONS, checked_on, known_models
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.ingest import ingest
from shared.pipeline.worker.analyze import analyze
from tests.costs.outlines import Shortened, shortened
from tests.costs.rules import Counted, counted
from tests.rig import SERVICE, SETTINGS, UPLOADS, Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.core.gemini.registry import ModelProfile
    from shared.core.gemini.request import ModelRequest

DEFAULT_TASKS: Final = ("caption", "detect", "segment")
TASKS: Final = (*DEFAULT_TASKS, "read", "classify", "ask")
QUESTION: Final = "What is in the foreground?"
PICTURES: Final = ("astronaut.jpg", "cat.webp", "coffee.heic", "coins.png", "rocket on its side.jpg")
"""Those of the demo that travel inside of the request: infra/local/demo/samples/SOURCES.md."""

Together = Literal["apart", "default", "all"]
Form = Literal["as it is", "short prompt", "no schema"]

_CLASS_A: Final = frozenset({"create", "replace", "list_names", "list_objects", "list_folders"})
_CLASS_B: Final = frozenset({"stat", "read", "read_head"})
_LEAST_MESSAGE_BYTES: Final = 1000
_ROOM: Final = 10**6
_GROUPS: Final[Mapping[Together, tuple[tuple[str, ...], ...] | None]] = {
    "apart": (),
    "default": None,
    "all": (DEFAULT_TASKS,),
}
SHORT_PROMPTS: Final[Mapping[str, str]] = {
    "caption": "Describe this image in one or two plain sentences for somebody who cannot see it. Name what is"
    ' there; do not begin with "This image" or "A photo of".',
    "detect": "Detect {subject} in this image, at most {max_items}, with boxes [ymin, xmin, ymax, xmax] normalized to"
    " 0-1000. Give every object an entry of its own, also where several are alike, and none of them twice.",
    "segment": "Detect {subject} in this image, at most {max_items}, with boxes [ymin, xmin, ymax, xmax] normalized to"
    " 0-1000, and {mask}. Give every object an entry of its own, also where several are alike, and none of them twice.",
}
"""The defaults without the words about the answer's form, which the response schema says, too."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One way of asking: None is the task's own model, and the model's own media resolution."""

    tasks: tuple[str, ...]
    together: Together = "default"
    model: str | None = None
    media_resolution: str | None = None
    form: Form = "as it is"

    def rules(self) -> Rules:
        """Return the rules file that asks in this way."""
        short = self.form == "short prompt"
        return Rules(
            Choices(
                tasks=self.tasks,
                together=_GROUPS[self.together],
                for_all=TaskChoices(model=self.model, media_resolution=self.media_resolution, question=QUESTION),
                for_task={task: TaskChoices(prompt=SHORT_PROMPTS[task]) for task in self.tasks} if short else {},
            )
        )


@dataclass(slots=True)
class Call:
    """The calls of one ask, about all pictures: `emulator` as it billed them, `rules` as Google's pages count."""

    model: str
    tasks: str
    number: int = 0
    emulator: Counted = field(default_factory=Counted)
    rules: Counted = field(default_factory=Counted)


@dataclass(slots=True)
class Taken:
    """What one way of asking took, about all pictures together.

    `items` counts what results list. `messages` and `message_bytes` are image events and result events, once each;
    `class_a` and `class_b` operations of Cloud Storage by their billing classes. `told_usd` is what the results say
    that it cost, on the day of the rig. `served` is who answered; `shortened` is there of segment alone.
    """

    ask: Ask
    calls: list[Call] = field(default_factory=list)
    results: int = 0
    items: int = 0
    messages: int = 0
    message_bytes: int = 0
    class_a: int = 0
    class_b: int = 0
    told_usd: float = 0.0
    served: str = ""
    shortened: list[Shortened] = field(default_factory=list)


def plain() -> tuple[Ask, ...]:
    """Return the asks of the three default tasks with nothing chosen: apart, by default, and all in one call."""
    return tuple(Ask(DEFAULT_TASKS, together) for together in _GROUPS)


def all_asks() -> tuple[Ask, ...]:
    """Return every ask of the page, each once."""
    asks = [
        *plain(),
        *(Ask((task,), form=form) for task in DEFAULT_TASKS for form in get_args(Form)),
        *(Ask((task,), media_resolution=each) for task in TASKS for each in (None, *MEDIA_RESOLUTIONS)),
        *(Ask(DEFAULT_TASKS, way, media_resolution=each) for way in _GROUPS for each in MEDIA_RESOLUTIONS),
    ]
    for model in priced_models():
        asks += [Ask((task,), model=model.id) for task in tasks_of(model)]
        if model.masks == "polygon":
            asks += [Ask(DEFAULT_TASKS, way, model.id) for way in ("default", "all")]
    return tuple(dict.fromkeys(asks))


def priced_models() -> tuple[ModelProfile, ...]:
    """Return the models with a price that count images by media resolution alone.

    They are those that answer on the registry's day, on the Developer API, which is what the emulator is asked as.
    """
    day = checked_on()
    return tuple(
        model
        for model in known_models()
        if model.counting == "fixed"
        and price_on(model, day) is not None
        and ("developer" not in model.ends or model.ends["developer"].day > day)
    )


def tasks_of(model: ModelProfile) -> tuple[str, ...]:
    """Return which of the default tasks a model can do."""
    return DEFAULT_TASKS if model.masks != "none" else ("caption", "detect")


@contextlib.contextmanager
def emulated() -> Iterator[GeminiModel]:
    """Yield the emulator as the product's model; what the product logs about it is left out meanwhile."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with running("gemini", "--eyes", "detector") as url:
            yield GeminiModel(ByKey("local"), base_url=url, connections=1)
    finally:
        logging.disable(before)


def play(asks: Iterable[Ask], model: GeminiModel, pictures: Sequence[str] = PICTURES) -> Iterator[Taken]:
    """Ask about all of these pictures in each of these ways, and yield what it took."""
    with tempfile.TemporaryDirectory(prefix="uplook-costs-") as folder:
        samples = {sample.path.name: sample.path for sample in make_samples(Path(folder))}
        files = {name: samples[name].read_bytes() for name in pictures}
    for ask in asks:
        yield _taken(ask, files, model)


def _taken(ask: Ask, files: Mapping[str, bytes], model: GeminiModel) -> Taken:
    taken, wire = Taken(ask), _Wire(model)
    rig = Rig(settings=replace(SETTINGS, max_calls_per_day=_ROOM, max_usd_per_day=float(_ROOM)), rules=ask.rules())
    ports = replace(rig.ports, model=wire)
    if ask.form == "no schema":
        for each in known_models():
            ports.refused_schemas.add(each.id, ask.tasks[0])
    for name, data in files.items():
        generation = rig.store.create(UPLOADS, name, data, content_type="application/octet-stream")
        source = Source(UPLOADS, name, generation, len(data), "application/octet-stream", jsontext.crc32c(data))
        ingest(Upload(source), rules=rig.rules, settings=rig.settings, service=SERVICE, publisher=rig.publisher)
    before = Counter(rig.store.faults.calls)
    for message in rig.publisher.messages[rig.settings.image_topic]:
        event = parse_image_event(message.data)
        wire.tasks = "+".join(event.tasks)
        analyze(event, ports)
    taken.calls, taken.served = list(wire.calls.values()), "+".join(wire.served)
    if ask == Ask(("segment",)):
        taken.shortened = shortened(wire.answers)
    _count_deployment(taken, rig, before)
    return taken


def _count_deployment(taken: Taken, rig: Rig, before: Counter[str]) -> None:
    made = rig.store.faults.calls - before
    unknown = made.keys() - _CLASS_A - _CLASS_B - {"delete"}
    if unknown:
        raise ValueError(f"Expected operations whose billing class is known, found {sorted(unknown)}: add them above.")
    taken.class_a = sum(made[name] for name in _CLASS_A)
    taken.class_b = sum(made[name] for name in _CLASS_B)
    sizes = [
        sum(map(len, (message.data, *message.attributes, *message.attributes.values())))
        for messages in rig.publisher.messages.values()
        for message in messages
    ]
    taken.messages, taken.message_bytes = len(sizes), sum(max(size, _LEAST_MESSAGE_BYTES) for size in sizes)
    documents = _documents(rig)
    taken.results = len(documents)
    taken.items = sum(len(document.get("items", ())) for document in documents)
    taken.told_usd = round(sum(document["usage"]["cost_usd"] for document in documents), 8)


def _documents(rig: Rig) -> list[dict[str, Any]]:
    names = [name for name in rig.store.list_names(rig.settings.results_bucket, "") if name.endswith(".json")]
    documents = [json.loads(rig.store.read(rig.settings.results_bucket, name, max_bytes=10**8)) for name in names]
    found = Counter(document["status"] for document in documents)
    if not documents or found.keys() - {"ok", "empty", "partial"}:
        raise ValueError(
            f"Expected an answer about every picture, found {dict(found)}: look at what the emulator says."
        )
    return documents


class _Wire:
    """The model, with a record of what each call took."""

    def __init__(self, model: GeminiModel) -> None:
        self._model = model
        self.calls: dict[tuple[str, str], Call] = {}
        self.served: dict[str, None] = {}
        self.answers: list[str] = []
        self.tasks = ""

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        """Ask, and count."""
        reply = self._model.generate(request, timeout_s=timeout_s)
        call = self.calls.setdefault((request.model, self.tasks), Call(request.model, self.tasks))
        call.number += 1
        call.emulator = call.emulator.plus(_billed(reply["usageMetadata"]))
        call.rules = call.rules.plus(counted(request, _answer(reply)))
        self.served[reply["modelVersion"]] = None
        self.answers.append(_answer(reply))
        return reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _billed(usage: Mapping[str, Any]) -> Counted:
    prompt = defaultdict(int, {each["modality"]: each["tokenCount"] for each in usage["promptTokensDetails"]})
    return Counted(
        image=prompt["IMAGE"],
        text=prompt["TEXT"],
        thoughts=usage.get("thoughtsTokenCount", 0),
        answer=usage["candidatesTokenCount"],
    )


def _answer(reply: Mapping[str, Any]) -> str:
    return "".join(part["text"] for part in reply["candidates"][0]["content"]["parts"] if not part.get("thought"))
