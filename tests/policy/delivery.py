"""Policies: nothing is lost, nothing runs twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.policy.access import BUCKETS, FUNCTIONS
from tests.policy.computed import account
from tests.policy.evaluated import anything
from tests.policy.rights import all_grants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra

SUBSCRIPTIONS: Final = "google_pubsub_subscription"
WITHOUT_DEAD_LETTERS: Final = {
    "google_pubsub_subscription.bigquery": "a row takes every event of version 1, and the documents stay",
    "google_pubsub_subscription.dead_letter": "dead letters of dead letters would go round in circles",
    "google_pubsub_subscription.release": "the next tick does what a lost one would have done",
}
KEPT_S: Final = {"google_pubsub_subscription.release": 3600}
"""How long a subscription keeps events at least, where that is less than a week: until the next tick."""

EVENTS: Final = {
    "ingest": "google.cloud.storage.object.v1.finalized",
    "forget": "google.cloud.storage.object.v1.deleted",
}

_WEEK_S: Final = 604_800
_PATIENCE_S: Final = 7200
"""A fault that is over by then makes no dead letter."""


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
    problems: list[str] = []
    for each in anything(infra, SUBSCRIPTIONS):
        if each.one("dead_letter_policy") is not None:
            problems += _drained(each, infra)
        elif each.address not in WITHOUT_DEAD_LETTERS:
            problems.append(f"{each}: has no dead letters, and no reason for it.")
    return list(dict.fromkeys(problems))


def _drained(subscription: Made, infra: Infra) -> Iterator[str]:
    topic = str(subscription.one("dead_letter_policy", "dead_letter_topic"))
    name = subscription.body["name"]
    drains = {pushed_to(each, infra) for each in anything(infra, SUBSCRIPTIONS) if each.one("topic") == topic}
    if drains != {"dead_letter"}:
        yield f"{subscription}: nobody drains {topic}: dead letters would be lost."
    if not _granted(infra, _last(topic), "agent of pubsub", "roles/pubsub.publisher"):
        yield f"{subscription}: Pub/Sub may not publish to {topic}: dead letters would never get there."
    if not _granted(infra, name, "agent of pubsub", "roles/pubsub.subscriber"):
        yield f"{subscription}: Pub/Sub may not take dead letters off it."
    attempts = subscription.one("dead_letter_policy", "max_delivery_attempts") or 0
    if not 5 <= attempts <= 100:
        yield f"{subscription}: expected 5 to 100 delivery attempts."
    least, most = (_seconds(subscription.one("retry_policy", f"{each}_backoff")) for each in ("minimum", "maximum"))
    if (patience := sum(min(least * 2**attempt, most) for attempt in range(attempts))) < _PATIENCE_S:
        yield f"{subscription}: gives up after {patience} seconds, expected at least {_PATIENCE_S}."


def pushes(infra: Infra) -> list[str]:
    """Push subscriptions never expire, are patient, name their topic in the path, and sign what they send."""
    problems = []
    for each in (each for each in anything(infra, SUBSCRIPTIONS) if not each.one("bigquery_config")):
        audience = each.one("push_config", "oidc_token", "audience")
        expected = {
            "expiration_policy.ttl": ("", each.one("expiration_policy", "ttl")),
            "filter": (f'attributes.task = "{each.key}"' if each.key else None, each.one("filter")),
            "the endpoint's path": (f"{audience}/{each.one('topic')}", each.one("push_config", "push_endpoint")),
            "the token's account": (
                account("uplook-push"),
                each.one("push_config", "oidc_token", "service_account_email"),
            ),
        }
        problems += _different(each, expected)
        if pushed_to(each, infra) is None:
            problems.append(f"{each}: the token's audience is {audience}, and no function that is pushed to.")
        problems += _hasty(each)
    return problems


def rows(infra: Infra) -> list[str]:
    """A subscription that writes rows never expires, is patient, and takes a table's schema; events may outgrow it."""
    tables = {
        f"{each.body['project']}.{each.body['dataset_id']}.{each.body['table_id']}"
        for each in anything(infra, "google_bigquery_table")
        if each.one("schema")
    }
    problems = []
    for each in (each for each in anything(infra, SUBSCRIPTIONS) if each.one("bigquery_config")):
        (config,) = each.one("bigquery_config")
        flags = {
            name: (True, config.get(name)) for name in ("use_table_schema", "write_metadata", "drop_unknown_fields")
        }
        problems += _different(each, {"expiration_policy.ttl": ("", each.one("expiration_policy", "ttl")), **flags})
        problems += _hasty(each)
        if config["table"] not in tables:
            problems.append(f"{each}: writes to {config['table']}, which has no schema here.")
    return problems


def _hasty(each: Made) -> Iterator[str]:
    """Yield what of a subscription's patience is too short."""
    at_least = {
        ("retry_policy", "minimum_backoff"): 10,
        ("retry_policy", "maximum_backoff"): 300,
        ("message_retention_duration",): KEPT_S.get(each.address, _WEEK_S),
    }
    for path, least in at_least.items():
        if _seconds(each.one(*path)) < least:
            yield f"{each}: {'.'.join(path)} is {each.one(*path)}, expected at least {least} seconds."


def triggers(infra: Infra) -> list[str]:
    """Functions notice events of the uploads alone, each one kind; these are retried, and come when all is there."""
    uploads = next(each for each in anything(infra, BUCKETS) if each.address.endswith(".uploads"))
    triggered = [each for each in anything(infra, FUNCTIONS) if each.one("event_trigger")]
    problems = [] if triggered else ["No function has a storage trigger."]
    for each in triggered:
        (trigger,) = each.one("event_trigger")
        filters = [(found.get("attribute"), found.get("value")) for found in trigger.get("event_filters", [])]
        expected = {
            "event_filters": ([("bucket", uploads.body["name"])], filters),
            "event_type": (EVENTS.get(each.key), trigger.get("event_type")),
            "trigger_region": (uploads.body["location"], trigger.get("trigger_region")),
            "the caller": (account("uplook-trigger"), trigger.get("service_account_email")),
        }
        problems += _different(each, expected)
        if trigger.get("retry_policy") != "RETRY_POLICY_RETRY":
            problems.append(f"{each}: an event would be dropped at the first failure.")
    problems += [
        f"{block.address}: could run before the workers' subscriptions exist, and lose events."
        for block in infra.of(FUNCTIONS)
        if block.one("event_trigger") and f"{SUBSCRIPTIONS}.worker" not in infra.references(block.one("depends_on"))
    ]
    return problems


def ticks(infra: Infra) -> list[str]:
    """Held events are looked at every hour, and the scheduler may say when."""
    jobs = anything(infra, "google_cloud_scheduler_job")
    hourly = {
        job.one("pubsub_target", "topic_name")
        for job in jobs
        if re.fullmatch(r"[0-5]?\d \* \* \* \*", str(job.one("schedule")))
    }
    problems = []
    for each in (each for each in anything(infra, SUBSCRIPTIONS) if pushed_to(each, infra) == "release"):
        topic = str(each.one("topic"))
        if topic not in hourly:
            problems.append(f"{each}: expected a tick every hour, found {[job.one('schedule') for job in jobs]}.")
        if not _granted(infra, _last(topic), "agent of cloudscheduler", "roles/pubsub.publisher"):
            problems.append(f"{each}: the scheduler may not publish to {topic}.")
    return problems


def pushed_to(subscription: Made, infra: Infra) -> str | None:
    """Return the function that a subscription pushes to, None where it is none of ours."""
    uris = {
        f"https://{each.body['name']}.run.app": each.key
        for each in anything(infra, FUNCTIONS)
        if not each.one("event_trigger")
    }
    return uris.get(str(subscription.one("push_config", "oidc_token", "audience")))


def _different(each: Made, expected: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [
        f"{each}: {what} is {found!r}, expected {wanted!r}."
        for what, (wanted, found) in expected.items()
        if found != wanted
    ]


def _granted(infra: Infra, on: str, who: str, role: str) -> bool:
    return any((each.on, each.who, each.role) == (on, who, role) for each in all_grants(infra))


def _seconds(duration: Any) -> float:
    return float(str(duration or 0).removesuffix("s"))


def _last(path: str) -> str:
    return path.rpartition("/")[2]
