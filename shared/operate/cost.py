"""`cost`: what results have cost at list price, from their own documents."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import defaultdict
from dataclasses import asdict, astuple, dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.core.delivery.budget import day_of
from shared.core.gemini.prices import cost_usd
from shared.core.gemini.registry import profile
from shared.core.values import Usage
from shared.export.places import is_place, open_results
from shared.export.reading import documents
from shared.operate.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.export.reading import StoredResult, Unreadable

DIMENSIONS: Final = ("day", "run", "task", "model", "status")
_COUNTS = ("results", "answered", "prompt_tokens", "output_tokens", "thought_tokens")
_EPILOG = """\
Every document counts once, failures too: what a redrive has mended is part of its result. `answered` counts those
that a model answered; the others cost nothing. `usd` is at the list price of the day (shared/core/gemini/models.toml):
no free tier, discount or tax. `unpriced` counts answers by models of unknown price; they are not part of `usd`.
Days begin at 08:00 UTC, as those of the ceiling do. A model that answered under an unlisted name counts as the one
that was asked.
"""


@dataclass(frozen=True, slots=True)
class Sum:
    """What some results took together."""

    results: int = 0
    answered: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    thought_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0

    def plus(self, document: Mapping[str, Any]) -> Sum:
        """Return this with one more result document."""
        usage = document["usage"]
        if usage is None:
            return replace(self, results=self.results + 1)
        usd = _usd(document)
        return Sum(
            results=self.results + 1,
            answered=self.answered + 1,
            prompt_tokens=self.prompt_tokens + (usage["prompt_tokens"] or 0),
            output_tokens=self.output_tokens + (usage["output_tokens"] or 0),
            thought_tokens=self.thought_tokens + (usage["thought_tokens"] or 0),
            usd=self.usd + (usd or 0.0),
            unpriced=self.unpriced + (usd is None),
        )

    def merged(self, other: Sum) -> Sum:
        """Return the sum of both."""
        return Sum(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `cost`."""
    parser.add_argument("where", type=_where, metavar="WHERE", help="gs://RESULTS_BUCKET[/FOLDER] or a local copy")
    by = f"rows by some of {', '.join(DIMENSIONS)}, separated by commas (default: task,model)"
    parser.add_argument("--by", type=_dimensions, default=("task", "model"), metavar="WHAT", help=by)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Sum up what lies there and show it; say what could not be read."""
    left_out: list[Unreadable] = []

    def leave_out(unreadable: Unreadable) -> None:
        sys.stderr.write(f"left out: {unreadable.place}: {unreadable.reason}\n")
        left_out.append(unreadable)

    sums = summed(documents(open_results(args.where), on_unreadable=leave_out), by=args.by)
    if not sums and not left_out:
        sys.stderr.write(f"expected results below {args.where}, found none.\n")
        return FAILED
    total = reduce(Sum.merged, sums.values(), Sum())
    sys.stdout.write(_as_json(sums, total, by=args.by) if args.json else _as_table(sums, total, by=args.by))
    return INCOMPLETE if left_out else DONE


def summed(found: Iterable[StoredResult], *, by: Sequence[str]) -> dict[tuple[str, ...], Sum]:
    """Return the sums by the values of these dimensions, in their order; one document is held at a time."""
    sums: defaultdict[tuple[str, ...], Sum] = defaultdict(Sum)
    for each in found:
        values = _values(each.document)
        key = tuple(values[name] for name in by)
        sums[key] = sums[key].plus(each.document)
    return dict(sorted(sums.items()))


def _values(document: Mapping[str, Any]) -> dict[str, str]:
    return {
        "day": day_of(document["created"]),
        "run": document["run"],
        "task": document["task"],
        "model": _model(document),
        "status": document["status"],
    }


def _model(document: Mapping[str, Any]) -> str:
    served: str | None = document["model"]["served"]
    requested: str = document["model"]["requested"]
    return served if served and profile(served).known else requested


def _usd(document: Mapping[str, Any]) -> float | None:
    """Return what the document says, or what the registry knows by now about a model that it did not know then."""
    usage = document["usage"]
    if usage["cost_usd"] is not None:
        return float(usage["cost_usd"])
    tokens = Usage(usage["prompt_tokens"], usage["output_tokens"], usage["thought_tokens"])
    return cost_usd(profile(_model(document)), tokens, day=dt.date.fromisoformat(document["created"][:10]))


def _as_table(sums: Mapping[tuple[str, ...], Sum], total: Sum, *, by: Sequence[str]) -> str:
    rows = [[*values, *_cells(each)] for values, each in sums.items()]
    rows.append(["total", *[""] * (len(by) - 1), *_cells(total)])
    header = [*by, *_COUNTS, "usd", "unpriced"]
    return table(header, rows) + "\n"


def _cells(each: Sum) -> list[str]:
    return [*(str(getattr(each, name)) for name in _COUNTS), f"{each.usd:.4f}", str(each.unpriced)]


def _as_json(sums: Mapping[tuple[str, ...], Sum], total: Sum, *, by: Sequence[str]) -> str:
    rows = [dict(zip(by, values, strict=True)) | _rounded(each) for values, each in sums.items()]
    return json.dumps({"by": list(by), "rows": rows, "total": _rounded(total)}, indent=2) + "\n"


def _rounded(each: Sum) -> dict[str, Any]:
    return asdict(each) | {"usd": round(each.usd, 8)}


def _where(text: str) -> str:
    if not is_place(text):
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET/FOLDER/ or an existing folder, found {text!r}")
    return text


def _dimensions(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words or len(set(words)) < len(words) or not set(words) <= set(DIMENSIONS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(DIMENSIONS)}, each once, found {text!r}")
    return words
