"""`python -m tests.costs`: pictures through the product, in every way that docs/costs.md tells of; then the page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests import generated
from tests.costs import data, page
from tests.costs.run import PICTURES, Taken, all_asks, emulated, plain, play

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def main() -> int:
    """Run, write the counts, and write the page of them."""
    with emulated() as model:
        together = {taken.ask: taken for taken in _told(play(all_asks(), model), "all pictures")}
        by_picture = {name: tuple(_told(play(plain(), model, [name]), name)) for name in PICTURES}
    data.write(data.Run(together, by_picture))
    data.last_run.cache_clear()
    path = generated.ROOT / page.PATH
    path.write_text(generated.FILES[page.PATH](path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def _told(found: Iterable[Taken], about: str) -> Iterator[Taken]:
    for number, taken in enumerate(found, 1):
        sys.stderr.write(f"\r{about}: {number} ways of asking")
        yield taken
    sys.stderr.write("\n")


if __name__ == "__main__":
    sys.exit(main())
