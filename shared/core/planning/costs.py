"""What the rules' own calls can cost at most, beside what the deployment lets a day cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.delivery.budget import Ceiling
from shared.core.events.envelopes import AskPart
from shared.core.gemini.prices import reserve_usd
from shared.core.planning.asks import Ask
from shared.core.planning.model_checks import model_to_ask
from shared.core.planning.plan import asks_of, resolve_settings
from shared.core.planning.rules import merged
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.gemini.service import Service
    from shared.core.planning.choices import Choices, Level
    from shared.core.planning.rules import Rules

_A_PICTURE_PX = (4000, 3000)


def most_usd_of(task: str, choices: Choices, *, service: Service) -> float:
    """Return what one call of a task about one image can cost at most, as it is reserved of the day's ceiling."""
    return _most_usd(Ask((AskPart(task, resolve_settings(task, choices)),)), service)


def _most_usd(ask: Ask, service: Service) -> float:
    event = ask.event(Source("any", "any.jpg", 1), run="any")
    asked = model_to_ask(event.task, event.settings.model, service).model
    return reserve_usd(request_for(event, model_id=asked), images_px=[_A_PICTURE_PX], day=service.today)


def too_dear(rules: Rules, *, max_usd_per_day: float | None, service: Service) -> list[str]:
    """Return the tasks of which no single call fits into a day, each behind its place: all of their images would wait.

    Those of a rule are told of where the defaults are not the reason. A budget is held against the defaults alone.
    """
    found: list[str] = []
    if max_usd_per_day is not None:
        found += _too_dear(rules.levels(), Ceiling(usd=max_usd_per_day), service)
    for budget in rules.budgets:
        if budget.usd is not None:
            found += _too_dear(rules.levels()[:1], budget, service)
    return list(dict.fromkeys(found))


def _too_dear(levels_of_file: Sequence[Level], ceiling: Ceiling, service: Service) -> Iterator[str]:
    (defaults, *others), max_usd_per_day = levels_of_file, ceiling.usd or 0.0
    limit = f"the budget of {ceiling.scope.words}" if ceiling.scope else "MAX_USD_PER_DAY"
    told = set[tuple[str, float]]()
    for levels in ((defaults,), *((defaults, each) for each in others)):
        choices = merged(levels)
        for ask in asks_of(choices.tasks or (), choices, service=service)[0]:
            task, usd = " with ".join(ask.tasks), _most_usd(ask, service)
            if usd > max_usd_per_day and (task, usd) not in told:
                told.add((task, usd))
                yield (
                    f"{levels[-1].place}.{task}: one call can cost {usd:.4f} dollars, and {limit} is"
                    f" {max_usd_per_day:g}: none will be made, and its images are held. Raise the ceiling, or ask for"
                    " less (max_items, thinking, another model)"
                )
