"""The budget that a button of the page uses up: of one prefix, so that no other work is held for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.core.delivery.budget import Ceiling, Scope
from shared.core.errors import SettingsError
from shared.core.planning.rules import parse_rules

if TYPE_CHECKING:
    from pathlib import Path

PREFIX: Final = "broken/ceiling/"
BUDGET: Final = Ceiling(calls=20, scope=Scope(prefix=PREFIX))
"""So few that each grant is one call: what a worker has taken for a call, it has spent by the end of it."""

FILE: Final = "rules.toml"
"""In the state folder: the rules that the stack was started with, and that budget."""


def write_rules(own: Path, folder: Path) -> Path:
    """Write a person's rules with the budget of the button to `folder`; return the file that the functions are to read.

    It is their own file where that cannot be read: whoever reads it names it, and says what is wrong with it.
    """
    try:
        text = own.read_text(encoding="utf-8-sig")
        with_budget = f"{text}\n{_added(own)}"
        parse_rules(with_budget)
    except (OSError, UnicodeDecodeError, SettingsError):
        return own
    path = folder / FILE
    path.write_text(with_budget, encoding="utf-8")
    return path


def _added(own: Path) -> str:
    return (
        f"# All above is a copy of {str(own)!a}. What follows is for a button of the page (docs/viewer.md).\n"
        f'[[budgets]]\nprefix = "{PREFIX}"\nmax_calls_per_day = {BUDGET.calls}\n'
    )
