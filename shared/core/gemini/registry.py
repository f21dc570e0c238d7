"""The registry of Gemini models: what each takes, answers with and costs, and when it ends (`models.toml`)."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BackendName = Literal["developer", "vertex"]
MaskStyle = Literal["png", "polygon", "none"]

THINKING_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
MEDIA_RESOLUTIONS = ("low", "medium", "high", "ultra_high")
"""What can be wished for, the lowest first."""

SERVICES: Mapping[BackendName, str] = {"developer": "the Gemini Developer API", "vertex": "Vertex AI"}
_NOT_MODELS = frozenset({"checked", "limits", "switched_off"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens from a day on."""

    start: dt.date
    usd_in: float
    usd_out: float


@dataclass(frozen=True, slots=True)
class End:
    """What one back end has announced of a model's end.

    `firm`: it is shut down on this day. Otherwise it is not before this day, and may come later. `successor` is the
    id to name instead.
    """

    day: dt.date
    firm: bool
    successor: str


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How many bytes one image may have: inside a request (before base64), as an object in a bucket, by https address.

    `inline` is None where only the whole request is limited.
    """

    inline: int | None
    object: int
    url: int


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What one model id takes and gives. `known` is False for an id the registry has never heard of.

    The defaults are what today's models have in common: they are safe to ask a new one with. `locations` is where
    Vertex serves it; empty is everywhere. `notice_days` says how long before its end a back end tells of it, where
    that is less than usual.
    """

    id: str
    thinking: Literal["level", "budget", "none"] = "level"
    levels: tuple[str, ...] = ("low", "medium", "high")
    least_budget: int = 0
    masks: MaskStyle = "polygon"
    media_resolutions: tuple[str, ...] = ("low", "medium", "high")
    sampling: bool = False
    counting: Literal["fixed", "tiles"] = "fixed"
    backends: tuple[BackendName, ...] = ("developer", "vertex")
    locations: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    ends: Mapping[BackendName, End] = field(default_factory=dict)
    notice_days: Mapping[BackendName, int] = field(default_factory=dict)
    own_limits: Mapping[BackendName, Mapping[str, int]] = field(default_factory=dict)
    known: bool = True

    def level(self, wanted: str) -> str:
        """Return the thinking level to ask for: the wanted one, or the nearest lower one that the model takes."""
        return _nearest(wanted, self.levels, THINKING_LEVELS)

    def thinks(self, wanted: str) -> str:
        """Return, for people, how it is asked to think where this level is wanted."""
        if self.thinking != "level":
            return f"budget {self.least_budget}" if self.thinking == "budget" else "none"
        level = self.level(wanted)
        return level if level == wanted else f"{level} ({wanted} is not among {', '.join(self.levels)})"

    def resolution(self, wanted: str) -> str:
        """Return the media resolution to ask for: the wanted one, or the nearest lower one that the model takes."""
        return _nearest(wanted, self.media_resolutions, MEDIA_RESOLUTIONS)

    def limits(self, backend: BackendName) -> ImageLimits:
        """Return how large one image may be on a back end."""
        table = {**_document()["limits"][backend], **self.own_limits.get(backend, {})}
        return ImageLimits(table.get("inline"), table["object"], table["url"])


def profile(model_id: str) -> ModelProfile:
    """Return the profile of a model; an unknown id gets the defaults of today's models, and `known=False`."""
    return _registry().get(model_id) or _switched_off().get(model_id) or ModelProfile(model_id, known=False)


def known_models() -> tuple[ModelProfile, ...]:
    """Return every profile of the registry, in the file's order."""
    return tuple(_registry().values())


def switched_off() -> tuple[ModelProfile, ...]:
    """Return the ids of which nothing is known but when they went and what to name instead, in the file's order."""
    return tuple(_switched_off().values())


def checked_on() -> dt.date:
    """Return the day on which the registry was last compared with Google's pages."""
    day: dt.date = _document()["checked"]
    return day


def successors(model: ModelProfile, backend: BackendName) -> Iterator[ModelProfile]:
    """Yield what a back end names instead of a model, then what it names instead of that, and so on."""
    seen = {model.id}
    while (end := model.ends.get(backend)) is not None and end.successor not in seen:
        seen.add(end.successor)
        model = profile(end.successor)
        yield model


def _nearest(wanted: str, taken: Sequence[str], order: Sequence[str]) -> str:
    """Return the highest of the words that are taken and not above the wanted one, or the lowest of them."""
    below = order[: order.index(wanted) + 1] if wanted in order else ()
    return next((each for each in reversed(taken) if each in below), taken[0])


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("shared.core.gemini").joinpath("models.toml").read_text(encoding="utf-8"))


@cache
def _registry() -> dict[str, ModelProfile]:
    return {
        model_id: _profile(model_id, table) for model_id, table in _document().items() if model_id not in _NOT_MODELS
    }


@cache
def _switched_off() -> dict[str, ModelProfile]:
    return {
        model_id: ModelProfile(
            model_id, ends=dict.fromkeys(SERVICES, End(row["retired"], firm=True, successor=row["successor"]))
        )
        for model_id, row in _document()["switched_off"].items()
    }


def _profile(model_id: str, table: Mapping[str, Any]) -> ModelProfile:
    return ModelProfile(
        id=model_id,
        thinking=table["thinking"],
        levels=tuple(table.get("levels", ())),
        least_budget=table.get("least_budget", 0),
        masks=table["masks"],
        media_resolutions=tuple(table["media_resolutions"]),
        sampling=table["sampling"],
        counting=table["counting"],
        backends=tuple(table["backends"]),
        locations=tuple(table.get("locations", ())),
        prices=tuple(Price(row["from"], row["usd_in"], row["usd_out"]) for row in table["prices"]),
        ends={backend: _end(row) for backend, row in table.get("ends", {}).items()},
        notice_days=table.get("notice_days", {}),
        own_limits=table.get("limits", {}),
    )


def _end(row: Mapping[str, Any]) -> End:
    firm = "on" in row
    return End(row["on"] if firm else row["not_before"], firm=firm, successor=row["successor"])
