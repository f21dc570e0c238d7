"""Which models a service answers today: what it has shut down, what it may have, and what is asked in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.gemini.registry import SERVICES, checked_on, successors

if TYPE_CHECKING:
    import datetime as dt

    from shared.core.gemini.registry import BackendName, ModelProfile

WARN_DAYS_BEFORE_END = 30


@dataclass(frozen=True, slots=True)
class Service:
    """What is asked today (UTC): a back end, on Vertex at a `location`, and whether a model's successor may stand in.

    A task's own default model is always replaced by its successor; `use_successors` says so of the models that the
    rules name.
    """

    backend: BackendName
    today: dt.date
    location: str = "global"
    use_successors: bool = False

    @property
    def name(self) -> str:
        """Its name for people."""
        return SERVICES[self.backend]


def refusal(model: ModelProfile, service: Service) -> str | None:
    """Return why a service does not answer a model today, with what to do, or None where it does."""
    return _shut_down(model, service) or _unserved(model, service)


def may_be_off(model: ModelProfile, service: Service) -> bool:
    """Whether a service does not answer a model, or has announced nothing beyond this day."""
    end = model.ends.get(service.backend)
    return refusal(model, service) is not None or (end is not None and service.today >= end.day)


def stand_in(model: ModelProfile, service: Service) -> ModelProfile | None:
    """Return the first of a model's successors that certainly answers today, or None."""
    return next((each for each in successors(model, service.backend) if not may_be_off(each, service)), None)


def caution(model: ModelProfile, service: Service) -> str | None:
    """Return what an operator should know about a model that may be named, or None."""
    if model.id.endswith("-latest"):
        return (
            f"{model.id} is an alias: the model behind it changes without notice, and with it results and price;"
            " name the id of one model, as docs/models.md has them"
        )
    if not model.known:
        return f"{model.id} is not in the model registry: it is asked like a model of today, and its price is unknown"
    return _ends_soon(model, service) or _short_notice(model, service)


def _shut_down(model: ModelProfile, service: Service) -> str | None:
    end = model.ends.get(service.backend)
    if end is None or not end.firm or service.today < end.day:
        return None
    return f"{model.id} was shut down by {service.name} on {end.day}: {_instead(model, service)}"


def _unserved(model: ModelProfile, service: Service) -> str | None:
    if service.backend not in model.backends:
        served = " and ".join(SERVICES[each] for each in model.backends)
        return (
            f"{model.id} is served by {served}, and {service.name} is asked: name a model that this one has,"
            " or change the back end (GOOGLE_GENAI_USE_ENTERPRISE)"
        )
    if service.backend == "vertex" and model.locations and service.location not in model.locations:
        return (
            f"{model.id} is served by Vertex AI in {', '.join(model.locations)} only, and {service.location} is asked:"
            " name another model, or change GOOGLE_CLOUD_LOCATION"
        )
    return None


def _ends_soon(model: ModelProfile, service: Service) -> str | None:
    end = model.ends.get(service.backend)
    if end is None or (end.day - service.today).days > WARN_DAYS_BEFORE_END:
        return None
    if end.firm:
        return (
            f"{model.id} will be shut down by {service.name} on {end.day}, and images that need it are held from then"
            f" on: {_instead(model, service)}"
        )
    return f"{model.id} may be shut down by {service.name} from {end.day} on: {_instead(model, service)}"


def _short_notice(model: ModelProfile, service: Service) -> str | None:
    days = model.notice_days.get(service.backend)
    if days is None or (service.today - checked_on()).days <= days:
        return None
    return (
        f"{service.name} tells {days} days before it shuts {model.id} down, and the model registry was last compared"
        f" with Google's pages on {checked_on()}: compare it again (python -m shared.operate models --check FILE)"
    )


def _instead(model: ModelProfile, service: Service) -> str:
    instead = stand_in(model, service)
    return f"name {instead.id}, or set USE_SUCCESSORS=true" if instead else "name another model"
