"""Topic and subscription resources: defaults, checks and masked updates, all on copies."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .delivery_policy import DEFAULT_MAX_ATTEMPTS, seconds
from .errors import Refusal, invalid
from .filters import FilterError, compile_filter
from .limits import check_name
from .models import proto

if TYPE_CHECKING:
    from collections.abc import Collection

    from .models import Proto

DAY_S = 86_400
DEFAULT_ACK_DEADLINE_S = 10
DEFAULT_BACKOFF_S = {"minimum_backoff": 10, "maximum_backoff": 600}

NOT_EMULATED = (
    "ingestion_data_source_settings",
    "message_transforms",
    "bigquery_config",
    "cloud_storage_config",
    "bigtable_config",
)
"""Fields that would change what is delivered: accepting them silently would be a lie."""

IMMUTABLE = {
    "Topic": {"name"},
    "Subscription": {"name", "topic", "filter", "enable_message_ordering"},
    "Snapshot": {"name", "topic"},
}


def new_topic(request: Proto) -> Proto:
    """Return the topic that a create request asks for."""
    check_name("topics", request.name)
    _check_emulated(request)
    return replaced(request, state=1)


def new_subscription(request: Proto) -> Proto:
    """Return the subscription that a create request asks for, with the service's defaults filled in."""
    check_name("subscriptions", request.name)
    _check_emulated(request)
    config = replaced(request, state=1, detached=False)
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.FromSeconds(7 * DAY_S)
    if not config.HasField("expiration_policy"):
        config.expiration_policy.ttl.FromSeconds(31 * DAY_S)
    return _checked(config)


def updated(current: Proto, request: Proto, mask: Proto) -> Proto:
    """Return `current` with the fields that `mask` names taken from `request`."""
    kind = current.DESCRIPTOR.name
    if not mask.paths or not mask.IsValidForDescriptor(current.DESCRIPTOR):
        raise invalid(f"update_mask must name fields of {kind}, found {list(mask.paths)}.")
    if fixed := _roots(mask.paths) & IMMUTABLE[kind]:
        raise invalid(f"Invalid update_mask: {', '.join(sorted(fixed))} cannot be changed after creation.")
    config = replaced(current)
    mask.MergeMessage(request, config, True, True)
    _check_emulated(config)
    return _checked(config) if kind == "Subscription" else config


def with_push(current: Proto, push_config: Proto) -> Proto:
    """Return the subscription with another push configuration (an empty one makes it a pull subscription)."""
    config = replaced(current)
    config.push_config.CopyFrom(push_config)
    return _checked(config)


def replaced(source: Proto, **fields: object) -> Proto:
    """Return a copy of a resource with some plain fields set."""
    copy = proto(source.DESCRIPTOR.name)()
    copy.CopyFrom(source)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def _checked(config: Proto) -> Proto:
    config.ack_deadline_seconds = config.ack_deadline_seconds or DEFAULT_ACK_DEADLINE_S
    _check_range("ack_deadline_seconds", config.ack_deadline_seconds, 10, 600)
    _check_range("message_retention_duration", seconds(config.message_retention_duration), 600, 31 * DAY_S)
    _check_filter(config.filter)
    if config.push_config.push_endpoint:
        _check_endpoint(config.push_config.push_endpoint)
    if config.HasField("dead_letter_policy"):
        _check_dead_letters(config.dead_letter_policy)
    if config.HasField("retry_policy"):
        _check_retries(config.retry_policy)
    return config


def _check_filter(text: str) -> None:
    try:
        compile_filter(text)
    except FilterError as error:
        raise invalid(f"Invalid filter {text!r}: {error}.") from error


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        legal = url.isascii() and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        legal = False
    if not legal:
        raise invalid(f"Invalid push endpoint given (endpoint={url}): expected an http:// or https:// URL.")


def _check_dead_letters(policy: Proto) -> None:
    policy.max_delivery_attempts = policy.max_delivery_attempts or DEFAULT_MAX_ATTEMPTS
    _check_range("dead_letter_policy.max_delivery_attempts", policy.max_delivery_attempts, 5, 100)
    check_name("topics", policy.dead_letter_topic)


def _check_retries(policy: Proto) -> None:
    for name, default_s in DEFAULT_BACKOFF_S.items():
        if not policy.HasField(name):
            getattr(policy, name).FromSeconds(default_s)
        _check_range(f"retry_policy.{name}", seconds(getattr(policy, name)), 0, 600)
    if seconds(policy.minimum_backoff) > seconds(policy.maximum_backoff):
        raise invalid("retry_policy.minimum_backoff must not be above retry_policy.maximum_backoff.")


def _check_range(name: str, value: float, low: int, high: int) -> None:
    if not low <= value <= high:
        raise invalid(f"Invalid {name}: expected {low} to {high}, found {value:g}.")


def _check_emulated(config: Proto) -> None:
    for field, _ in config.ListFields():
        if field.name in NOT_EMULATED:
            raise Refusal("UNIMPLEMENTED", f"{field.name} is not emulated: leave it out of the local configuration.")


def _roots(paths: Collection[str]) -> set[str]:
    return {path.split(".")[0] for path in paths}
