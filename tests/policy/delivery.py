"""Policies: nothing is lost, nothing runs twice, nothing runs for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.policy.access import FUNCTIONS
from tests.policy.parsed import strings

if TYPE_CHECKING:
    from tests.policy.parsed import Block, Infra

SUBSCRIPTIONS: Final = "google_pubsub_subscription"
WITHOUT_DEAD_LETTERS: Final = {
    "google_pubsub_subscription.dead_letter": "dead letters of dead letters would go round in circles",
    "google_pubsub_subscription.release": "the next tick does what a lost one would have done",
}
WATCHED: Final = {
    "pubsub.googleapis.com/subscription/push_request_count": "google_pubsub_subscription.dead_letter",
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": "google_pubsub_subscription.worker",
    'jsonPayload.message = "held"': "google_cloudfunctions2_function.pushed",
}
"""What an alert must look at, and where."""

_DAYS_OF_REDELIVERY: Final = 14
"""7 in a subscription, and 7 more as a dead letter."""


def deadlines(infra: Infra) -> list[str]:
    """Worker's own deadline < platform's time-out (<= 540 s) < ack deadline (<= 600 s) < lease."""
    seconds = infra.default("deadlines_s") or {}
    worker, platform, ack, lease = (seconds.get(name, 0) for name in ("worker", "platform", "ack", "lease"))
    problems = []
    if not 0 < worker < platform < ack <= 600 or not platform <= 540 or not ack < lease:
        problems.append(
            f"deadlines_s: {worker} < {platform} <= 540, {platform} < {ack} <= 600, {ack} < {lease} does not hold."
        )
    problems += [
        f"{block.address}: ack_deadline_seconds is {found}, expected ${{var.deadlines_s.ack}}."
        for block in infra.of(SUBSCRIPTIONS)
        if (found := block.one("ack_deadline_seconds")) != "${var.deadlines_s.ack}"
    ]
    problems += [
        f"{block.address}: timeout_seconds is {found}, expected ${{var.deadlines_s.platform}}."
        for block in infra.of(FUNCTIONS)
        if (found := block.one("service_config", "timeout_seconds")) != "${var.deadlines_s.platform}"
    ]
    for name, part in (("TIMEOUT_S", "worker"), ("LEASE_TTL_S", "lease")):
        if infra.local_values["own_settings"].get(name) != f"${{tostring(var.deadlines_s.{part})}}":
            problems.append(f"local.own_settings: {name} is not deadlines_s.{part}.")
    return problems


def dead_letters(infra: Infra) -> list[str]:
    """What is delivered in vain goes to a topic that somebody drains, and Pub/Sub may put it there."""
    problems = []
    for block in infra.of(SUBSCRIPTIONS):
        policy = block.one("dead_letter_policy")
        if policy is None:
            if block.address not in WITHOUT_DEAD_LETTERS:
                problems.append(f"{block.address}: has no dead letters, and no reason for it.")
            continue
        problems += _drained(block, infra)
        if not 5 <= (block.one("dead_letter_policy", "max_delivery_attempts") or 0) <= 100:
            problems.append(f"{block.address}: expected 5 to 100 delivery attempts.")
    return problems


def _drained(block: Block, infra: Infra) -> list[str]:
    problems = []
    topic = block.one("dead_letter_policy", "dead_letter_topic")
    drains = [
        each
        for each in infra.of(SUBSCRIPTIONS)
        if each.one("topic") == topic and '.pushed["dead_letter"]' in str(each.one("push_config", "push_endpoint"))
    ]
    if not drains:
        problems.append(f"{block.address}: nobody drains {topic}: dead letters would be lost.")
    if not _granted(infra, "topic", infra.references(topic), "roles/pubsub.publisher"):
        problems.append(f"{block.address}: Pub/Sub may not publish to {topic}: dead letters would never get there.")
    if not _granted(infra, "subscription", {block.address}, "roles/pubsub.subscriber"):
        problems.append(f"{block.address}: Pub/Sub may not take dead letters off it.")
    return problems


def _granted(infra: Infra, kind: str, resource: set[str], role: str) -> bool:
    return any(
        block.one("role") == role
        and infra.references(block.one(kind)) == resource
        and '.agent["pubsub.googleapis.com"]' in str(block.one("member"))
        for block in infra.of(f"google_pubsub_{kind}_iam_member")
    )


def pushes(infra: Infra) -> list[str]:
    """Push subscriptions never expire, say how they retry, name their topic in the path, and sign what they send."""
    problems = []
    for block in infra.of(SUBSCRIPTIONS):
        uri, _, topic = str(block.one("push_config", "push_endpoint")).partition("/")
        expected: dict[str, tuple[Any, Any]] = {
            "expiration_policy.ttl": ("", block.one("expiration_policy", "ttl")),
            "the endpoint's path": (block.one("topic"), topic),
            "the token's audience": (uri, block.one("push_config", "oidc_token", "audience")),
            "the token's account": (
                "${google_service_account.push.email}",
                block.one("push_config", "oidc_token", "service_account_email"),
            ),
        }
        problems += [
            f"{block.address}: {what} is {found!r}, expected {wanted!r}."
            for what, (wanted, found) in expected.items()
            if found != wanted
        ]
        problems += [
            f"{block.address}: {'.'.join(path)} is not stated."
            for path in (
                ("retry_policy", "minimum_backoff"),
                ("retry_policy", "maximum_backoff"),
                ("message_retention_duration",),
            )
            if not block.one(*path)
        ]
    return problems


def triggers(infra: Infra) -> list[str]:
    """A storage event is retried, and first comes when everything behind it is there."""
    triggered = [block for block in infra.of(FUNCTIONS) if block.one("event_trigger")]
    problems = [] if triggered else ["No function has a storage trigger."]
    for block in triggered:
        if block.one("event_trigger", "retry_policy") != "RETRY_POLICY_RETRY":
            problems.append(f"{block.address}: an event would be dropped at the first failure.")
        if "google_pubsub_subscription.worker" not in infra.references(block.one("depends_on")):
            problems.append(f"{block.address}: could run before the workers' subscriptions exist, and lose events.")
    return problems


def bounds(infra: Infra) -> list[str]:
    """Instances, threads and spending have ceilings from the first apply on."""
    problems = []
    for block in infra.of(FUNCTIONS):
        config = block.one("service_config")[0]
        if config.get("max_instance_count") != "${each.value.instances}":
            problems.append(f"{block.address}: max_instance_count is not stated.")
        if config.get("max_instance_request_concurrency") != "${each.value.concurrency}":
            problems.append(f"{block.address}: max_instance_request_concurrency is not stated.")
        if "THREADS = tostring(each.value.concurrency)" not in str(config.get("environment_variables")):
            problems.append(f"{block.address}: THREADS is not the concurrency: requests would queue inside.")
    problems += [
        f"var.{name}: has no ceiling by default, but {infra.default(name)!r}."
        for name in ("max_calls_per_day", "max_usd_per_day", "max_instances")
        if not isinstance(infra.default(name), int | float) or infra.default(name) <= 0
    ]
    return problems


def lifetimes(infra: Infra) -> list[str]:
    """Work outlives any redelivery, and not much more; what is deleted there is gone."""
    (work,) = [block for block in infra.of("google_storage_bucket") if block.name == "work"]
    problems = []
    age = work.one("lifecycle_rule", "condition", "age") or 0
    if not _DAYS_OF_REDELIVERY < age <= 90 or work.one("lifecycle_rule", "action", "type") != "Delete":
        problems.append(f"{work.address}: expected to delete after more than {_DAYS_OF_REDELIVERY} days, found {age}.")
    if work.one("soft_delete_policy", "retention_duration_seconds") != 0:
        problems.append(f"{work.address}: keeps every deleted lease.")
    problems += [
        f"{block.address}: soft delete is not stated, and on by default."
        for block in infra.of("google_storage_bucket")
        if block.one("soft_delete_policy", "retention_duration_seconds") is None
    ]
    return problems


def alerts(infra: Infra) -> list[str]:
    """Dead letters, backlog and held events are alerted on, and every alert is mailed to whoever gave an address."""
    policies = infra.of("google_monitoring_alert_policy")
    filters = [
        (" ".join(strings(each)).replace('\\"', '"'), infra.references(each))
        for each in (block.one("conditions") for block in policies)
    ]
    problems = [
        f"{what} of {where}: nobody is told of it."
        for what, where in WATCHED.items()
        if not any(what in text and where in references for text, references in filters)
    ]
    problems += [
        f"{block.address}: is mailed to nobody."
        for block in policies
        if infra.references(block.one("notification_channels")) != {"google_monitoring_notification_channel.email"}
    ]
    problems += [
        f"{block.address}: is not made exactly where alert_email is given."
        for block in (*policies, *infra.of("google_monitoring_notification_channel"))
        if block.one("count") != "${var.alert_email == null ? 0 : 1}"
    ]
    return problems
