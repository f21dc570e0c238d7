"""`cost`: what results have cost at list price, from their own documents."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from shared.command_line import DONE, FAILED, INCOMPLETE, INTERRUPTED, is_stopped, moment
from shared.core.delivery.budget import day_of
from shared.core.gemini.prices import cost_usd
from shared.core.gemini.registry import profile
from shared.core.values import Usage
from shared.export.places import is_place, open_results
from shared.export.reading import SINCE, Tally, documents
from shared.operate.tables import table
from shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.export.reading import Unreadable

DIMENSIONS: Final = ("day", "run", "task", "model", "status", "bucket", "prefix", "label")
Number: TypeAlias = "int | Fraction"
_COUNTS = ("results", "answered", "prompt_tokens", "output_tokens", "thought_tokens")
_USD = frozenset({"usd", "saved_usd"})
_EPILOG = """\
Every document counts once, failures too: what a redrive has mended is part of its result. `answered` counts those
that a model answered; the others cost nothing. `usd` is at the list price of the day (shared/core/gemini/models.toml):
no free tier, discount or tax. `unpriced` counts answers by models of unknown price; they are not part of `usd`.
`reused` counts results whose answer another upload of the same content paid for, and `saved_usd` is what they would
have cost, which is no part of `usd`: two columns more, where there are any.
Days begin at 08:00 UTC, as those of the ceiling do. A model that answered under an unlisted name counts as the one
that was asked. A call that several tasks shared counts for the one that led it, such as segment.

`bucket` and `prefix` are those of the upload: the prefix is its first folder, or its first N with --depth N, and empty
at the top. `label` divides a document among the labels of its items or classes, in equal parts, however often each
occurs: one with a cat and two dogs is half a cat's and half a dog's. So rows may hold parts of a result, and their sum
is the total. A document without labels, such as a caption, is in the row without a label.

Ctrl-C shows the sums of what was read until then, and ends with 130.
"""


@dataclass(frozen=True, slots=True)
class Sum:
    """What some results took together."""

    results: Number = 0
    answered: Number = 0
    prompt_tokens: Number = 0
    output_tokens: Number = 0
    thought_tokens: Number = 0
    usd: float = 0.0
    unpriced: Number = 0
    reused: Number = 0
    saved_usd: float = 0.0

    def plus(self, document: Mapping[str, Any], *, share: Number = 1) -> Sum:
        """Return this with one more result document, or with a share of it."""
        return self.merged(_sum_of(document, share))

    def merged(self, other: Sum) -> Sum:
        """Return the sum of both."""
        return Sum(
            self.results + other.results,
            self.answered + other.answered,
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.thought_tokens + other.thought_tokens,
            self.usd + other.usd,
            self.unpriced + other.unpriced,
            self.reused + other.reused,
            self.saved_usd + other.saved_usd,
        )


def _sum_of(document: Mapping[str, Any], share: Number) -> Sum:
    usage = document["usage"]
    if usage is None:
        return Sum(results=share)
    usd = list_price_usd(document)
    return Sum(
        results=share,
        answered=share,
        prompt_tokens=share * (usage["prompt_tokens"] or 0),
        output_tokens=share * (usage["output_tokens"] or 0),
        thought_tokens=share * (usage["thought_tokens"] or 0),
        usd=float(share) * (usd or 0.0),
        unpriced=share * (usd is None),
        reused=share * ("reused_from" in document["model"]),
        saved_usd=float(share) * (usage.get("saved_usd") or 0.0),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `cost`."""
    parser.add_argument("where", type=_where, metavar="WHERE", help="gs://RESULTS_BUCKET[/FOLDER] or a local copy")
    by = f"rows by some of {', '.join(DIMENSIONS)}, separated by commas (default: task,model)"
    parser.add_argument("--by", type=_dimensions, default=("task", "model"), metavar="WHAT", help=by)
    parser.add_argument("--depth", type=_depth, default=1, metavar="N", help="folders of a prefix (default: 1)")
    parser.add_argument("--since", type=moment, metavar="TIME", help=SINCE)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Sum up what lies there and show it; say what could not be read."""
    sums, tally = Sums(args.by, depth=args.depth), Tally()

    with Progress(lambda: str(tally), sys.stderr) as progress:

        def leave_out(unreadable: Unreadable) -> None:
            progress.say(f"left out: {unreadable.place}: {unreadable.reason}")

        def read() -> None:
            results = open_results(args.where)
            with closing(documents(results, since=args.since, on_unreadable=leave_out, tally=tally)) as found:
                for each in found:
                    sums.add(each.document)

        stopped = is_stopped(read)
    if stopped:
        sys.stderr.write(f"Stopped before the end: {tally}. The sums are of these alone.\n")
    elif not sums.rows and not tally.left_out:
        older = f" since then, {tally.older} before" if tally.older else ""
        sys.stderr.write(f"expected results below {args.where}, found none{older}.\n")
        return FAILED
    shown = _as_json(sums, complete=not stopped and not tally.left_out) if args.json else _as_table(sums)
    sys.stdout.write(shown)
    return INTERRUPTED if stopped else INCOMPLETE if tally.left_out else DONE


class Sums:
    """The sums by the values of some dimensions; it holds no document."""

    def __init__(self, by: Sequence[str], *, depth: int = 1) -> None:
        self.by = tuple(by)
        self._depth = depth
        self._rows: defaultdict[tuple[str, ...], Sum] = defaultdict(Sum)

    @property
    def rows(self) -> dict[tuple[str, ...], Sum]:
        """The rows by the values of their dimensions, in the order of these."""
        return dict(sorted(self._rows.items()))

    @property
    def total(self) -> Sum:
        """The sum of all rows."""
        return reduce(Sum.merged, self._rows.values(), Sum())

    def add(self, document: Mapping[str, Any]) -> None:
        """Add a document: to one row, or in equal shares to those of its labels."""
        labels = _labels(document) if "label" in self.by else ("",)
        share = 1 if len(labels) == 1 else Fraction(1, len(labels))
        for label in labels:
            key = tuple(label if name == "label" else self._value(name, document) for name in self.by)
            self._rows[key] = self._rows[key].plus(document, share=share)

    def _value(self, dimension: str, document: Mapping[str, Any]) -> str:
        if dimension == "prefix":
            return prefix_of(document["source"]["name"], depth=self._depth)
        return _VALUES[dimension](document)


def prefix_of(name: str, *, depth: int) -> str:
    """Return the first folders of an object's name, each with its slash.

    >>> prefix_of("shop/2026/cat.jpg", depth=1), prefix_of("shop/cat.jpg", depth=2), prefix_of("cat.jpg", depth=1)
    ('shop/', 'shop/', '')
    """
    return "".join(f"{folder}/" for folder in name.split("/")[:-1][:depth])


def _labels(document: Mapping[str, Any]) -> tuple[str, ...]:
    entries = document.get("items") or document.get("classes") or ()
    return tuple(dict.fromkeys(entry["label"] for entry in entries if entry.get("label"))) or ("",)


def _model(document: Mapping[str, Any]) -> str:
    served: str | None = document["model"]["served"]
    requested: str = document["model"]["requested"]
    return served if served and profile(served).known else requested


_VALUES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "day": lambda document: day_of(document["created"]),
    "run": lambda document: document["run"],
    "task": lambda document: document["task"],
    "model": _model,
    "status": lambda document: document["status"],
    "bucket": lambda document: document["source"]["bucket"],
}


def list_price_usd(document: Mapping[str, Any]) -> float | None:
    """Return what an answer cost: what the document says, or what the registry knows by now about its model."""
    usage = document["usage"]
    if usage["cost_usd"] is not None:
        return float(usage["cost_usd"])
    tokens = Usage(usage["prompt_tokens"], usage["output_tokens"], usage["thought_tokens"])
    return cost_usd(profile(_model(document)), tokens, day=dt.date.fromisoformat(document["created"][:10]))


def _as_table(sums: Sums) -> str:
    total = sums.total
    rows = [[*values, *_cells(each, total)] for values, each in sums.rows.items()]
    rows.append(["total", *[""] * (len(sums.by) - 1), *_cells(total, total)])
    reuse = ["reused", "saved_usd"] if total.reused else []
    return table([*sums.by, *_COUNTS, "usd", "unpriced", *reuse], rows) + "\n"


def _cells(each: Sum, total: Sum) -> list[str]:
    reuse = [_cell(each.reused), f"{each.saved_usd:.4f}"] if total.reused else []
    return [*(_cell(getattr(each, name)) for name in _COUNTS), f"{each.usd:.4f}", _cell(each.unpriced), *reuse]


def _cell(number: Number) -> str:
    return str(number) if number == int(number) else f"{float(number):.2f}"


def _as_json(sums: Sums, *, complete: bool) -> str:
    rows = [dict(zip(sums.by, values, strict=True)) | _rounded(each) for values, each in sums.rows.items()]
    shown = {"by": list(sums.by), "complete": complete, "rows": rows, "total": _rounded(sums.total)}
    return json.dumps(shown, indent=2) + "\n"


def _rounded(each: Sum) -> dict[str, int | float]:
    values = {field.name: getattr(each, field.name) for field in fields(each)}
    return {
        name: int(value) if value == int(value) and name not in _USD else round(float(value), 8)
        for name, value in values.items()
    }


def _where(text: str) -> str:
    if not is_place(text):
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET/FOLDER/ or an existing folder, found {text!r}")
    return text


def _depth(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of folders, 1 or more, found {text!r}")
    return int(text)


def _dimensions(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words or len(set(words)) < len(words) or not set(words) <= set(DIMENSIONS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(DIMENSIONS)}, each once, found {text!r}")
    return words
