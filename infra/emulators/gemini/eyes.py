"""Which eyes the emulator has: colours and shapes alone, or a detector beside them."""

from __future__ import annotations

from enum import StrEnum

from .vision import weights

EYES_VARIABLE = "EYES"


class Eyes(StrEnum):
    """What may be asked for."""

    AUTO = "auto"
    CLASSICAL = "classical"
    DETECTOR = "detector"


def names_things(wanted: str) -> bool:
    """Whether a detector is to name things.

    Raises:
        ValueError: `wanted` is none of the eyes, or the detector is wanted and its weights are not there.
    """
    if wanted not in {*Eyes}:
        raise ValueError(f"{EYES_VARIABLE}: expected {', '.join(Eyes)}, found {wanted!r}")
    if wanted == Eyes.CLASSICAL:
        return False
    if wanted == Eyes.AUTO:
        return weights.present()
    try:
        for part in weights.PARTS:
            weights.read(part)
    except weights.NoWeightsError as error:
        raise ValueError(
            f"the detector's weights are not there ({error}): `python -m {weights.__name__}` fetches them"
        ) from error
    return True
