"""The benchmarks beside bare handlers: what an event costs, one alone and many at once, and what a cold start does."""

from __future__ import annotations

from functools import partial

from infra.bench.inputs import PHOTO
from infra.bench.model import Benchmark, Target, Variant
from shared.core.tasks.catalogue import TASKS

_TASKS = ("caption", "detect", "segment")
_OTHERS = tuple(task for task in TASKS if task not in _TASKS)
_BOOKS = ("dead_letter", "release", "forget")

_CPU, _THROUGHPUT, _START = 1.15, 0.95, 1.3
"""What we want a worker to take of a bare handler's CPU, to reach of its throughput, and to take for its start."""

_MOST_CPU = {"caption": 2.0, "detect": 2.5, "segment": 2.9}
_LEAST_THROUGHPUT = {"caption": 0.7, "detect": 0.65, "segment": 0.55}
_MOST_START = 1.6
"""What it takes and reaches, and some room for the noise of a busy machine: beyond that something has become worse."""

_MASKS_OVER_DECODE, _MOST_MASKS_OVER_DECODE = 0.11, 0.4
"""8 ms for each small image, on a machine that decodes the photo of 12 megapixels in 71, are wanted."""


def _pair(name: str, says: str, *, run: str, function: str, quick: int, full: int) -> tuple[Variant, Variant]:
    """Return a handler's floor, and the handler, in this order: their turns are next to each other."""
    variant = partial(Variant, run=run, kind="served", quick=quick, full=full)
    floor = variant(f"{name}_bare", "the same calls of the same clients", argument=f"bare {function}", against=name)
    return variant(name, says, argument=f"ours {function}"), floor


FLOOR = Benchmark(
    "floor",
    "image events about a small picture, beside a bare handler that makes the same client calls, over real sockets",
    (
        *(
            each
            for task in _TASKS
            for each in _pair(task, "one event after another", run="alone", function=task, quick=5, full=9)
        ),
        Variant(
            "decode",
            "Pillow decodes a photo of 12 megapixels: the yardstick",
            "infra.bench.work.event:decode",
            PHOTO,
            units=10,
            quick=3,
        ),
        *(
            each
            for task in _TASKS
            for each in _pair(
                f"{task}_80", "80 events at once, a model of 2 s", run="together", function=task, quick=2, full=4
            )
        ),
        *_pair(
            "upload",
            "an upload to the idle stack until its result event, a model that answers at once",
            run="upload",
            function="caption",
            quick=3,
            full=5,
        ),
    ),
    (
        *(
            Target(
                f"CPU of a {task} event / bare",
                "cpu_ms",
                (task,),
                "at most",
                _MOST_CPU[task],
                f"{task}_bare",
                goal=_CPU,
            )
            for task in _TASKS
        ),
        *(
            Target(
                f"throughput of {task} / bare, 80 at once",
                "wall_ms",
                (f"{task}_80_bare",),
                "at least",
                _LEAST_THROUGHPUT[task],
                f"{task}_80",
                goal=_THROUGHPUT,
            )
            for task in _TASKS
        ),
        Target(
            "CPU of segment beyond bare / decoding a photo",
            "cpu_ms",
            ("segment",),
            "at most",
            _MOST_MASKS_OVER_DECODE,
            "decode",
            beyond="segment_bare",
            goal=_MASKS_OVER_DECODE,
        ),
    ),
    system="Linux",
)

STARTS = Benchmark(
    "starts",
    "each function from the start of its process until its first event asks the model, beside a bare handler; of a"
    " function that asks none, until its first event is done",
    (
        *_pair("caption", "a worker", run="start", function="caption", quick=3, full=7),
        *(
            Variant(task, "another worker", "start", f"ours {task}", "served", against="caption_bare", quick=2, full=4)
            for task in TASKS
            if task != "caption"
        ),
        *_pair("ingest", "until it has published", run="start", function="ingest", quick=3, full=7),
        *(each for name in _BOOKS for each in _pair(name, "", run="start", function=name, quick=2, full=5)),
    ),
    (
        Target(
            "CPU of a worker's start / bare",
            "cpu_ms",
            tuple(TASKS),
            "at most",
            _MOST_START,
            "caption_bare",
            goal=_START,
        ),
        Target(
            "CPU of ingest's start / bare", "cpu_ms", ("ingest",), "at most", _MOST_START, "ingest_bare", goal=_START
        ),
        *(
            Target(
                f"CPU of {name}'s start / bare", "cpu_ms", (name,), "at most", _MOST_START, f"{name}_bare", goal=_START
            )
            for name in _BOOKS
        ),
    ),
    system="Linux",
)
