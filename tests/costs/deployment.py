"""What an image costs beside the model: operations, messages and instances, as they were counted, at list prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tests.costs.data import last_run
from tests.costs.machines import concurrency, instance_usd_per_s
from tests.costs.prices import table as prices
from tests.costs.prices import usd_per_message_byte
from tests.costs.run import DEFAULT_TASKS, PICTURES, Ask, Together

if TYPE_CHECKING:
    from tests.costs.run import Taken

_THOUSAND: Final = 1000
_IN_AND_OUT: Final = 2


def table(*, usd_of_model: Mapping[Together, float]) -> str:
    """Return dollars for 1,000 images, part by part, for each way of asking."""
    ways = list(usd_of_model)
    taken = {way: last_run().of(Ask(DEFAULT_TASKS, way)) for way in ways}
    parts = {
        "the model, by the emulator's counts": usd_of_model,
        "Cloud Storage: writing and listing": {way: _class_a_usd(taken[way]) for way in ways},
        "Cloud Storage: reading": {way: _class_b_usd(taken[way]) for way in ways},
        "Pub/Sub: the upload, image events, result events, each in and out once": {
            way: _messages_usd(taken[way]) for way in ways
        },
        "Cloud Run: requests": {way: _requests_usd(taken[way]) for way in ways},
        "Cloud Run: time, where instances are full": {way: _instances_usd(taken[way], full=True) for way in ways},
    }
    alone = {way: _instances_usd(taken[way], full=False) for way in ways}
    rows = list(parts.items())
    rows.append(("**together**", {way: sum(found[way] for found in parts.values()) for way in ways}))
    rows.append(("Cloud Run: time, where each event has an instance alone, instead", alone))
    counts = "".join(f" {_counts(taken[way])} |" for way in ways)
    head = "| dollars for 1,000 images | three calls | by default | all in one call |\n|---|---|---|---|\n"
    lines = "".join(f"| {words} |{''.join(f' {found[way]:.3f} |' for way in ways)}\n" for words, found in rows)
    return f"{head}{lines}| for each image |{counts}\n"


def _counts(taken: Taken) -> str:
    each = len(PICTURES)
    operations = f"{taken.class_a / each:.1f} operations of class A, {taken.class_b / each:.1f} of class B"
    calls = _asks(taken)
    return f"{operations}, {calls:g} call{'' if calls == 1 else 's'}"


def _asks(taken: Taken) -> float:
    return sum(call.number for call in taken.calls) / len(PICTURES)


def _class_a_usd(taken: Taken) -> float:
    return taken.class_a / len(PICTURES) * float(prices("storage")["usd_per_class_a"]) * _THOUSAND


def _class_b_usd(taken: Taken) -> float:
    return taken.class_b / len(PICTURES) * float(prices("storage")["usd_per_class_b"]) * _THOUSAND


def _messages_usd(taken: Taken) -> float:
    size = taken.message_bytes / len(PICTURES) + float(prices("assumptions")["upload_event_bytes"])
    return _IN_AND_OUT * size * usd_per_message_byte() * _THOUSAND


def _requests_usd(taken: Taken) -> float:
    return (1 + _asks(taken)) * float(prices("run")["usd_per_request"]) * _THOUSAND


def _instances_usd(taken: Taken, *, full: bool) -> float:
    assumed = prices("assumptions")
    of_ingest = float(assumed["ingest_s"]) * instance_usd_per_s("ingest")
    of_workers = _asks(taken) * float(assumed["answer_s"]) * instance_usd_per_s("caption")
    if full:
        of_ingest /= concurrency("ingest")
        of_workers /= concurrency("caption")
    return (of_ingest + of_workers) * _THOUSAND
