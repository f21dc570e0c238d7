"""What the local Gemini emulator can see, in one line for whoever starts a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes, names_things

if TYPE_CHECKING:
    from collections.abc import Mapping


def eyes(environ: Mapping[str, str]) -> str:
    """Return whether common things will have names, and how they get them if not.

    Raises:
        ValueError: EYES is set to something else than what there is.
    """
    wanted = environ.get(EYES_VARIABLE) or Eyes.AUTO
    if names_things(wanted):
        return "A small detector names common things: a person, a cat, a cup."
    if wanted == Eyes.CLASSICAL:
        return f"Things have no names, as {EYES_VARIABLE}={wanted} leaves the detector out: colours and shapes answer."
    return "Things have no names, as the detector is not here: colours and shapes answer. `make eyes` fetches it."
