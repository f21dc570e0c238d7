"""What the last run took, as a file: `counts.json`, one way of asking in each line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.costs.outlines import Shortened
from tests.costs.rules import Counted
from tests.costs.run import Ask, Call, Taken

FILE: Final = Path(__file__).with_name("counts.json")


@dataclass(frozen=True, slots=True)
class Run:
    """What was taken: by all pictures in every way, and by each of them in the plain ways."""

    together: Mapping[Ask, Taken]
    by_picture: Mapping[str, Sequence[Taken]]

    def of(self, ask: Ask) -> Taken:
        """Return what one way of asking took.

        Raises:
            LookupError: it was not run.
        """
        if ask not in self.together:
            raise LookupError(f"Expected {ask} in {FILE.name}, found nothing: run `python -m tests.costs`.")
        return self.together[ask]


def write(run: Run) -> None:
    """Replace the file."""
    parts = [f'"together": {_lines(run.together.values())}']
    parts += [f"{json.dumps(name)}: {_lines(taken)}" for name, taken in run.by_picture.items()]
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


@cache
def last_run() -> Run:
    """Return what the file says."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    together = map(_taken, document.pop("together"))
    by_picture = {name: tuple(map(_taken, found)) for name, found in document.items()}
    return Run({each.ask: each for each in together}, by_picture)


def _lines(found: Any) -> str:
    return "[\n" + ",\n".join(json.dumps(asdict(each)) for each in found) + "\n]"


def _taken(document: dict[str, Any]) -> Taken:
    ask = Ask(**document["ask"])
    return Taken(
        **{
            **document,
            "ask": replace(ask, tasks=tuple(ask.tasks)),
            "calls": [_call(each) for each in document["calls"]],
            "shortened": [Shortened(**each) for each in document["shortened"]],
        }
    )


def _call(document: dict[str, Any]) -> Call:
    return Call(**{**document, "emulator": Counted(**document["emulator"]), "rules": Counted(**document["rules"])})
