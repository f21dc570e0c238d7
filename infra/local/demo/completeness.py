"""Whether every image has what it should have, in words where it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.local.demo.collect import Outcome
    from infra.local.demo.samples import Sample


def problems(samples: Mapping[str, Sample], outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Return (image and task, problem) for every outcome that is not as it should be."""
    told = ((outcome, problem(outcome, fails=samples[outcome.object_name].fails)) for outcome in outcomes)
    return [(f"{outcome.object_name}, {outcome.task}", words) for outcome, words in told if words]


def problem(outcome: Outcome, *, fails: bool) -> str | None:
    """Return what is wrong with one outcome, or None; `fails`: a failure is what should come of it."""
    if outcome.problem:
        return outcome.problem
    if outcome.document is None:
        return "no result arrived"
    if outcome.status == "held":
        return f"held: {outcome.document['error']['message']}"
    if len(set(outcome.event_ids)) != 1:
        return f"{len(set(outcome.event_ids))} different results for one image and task"
    if outcome.status == "failed" and not fails:
        return f"failed: {outcome.document['error']['message']}"
    return "it should have failed" if fails and outcome.status != "failed" else None
