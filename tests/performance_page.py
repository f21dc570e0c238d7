"""The tables of docs/performance.md, made of the last run of `make bench` that was kept, and of the list prices."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.bench.registry import BENCHMARKS
from infra.bench.report import number
from shared.core.tasks.catalogue import TASKS
from tests import markdown
from tests.costs.prices import table as prices
from tests.costs.prices import usd_per_message_byte

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PATH: Final = "docs/performance.md"
RUN: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.json"
_TASKS: Final = ("caption", "detect", "segment")
_THOUSAND: Final = 1000
_LEAST_MESSAGE_BYTES: Final = 1000
_CLASS_A: Final = frozenset({"object.insert", "object.list"})
_CLASS_B: Final = frozenset({"object.download", "object.get"})
_UNPRICED: Final = frozenset({"object.delete", "model calls"})

_BEYOND_BARE: Final = (
    "every picture is decoded twice at a small size, to see whether all of its rows are there and whether it is blurred"
    " (1.3 ms of decoding for each event, and 0.5 ms for the filter). The rest is many small things: ids, the lease,"
    " the journal, log lines, reading the answer. Google's clients take most of the time on both sides"
)
_DRAWN: Final = (
    f"{_BEYOND_BARE}. An overlay is drawn on top: the picture is decoded once more, painted on, labelled and encoded"
)
_MASKS: Final = f"{_DRAWN}. Three outlines are read and become masks and PNG files, which are written in threads"
_SLOTS: Final = (
    "emulators, driver and function share two cores, so that fewer events are done by whoever needs more CPU"
)

BOUNDS: Final[Mapping[tuple[str, str], str]] = {
    ("floor", "CPU of a caption event / bare"): f"{_BEYOND_BARE}.",
    ("floor", "CPU of a detect event / bare"): f"{_DRAWN}.",
    ("floor", "CPU of a segment event / bare"): f"{_MASKS}.",
    ("floor", "CPU of segment beyond bare / decoding a photo"): f"{_MASKS}. The checks of the picture count here, too.",
    **{("floor", f"throughput of {task} / bare, 80 at once"): f"{_SLOTS}." for task in _TASKS},
}
"""Why a target is missed, by benchmark and target: one that is missed without a word fails tests/repo."""


def blocks() -> Mapping[str, str]:
    """Return the content of each block of the page, by its name."""
    return {
        "run": _run(),
        "verdict": _verdict(),
        "targets": _targets(),
        "missed": _missed(),
        "events": _events(),
        "operations": _operations(),
        "upload": _upload(),
        "starts": _starts(),
        "memory": _memory(),
        "masks": _masks(),
    }


def unexplained() -> list[tuple[str, str]]:
    """Return the targets that the run has missed, and that nobody has written a reason for."""
    return [(name, target["says"]) for name, target in _judged() if not target["reached"] and not _reason(name, target)]


@cache
def last_run() -> Mapping[str, Any]:
    """Return the run that was kept."""
    found: Mapping[str, Any] = json.loads(RUN.read_text(encoding="utf-8"))
    return found


def _variants(benchmark: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = last_run()["benchmarks"][benchmark]["variants"]
    return found


def _judged() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, benchmark in last_run()["benchmarks"].items():
        yield from ((name, target) for target in benchmark["targets"])


def _wanted(target: Mapping[str, Any]) -> float:
    return float(target["limit"] if target["goal"] is None else target["goal"])


def _reason(name: str, target: Mapping[str, Any]) -> str:
    return BOUNDS.get((name, target["says"]), "")


def _run() -> str:
    machine, mode = last_run()["machine"], last_run()["mode"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    load = machine["load_average"][0]
    return (
        f"Measured on {machine['day']} at commit `{machine['commit']}`, in the {mode} mode, on {machine['processor']}"
        f" with {machine['cores']} cores under {machine['system']}, Python {machine['python']}. Before the run,"
        f" {load:g} processes on average wanted a core. Packages: {versions}.\n"
    )


def _verdict() -> str:
    met = [target["reached"] for _, target in _judged()]
    absent = [f"`{each.name}`" for each in BENCHMARKS if each.name not in last_run()["benchmarks"]]
    judged = f"{sum(met)} of the {len(met)} targets that were judged are met."
    if not all(met):
        judged += " The others are listed [below](#what-is-missed-and-why)."
    return f"{judged} The run left out {', '.join(absent)}.\n" if absent else f"{judged}\n"


def _targets() -> str:
    rows = []
    for name, target in _judged():
        found, wanted = number(target["value"]), f"{target['bound']} {_wanted(target):g}"
        fails = f"{'above' if target['bound'] == 'at most' else 'below'} {target['limit']:g}"
        rows.append([name, target["says"], found, wanted, "met" if target["reached"] else "**missed**", fails])
    return markdown.table(["benchmark", "target", "found", "wanted", "", "a run fails"], rows)


def _missed() -> str:
    missed = [(name, target) for name, target in _judged() if not target["reached"]]
    if not missed:
        return "Nothing, in this run.\n"
    return "".join(
        f"- **{target['says']}** is {number(target['value'])}, wanted is {target['bound']} {_wanted(target):g}:"
        f" {_reason(name, target) or 'nobody has found out why.'}\n"
        for name, target in missed
    )


def _events() -> str:
    found, rows = _variants("floor"), []
    for task in _TASKS:
        ours, bare = found[task], found[f"{task}_bare"]
        many, many_bare = found[f"{task}_80"], found[f"{task}_80_bare"]
        rows.append(
            [
                f"`{task}`",
                f"{ours['cpu_ms']:.1f}",
                f"{bare['cpu_ms']:.1f}",
                f"{ours['cpu_ms'] / bare['cpu_ms']:.2f}",
                f"{_THOUSAND / many['min_ms']:.1f}",
                f"{_THOUSAND / many_bare['min_ms']:.1f}",
                f"{many_bare['min_ms'] / many['min_ms']:.2f}",
            ]
        )
    heads = ["task", "CPU ms for an event", "bare", "ratio", "events a second, 80 at once", "bare", "ratio"]
    return markdown.table(heads, rows)


def _operations() -> str:
    rows = []
    for task in _TASKS:
        facts = dict(_variants("floor")[task]["facts"])
        events = facts.pop("events")
        each = {name: count / events for name, count in facts.items()}
        unknown = each.keys() - _CLASS_A - _CLASS_B - _UNPRICED - {"messages"}
        if unknown:
            raise ValueError(f"Expected operations whose price is known, found {sorted(unknown)}: add them above.")
        counts = [_of(each, _CLASS_A), _of(each, _CLASS_B), each.get("messages", 0), each.get("model calls", 0)]
        rows.append([f"`{task}`", *(f"{count:g}" for count in counts), f"{_usd(each) * _THOUSAND:.3f}"])
    heads = ["an event of", "writing", "reading", "messages published", "calls of the model"]
    return markdown.table([*heads, "dollars for 1,000, without the model"], rows)


def _usd(each: Mapping[str, float]) -> float:
    storage = prices("storage")
    writes = _of(each, _CLASS_A) * float(storage["usd_per_class_a"])
    reads = _of(each, _CLASS_B) * float(storage["usd_per_class_b"])
    # The event comes in to the worker, and the result event goes out by one subscription: each in and out once.
    messages = (1 + each.get("messages", 0)) * 2 * _LEAST_MESSAGE_BYTES * usd_per_message_byte()
    return writes + reads + messages + float(prices("run")["usd_per_request"])


def _of(each: Mapping[str, float], names: Iterable[str]) -> float:
    return sum(each.get(name, 0) for name in names)


def _upload() -> str:
    ours, bare = (_variants("floor")[name] for name in ("upload", "upload_bare"))
    return (
        f"From the upload until its result event a caption takes {ours['median_ms']:.0f} ms on the idle stack, with a"
        f" model that answers at once. Bare handlers in the same places take {bare['median_ms']:.0f} ms,"
        f" so ours is {ours['median_ms'] / bare['median_ms']:.2f} times as long.\n"
    )


def _starts() -> str:
    found, rows = _variants("starts"), []
    for name, ours in found.items():
        if name.endswith("_bare"):
            continue
        bare = found["caption_bare" if name in TASKS else f"{name}_bare"]
        rows.append(
            [
                f"`{name}`",
                f"{ours['cpu_ms']:.0f}",
                f"{bare['cpu_ms']:.0f}",
                f"{ours['cpu_ms'] / bare['cpu_ms']:.2f}",
                f"{ours['min_ms']:.0f}",
                f"{ours['peak_rss_mb']:.0f}",
            ]
        )
    return markdown.table(["function", "CPU ms", "bare", "ratio", "ms of time at least", "peak MB"], rows)


def _masks() -> str:
    if "masks" not in last_run()["benchmarks"]:
        return "The run that was kept left this out.\n"
    found, rows = _variants("masks"), []
    for name in ("ours_png", "milder_png", "ours_polygon", "milder_polygon", "guide_2_of_10"):
        each = found[name]
        ratio = f"{each['cpu_ratio']:.1f}" if each["cpu_ratio"] else ""
        rows.append([each["says"], f"{each['cpu_ms']:,.0f}", ratio, f"{each['peak_rss_mb']:.0f}"])
    return markdown.table(["way", "CPU ms", "times ours", "peak MB"], rows)


def _memory() -> str:
    rows = []
    for task in _TASKS:
        names = (f"{task}_80", f"{task}_80_bare")
        rows.append([f"`{task}`", *(f"{_variants('floor')[name]['peak_rss_mb']:.0f}" for name in names)])
    return markdown.table(["task", "peak MB with 80 events at once", "bare"], rows)
