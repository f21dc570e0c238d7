"""The registry of Gemini models: what each takes, what it answers with and what it costs (`models.toml`)."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.limits import BackendName

MaskStyle = Literal["png", "polygon", "none"]
WARN_DAYS_BEFORE_RETIREMENT = 30
_SERVICES: Mapping[str, str] = {"developer": "the Gemini Developer API", "vertex": "Vertex AI"}
_SWITCHED_OFF = "switched_off"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens from a day on."""

    start: dt.date
    usd_in: float
    usd_out: float


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What one model id takes and gives. `known` is False for an id the registry has never heard of.

    The defaults are what today's models have in common: they are safe to ask a new one with.
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
    prices: tuple[Price, ...] = ()
    retired: dt.date | None = None
    successor: str | None = None
    known: bool = True

    def level(self, wanted: str) -> str:
        """Return the thinking level to ask for: the wanted one, or the lowest where the model rejects it."""
        return wanted if wanted in self.levels else self.levels[0]

    def thinks(self, wanted: str) -> str:
        """Return, for people, how it is asked to think where this level is wanted."""
        if self.thinking != "level":
            return f"budget {self.least_budget}" if self.thinking == "budget" else "none"
        level = self.level(wanted)
        return level if level == wanted else f"{level} ({wanted} is not among {', '.join(self.levels)})"

    def resolution(self, wanted: str) -> str:
        """Return the media resolution to ask for: the wanted one, or the highest where the model rejects it."""
        return wanted if wanted in self.media_resolutions else self.media_resolutions[-1]


def profile(model_id: str) -> ModelProfile:
    """Return the profile of a model; an unknown id gets the defaults of today's models, and `known=False`."""
    return _registry().get(model_id) or _switched_off().get(model_id) or ModelProfile(model_id, known=False)


def known_models() -> tuple[ModelProfile, ...]:
    """Return every profile of the registry, in the file's order."""
    return tuple(_registry().values())


def switched_off() -> tuple[ModelProfile, ...]:
    """Return the ids of which nothing is known but when they went and what to name instead, in the file's order."""
    return tuple(_switched_off().values())


def refusal(model: ModelProfile, today: dt.date) -> str | None:
    """Return why a model must not be named in the rules any more, or None."""
    if model.retired is None or today < model.retired:
        return None
    return f"{model.id} was retired on {model.retired}: name {model.successor} instead"


def unserved(model: ModelProfile, backend: BackendName) -> str | None:
    """Return why a model cannot be asked by this back end, or None."""
    if backend in model.backends:
        return None
    served = " and ".join(_SERVICES[each] for each in model.backends)
    return (
        f"{model.id} is served by {served}, and {_SERVICES[backend]} is asked: name a model that this one has,"
        " or change the back end (GOOGLE_GENAI_USE_ENTERPRISE)"
    )


def caution(model: ModelProfile, today: dt.date) -> str | None:
    """Return what an operator should know about a model that may be named, or None."""
    if model.id.endswith("-latest"):
        return (
            f"{model.id} is an alias: the model behind it changes without notice, and with it results and price;"
            " name the id of one model, as docs/models.md has them"
        )
    if not model.known:
        return f"{model.id} is not in the model registry: it is asked like a model of today, and its price is unknown"
    if model.retired is None or (model.retired - today).days > WARN_DAYS_BEFORE_RETIREMENT:
        return None
    return (
        f"{model.id} will be retired on {model.retired}, and ingest refuses to start from then on:"
        f" name {model.successor}"
    )


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("shared.core.gemini").joinpath("models.toml").read_text(encoding="utf-8"))


@cache
def _registry() -> dict[str, ModelProfile]:
    return {model_id: _profile(model_id, table) for model_id, table in _document().items() if model_id != _SWITCHED_OFF}


@cache
def _switched_off() -> dict[str, ModelProfile]:
    return {
        model_id: ModelProfile(model_id, retired=row["retired"], successor=row["successor"])
        for model_id, row in _document()[_SWITCHED_OFF].items()
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
        prices=tuple(Price(row["from"], row["usd_in"], row["usd_out"]) for row in table["prices"]),
        retired=table.get("retired"),
        successor=table.get("successor"),
    )
