"""The tables of docs/costs.md, made of the last run's counts and of the list prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from shared.core.gemini.prices import BATCH_FACTOR
from shared.core.gemini.registry import MEDIA_RESOLUTIONS, checked_on, profile
from shared.core.tasks.catalogue import TASKS as KNOWN
from tests import markdown
from tests.costs import deployment
from tests.costs.data import last_run
from tests.costs.prices import sources, table, usd_of
from tests.costs.run import DEFAULT_TASKS, PICTURES, TASKS, Ask, Form, Together, priced_models, tasks_of

if TYPE_CHECKING:
    from tests.costs.rules import Counted
    from tests.costs.run import Call, Taken

PATH: Final = "docs/costs.md"
THOUSAND: Final = 1000
DEFAULT_RESOLUTION: Final = "high"
CACHED_FROM_TOKENS: Final = 4096

Counts = Literal["emulator", "rules"]
BOTH: Final[tuple[Counts, Counts]] = ("emulator", "rules")
WAYS: Final[Mapping[Together, str]] = {
    "apart": "three calls (`together = []`)",
    "default": "**by default**: detect out of segment's call",
    "all": '`together = [["caption", "detect", "segment"]]`',
}
_OURS: Final[Mapping[Together, str]] = {"default": "by default", "all": "all in one call"}
_BY_SQL: Final[Mapping[Together, str]] = {"apart": "the same three prompts", "all": "one prompt for all"}


def blocks() -> Mapping[str, str]:
    """Return the content of each block of the page, by its name."""
    return {
        "ways": _ways(),
        "pictures": _pictures(),
        "tokens": _tokens(),
        "tasks": _tasks(),
        "models": _models(),
        "later": _later(),
        "rest": deployment.table(usd_of_model={way: usd(_plain(way)) for way in WAYS}),
        "others": _others(),
        "choices": _choices(),
        "outlines": _outlines(),
        "cached": _cached(),
        "prices": _prices(),
    }


def usd(taken: Taken, counts: Counts = "emulator", *, day: dt.date | None = None) -> float:
    """Return what the model costs for 1,000 images, by the emulator's counts or by Google's rules."""
    calls = [(call.model, _of(call, counts)) for call in taken.calls]
    return usd_of(calls, day=day or checked_on()) / _images(taken) * THOUSAND


def saved(taken: Taken, apart: Taken, counts: Counts = "emulator") -> float:
    """Return which part of the model's price one way of asking saves against three calls."""
    return 1 - usd(taken, counts) / usd(apart, counts)


def _plain(way: Together) -> Taken:
    return last_run().of(Ask(DEFAULT_TASKS, way))


def _images(taken: Taken) -> int:
    """Each picture has one result of each task."""
    return taken.results // len(taken.ask.tasks)


def _of(call: Call, counts: Counts) -> Counted:
    return call.emulator if counts == "emulator" else call.rules


def _ways() -> str:
    rows, apart = [], _plain("apart")
    for way, words in WAYS.items():
        taken = _plain(way)
        calls = sum(call.number for call in taken.calls) / _images(taken)
        row = [words, f"{calls:g}"]
        for counts in BOTH:
            cost = usd(taken, counts)
            less = f"-{saved(taken, apart, counts):.1%}" if way != "apart" else ""
            row += [f"{cost:.2f}", less, f"{cost * BATCH_FACTOR:.2f}"]
        rows.append(row)
    columns = [
        "dollars, by the emulator's counts",
        "saved",
        "by batch",
        "dollars, by Google's rules",
        "saved",
        "by batch",
    ]
    return markdown.table(["three default tasks", "calls for each image", *columns], rows)


def _pictures() -> str:
    rows = []
    for name in PICTURES:
        apart, default, everything = last_run().by_picture[name]
        things = apart.items // len({"detect", "segment"})
        row = [name, str(things), f"{usd(apart):.2f} / {usd(apart, 'rules'):.2f}"]
        row += [" / ".join(f"-{saved(taken, apart, counts):.0%}" for counts in BOTH) for taken in (default, everything)]
        rows.append(row)
    return markdown.table(["picture", "things found", "three calls", "saved by default", "saved in one call"], rows)


def _tokens() -> str:
    rows = []
    for way in ("apart", "all"):
        for call in _plain(way).calls:
            for counts, words in (("emulator", "the emulator"), ("rules", "Google's rules")):
                found = _of(call, "emulator" if counts == "emulator" else "rules")
                parts = (found.image, found.text, found.schema, found.thoughts, found.answer)
                each = [f"{part / call.number:,.0f}" for part in parts]
                rows.append([_calls_words(call.tasks), f"`{call.model}`", words, *each])
    return markdown.table(
        ["a call for", "model", "counted by", "image", "prompt", "schema", "thoughts", "answer"],
        rows,
    )


def _calls_words(tasks: str) -> str:
    names = sorted(tasks.split("+"), key=TASKS.index)
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _tasks() -> str:
    rows = []
    for task in TASKS:
        cells = [_cell(Ask((task,), media_resolution=each)) for each in _resolutions()]
        rows.append([f"`{task}`", f"`{KNOWN[task].model}`", *cells, _batch(Ask((task,)))])
    for way, words in WAYS.items():
        cells = [_cell(Ask(DEFAULT_TASKS, way, media_resolution=each)) for each in _resolutions()]
        rows.append([words, "each task's own", *cells, _batch(Ask(DEFAULT_TASKS, way))])
    heads = [f"{name}, the default" if name == DEFAULT_RESOLUTION else name for name in MEDIA_RESOLUTIONS]
    return markdown.table(["task", "model", *heads, f"{DEFAULT_RESOLUTION}, by batch"], rows)


def _resolutions() -> Sequence[str | None]:
    """The default is asked for by saying nothing, as the tasks do."""
    return [None if each == DEFAULT_RESOLUTION else each for each in MEDIA_RESOLUTIONS]


def _cell(ask: Ask) -> str:
    return " / ".join(f"{usd(last_run().of(ask), counts):.2f}" for counts in BOTH)


def _batch(ask: Ask) -> str:
    return " / ".join(f"{usd(last_run().of(ask), counts) * BATCH_FACTOR:.2f}" for counts in BOTH)


def _models() -> str:
    rows = []
    for model in priced_models():
        single = [Ask((task,), model=model.id) for task in DEFAULT_TASKS if task in tasks_of(model)]
        cells = [_cell(ask) for ask in single] + ["no masks"] * (len(DEFAULT_TASKS) - len(single))
        joint: list[str] = []
        if len(single) == len(DEFAULT_TASKS):
            default, everything = (Ask(DEFAULT_TASKS, way, model.id) for way in ("default", "all"))
            apart = [sum(usd(last_run().of(ask), counts) for ask in single) for counts in BOTH]
            joint = [" / ".join(f"{cost:.2f}" for cost in apart), _cell(default), _batch(default)]
            joint += [_cell(everything), _batch(everything)]
        rows.append([f"`{model.id}`", *cells, *(joint or [""] * 5)])
    heads = ["model", *DEFAULT_TASKS, "three calls", "detect out of segment", "by batch", "all in one call", "by batch"]
    return markdown.table(heads, rows)


def _later() -> str:
    """What the default tasks cost when the announced prices of their models hold."""
    models = [profile(name) for name in {KNOWN[task].model for task in DEFAULT_TASKS}]
    days = sorted({price.start for model in models for price in model.prices if price.start > checked_on()})
    rows = []
    for day in (checked_on(), *days):
        costs = [" / ".join(f"{usd(_plain(way), counts, day=day):.2f}" for counts in BOTH) for way in WAYS]
        rows.append([f"{day}", *costs])
    return markdown.table(["list prices of", "three calls", "by default", "all in one call"], rows)


def _others() -> str:
    vision, bigquery, contexts = table("vision"), table("bigquery"), table("contexts")
    labels, objects = vision["usd_per_1000_labels"], vision["usd_per_1000_objects"]
    ours = [
        (f"Uplook, {words}", "captions, boxes, masks; documents and events", _rate(_plain(way), 1.0))
        for way, words in _OURS.items()
    ]
    ours += [
        ("Uplook, by default, by batch", "the same, within a day", _rate(_plain("default"), BATCH_FACTOR)),
        ("Uplook, all in one call, by batch", "the same, within a day", _rate(_plain("all"), BATCH_FACTOR)),
    ]
    on_top = "and BigQuery's own charge, which is not known for pictures"
    theirs = [
        ("Vision API, labels", "labels", f"{labels:.2f}"),
        ("Vision API, object localization", "boxes", f"{objects:.2f}"),
        ("Vision API, both", "labels, boxes", f"{labels + objects:.2f}"),
    ]
    for way, words in _BY_SQL.items():
        cost = f"{_rate(_plain(way), bigquery['factor'])}, {on_top}"
        theirs.append((f"BigQuery `AI.GENERATE`, {words}", "the model's text; you draw the masks", cost))
    unknown = (
        "not known: none is published where we looked. An object context costs"
        f" {contexts['usd_per_million_and_month']:.2f} for a million a month, and nothing says whether these count"
    )
    theirs.append(("object enrichments (preview)", "boxes, labels, faces, as object contexts", unknown))
    return markdown.table(["what", "what a picture gets", "dollars for 1,000 images"], [*ours, *theirs])


def _rate(taken: Taken, factor: float) -> str:
    return " / ".join(f"{usd(taken, counts) * factor:.2f}" for counts in BOTH)


def _choices() -> str:
    rows = []
    for task in DEFAULT_TASKS:
        for form, words in _FORMS.items():
            taken = last_run().of(Ask((task,), form=form))
            [call] = taken.calls
            text = f"{call.rules.text / call.number:,.0f} + {call.rules.schema / call.number:,.0f}"
            rows.append([f"`{task}`", words, text, _cell(taken.ask)])
    return markdown.table(["task", "asked with", "tokens of prompt + schema", "dollars"], rows)


_FORMS: Final[Mapping[Form, str]] = {
    "as it is": "**prompt and schema, as it is**",
    "short prompt": "a prompt that leaves the form to the schema",
    "no schema": "the prompt alone",
}


def _outlines() -> str:
    taken = last_run().of(Ask(("segment",)))
    [call], price = taken.calls, _segment_price()
    rows = []
    for each in taken.shortened:
        costs = []
        for counts in BOTH:
            less = _of(call, counts).answer - getattr(each, counts)
            costs.append(f"{usd(taken, counts) - less * price / call.number * THOUSAND:.2f}")
        words = f"**{each.name}**" if each == taken.shortened[0] else each.name
        rows.append([words, " / ".join(costs), f"{each.mean:.3f}", f"{each.least:.3f}", f"{each.small:.3f}"])
    return markdown.table(["outlines", "dollars", "masks alike", "the least", "small objects"], rows)


def _segment_price() -> float:
    """Return the dollars of one token of segment's answers."""
    prices = profile(KNOWN["segment"].model).prices
    return max((each for each in prices if each.start <= checked_on()), key=lambda each: each.start).usd_out / 1e6


def _cached() -> str:
    calls = [(call, taken) for taken in last_run().together.values() for call in taken.calls]
    call, _ = max(calls, key=lambda each: (each[0].rules.text + each[0].rules.schema) / each[0].number)
    most = (call.rules.text + call.rules.schema) / call.number
    return (
        f"The longest prompt with its schema, that of {_calls_words(call.tasks)}, has {most:,.0f} tokens by Google's"
        f" rules. The service caches from {CACHED_FROM_TOKENS:,} on.\n"
    )


def _prices() -> str:
    rows = [[each.name, f"[{each.url.removeprefix('https://')}]({each.url})", each.as_of] for each in sources()]
    models = "[the registry](models.md), which was compared with Google's pages"
    return markdown.table(["list price of", "where", "as of"], [["Gemini", models, f"{checked_on()}"], *rows])
