"""How one subscription hands messages out and takes them back, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Proto

DEFAULT_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delay between deliveries, in seconds: doubled from `min_s` up to `max_s`."""

    min_s: float
    max_s: float

    def delay_s(self, attempt: int) -> float:
        """Return the delay after failed attempt number `attempt` (1 is the first)."""
        return float(min(self.max_s, self.min_s * 2.0 ** min(attempt - 1, 64)))


AT_ONCE = Backoff(0, 0)
PUSH_DEFAULT = Backoff(0.1, 60)
"""What Pub/Sub does with failing pushes where no retry policy is set."""


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The part of a subscription's settings that decides about deliveries; `max_attempts` None: no dead letters."""

    ack_deadline_s: float = 10
    ordered: bool = False
    retain_acked: bool = False
    backoff: Backoff = AT_ONCE
    max_attempts: int | None = None


def delivery_policy_of(config: Proto) -> DeliveryPolicy:
    """Return the policy that a (checked) subscription resource states."""
    dead_letters = config.dead_letter_policy.max_delivery_attempts or DEFAULT_MAX_ATTEMPTS
    return DeliveryPolicy(
        ack_deadline_s=config.ack_deadline_seconds,
        ordered=config.enable_message_ordering,
        retain_acked=config.retain_acked_messages,
        backoff=_backoff(config),
        max_attempts=dead_letters if config.HasField("dead_letter_policy") else None,
    )


def _backoff(config: Proto) -> Backoff:
    if config.HasField("retry_policy"):
        policy = config.retry_policy
        return Backoff(seconds(policy.minimum_backoff), seconds(policy.maximum_backoff))
    return PUSH_DEFAULT if config.push_config.push_endpoint else AT_ONCE


def seconds(duration: Proto) -> float:
    """Return a protocol buffer duration in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)
