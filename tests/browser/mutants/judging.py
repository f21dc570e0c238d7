"""What became of a mutant: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Outcome = Literal["passed", "failed", "error", "skipped"]
"""`error`: the test could not be begun or ended, so that it says nothing of the mutant."""

PAGE = "infra/viewer/page/"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit: `old`, which stands once in `file`, becomes `new`, and `test` (file::function) must fail.

    `seen_at` is a part of the statement at which it must: a test that fails elsewhere is red for another reason. `only`
    chooses among the parameters of a test; without it, the mutant must be seen with all of them.
    """

    name: str
    test: str
    file: str
    old: str
    new: str
    seen_at: str
    only: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The file of its test."""
        return self.test.partition("::")[0]

    @property
    def in_the_page(self) -> bool:
        """Whether a viewer that runs already serves it: the page's files are read anew for each request."""
        return self.file.startswith(PAGE)


@dataclass(frozen=True, slots=True)
class Ran:
    """One test that has run: with a mutant, or (None) without any. `at` are the statements of the tests' own frames."""

    test: str
    mutant: str | None
    outcome: Outcome
    at: Sequence[str] = ()
    said: str = ""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a mutant was seen, and in words what was found."""

    mutant: Mutant
    seen: bool
    words: str


def judge(mutant: Mutant, ran: Iterable[Ran]) -> Verdict:
    """Return whether every run of a mutant's test failed where it must; `ran` may hold those of others."""
    own = [each for each in ran if each.mutant == mutant.name]
    if not own:
        return Verdict(mutant, seen=False, words="its test did not run")
    for each in own:
        if each.outcome != "failed":
            return Verdict(mutant, seen=False, words=f"{each.test} {each.outcome}: {each.said or 'nothing was seen'}")
        if not any(mutant.seen_at in statement for statement in each.at):
            where = each.at[-1] if each.at else "nowhere"
            return Verdict(mutant, seen=False, words=f"{each.test} failed elsewhere, at {where!r}: {each.said}")
    return Verdict(mutant, seen=True, words=f"{len(own)} of {len(own)} red")


def not_green(ran: Iterable[Ran]) -> list[str]:
    """Return what did not pass without any mutant: then nothing can be said of the mutants."""
    return [
        f"{each.test} {each.outcome}: {each.said}" for each in ran if each.mutant is None and each.outcome != "passed"
    ]
