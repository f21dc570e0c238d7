"""What mends a failure or ends a wait, by its error code: the one place that decides it.

`status` groups by it, `redrive --worth` chooses by it, and a test holds it to the tables of docs/consumers.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from shared.core.errors import ErrorCode
from shared.core.gemini.registry import profile
from shared.core.gemini.service import stand_in
from shared.core.planning.model_checks import model_to_ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.service import Service

Way = Literal["redrive", "upload", "run"]
"""redrive: the same again, once its cause is gone. upload: another upload. run: other rules, and a new run."""


@dataclass(frozen=True, slots=True)
class Mend:
    """What mends the failures of one error code. `first` says what to do before, in words that follow a "First"."""

    way: Way
    first: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Why events are held, for one error code, and what happens by itself. `first`: what to do for it to end sooner."""

    why: str
    next_step: str
    first: str


_FAILURES: Final[Mapping[ErrorCode, Mend]] = {
    ErrorCode.BAD_ASPECT: Mend("upload", "cut the image into parts"),
    ErrorCode.BAD_MANIFEST: Mend("upload", "correct the manifest"),
    ErrorCode.BAD_MANIFEST_IMAGE: Mend("redrive", "upload the images that the message names"),
    ErrorCode.CORRUPT: Mend("upload", "export the image again"),
    ErrorCode.DEAD_LETTER: Mend("redrive", "mend what the message names"),
    ErrorCode.EMPTY_FILE: Mend("upload", "find the whole file"),
    ErrorCode.FAILED: Mend("run", "choose another prompt or model in the rules"),
    ErrorCode.FOREIGN_BUCKET: Mend("redrive", "add the bucket to UPLOAD_BUCKETS"),
    ErrorCode.FOREIGN_RESULT: Mend("redrive", "delete the object that the message names"),
    ErrorCode.IMAGE_REFUSED: Mend("upload", "convert the image to PNG or JPEG"),
    ErrorCode.NOT_AN_IMAGE: Mend("upload", "find the image itself"),
    ErrorCode.REQUEST_REFUSED: Mend("run", "correct in the rules what the message names"),
    ErrorCode.STORAGE_REFUSED: Mend("redrive", "give readers the key or the right that the message names"),
    ErrorCode.TOO_MANY_BYTES: Mend("upload", "make the image smaller"),
    ErrorCode.TOO_MANY_PIXELS: Mend("upload", "scale the image down"),
    ErrorCode.TRUNCATED: Mend("upload", "find the whole file"),
}

_UNKNOWN: Final = Mend("redrive", "update Uplook here: a newer version knows what this code means")

_WAITS: Final[Mapping[ErrorCode, Wait]] = {
    ErrorCode.CONFIGURATION: Wait(
        "Gemini refuses the key or the model, or a role is missing",
        "Once an hour, one goes ahead as a probe; when it has its answer, the others follow.",
        "mend what the reason names",
    ),
    ErrorCode.DAILY_CEILING: Wait(
        "the day's ceiling is reached",
        "After that, each tick releases as many as the new day has room for.",
        "raise MAX_CALLS_PER_DAY or MAX_USD_PER_DAY",
    ),
    ErrorCode.DAILY_QUOTA: Wait(
        "Gemini's quota of the day is used up",
        "After that, each tick releases as many as the new day has room for.",
        "get more quota from Google",
    ),
    ErrorCode.MODEL_AWAY: Wait(
        "Gemini has been away or overloaded for a while",
        "Once an hour, one goes ahead as a probe; when it has its answer, the others follow.",
        "wait until Gemini answers again",
    ),
}


def failure_codes() -> tuple[str, ...]:
    """Return the codes that a failed result can have, in the order of the alphabet."""
    return tuple(sorted(_FAILURES))


def mend_of(code: str) -> Mend:
    """Return what mends a failure of this code; one that this version does not know is never worth a redrive."""
    known = {str(each): mend for each, mend in _FAILURES.items()}
    return known.get(code, _UNKNOWN)


def is_worth_a_redrive(code: str) -> bool:
    """Whether the same request can succeed where its cause is gone: the cause lies outside of image and request.

    >>> is_worth_a_redrive("dead_letter"), is_worth_a_redrive("corrupt"), is_worth_a_redrive("a_code_of_tomorrow")
    (True, False, False)
    """
    return code in failure_codes() and mend_of(code).way == "redrive"


def wait_of(code: str) -> Wait:
    """Return why events of this code are held, and what happens by itself; an unknown code speaks for itself."""
    known = {str(each): wait for each, wait in _WAITS.items()}
    return known.get(code) or Wait(code, "The tick of their hour looks at them.", "update Uplook here")


def model_mend(task: str, model: str, service: Service) -> str | None:
    """Return what to do first where no service answers the model that held events want today; None where one does."""
    if model_to_ask(task, model, service).refused is None:
        return None
    instead = stand_in(profile(model), service)
    if instead is not None:
        return (
            f"set USE_SUCCESSORS=true in the settings of the functions: {instead.id} is asked in place of {model} then"
        )
    return f"change the settings of the functions so that {model} answers; nothing is known to stand in for it"
