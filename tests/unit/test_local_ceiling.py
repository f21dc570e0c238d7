"""Which ceiling and rules a local stack has, and what `stack.env` says of them to whoever plans beside it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from infra.local import endpoints
from infra.local.ceiling import ceiling, given
from infra.local.endpoints import Endpoints, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _sourced(folder: Path, *, chosen: Mapping[str, str] | None = None, **was_given: str) -> dict[str, str]:
    """What a shell has that read the `stack.env` of such a stack."""
    endpoints.write(State(1, Endpoints("http://s", "p", None)), folder, chosen=chosen, given=was_given)
    lines = shlex.split((folder / endpoints.ENV_FILE).read_text(encoding="utf-8"))
    return dict(line.split("=", 1) for line in lines)


def test_a_shell_beside_a_stack_has_its_ceiling_and_its_rules(tmp_path: Path) -> None:
    found = _sourced(tmp_path, chosen={"MAX_CALLS_PER_DAY": "10000"}, RULES_FILE="/my rules.toml", MAX_USD_PER_DAY="3")

    assert (found["MAX_CALLS_PER_DAY"], found["MAX_USD_PER_DAY"]) == ("10000", "3")
    assert found["RULES_FILE"] == "/my rules.toml"


def test_what_a_stack_has_chosen_is_no_ceiling_that_somebody_set(tmp_path: Path) -> None:
    """Ten thousand calls cost nothing at the emulator, and a great deal at Gemini, where the next stack may ask."""
    shell = _sourced(tmp_path, chosen=ceiling({}, real=False))

    assert given(shell) == {}
    assert ceiling(shell, real=True) == {"MAX_CALLS_PER_DAY": "100", "MAX_USD_PER_DAY": "1"}


def test_what_somebody_set_stays_set_for_the_next_stack(tmp_path: Path) -> None:
    shell = _sourced(tmp_path, MAX_USD_PER_DAY="3")
    assert ceiling(shell, real=True) == {"MAX_USD_PER_DAY": "3"}

    later = _sourced(tmp_path, chosen={"MAX_CALLS_PER_DAY": "10000"}) | {"MAX_CALLS_PER_DAY": "7"}
    assert ceiling(later, real=True) == {"MAX_CALLS_PER_DAY": "7"}
