"""Which models the rules ask, and what is wrong with them today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.registry import caution, profile, refusal
from shared.core.tasks import TASKS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from shared.core.rules import Rules


def problems(rules: Rules, *, today: dt.date) -> list[str]:
    """Return why these rules must not be worked by today, each behind its place."""
    return [f"{place}: {reason}" for place, model in _asked(rules) if (reason := refusal(profile(model), today))]


def cautions(rules: Rules, *, today: dt.date) -> list[str]:
    """Return what an operator should know about the models of these rules, each behind its place."""
    return [f"{place}: {reason}" for place, model in _asked(rules) if (reason := caution(profile(model), today))]


def _asked(rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield every model that the file names, and every task's own where the file's defaults leave it in force."""
    yield from rules.models()
    for task in TASKS.values():
        if rules.defaults.of(task.name).model is None:
            yield f"the default of {task.name}", task.model
