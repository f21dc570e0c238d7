"""The local stack is the deployed system, but for its haste: names, filters, dead letters and threads are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.emulators.pubsub.push_request import CLOUD_EVENT_TYPES
from infra.local import topology
from tests.policy.computed import PROJECT
from tests.policy.delivery import pushed_to
from tests.policy.evaluated import made
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from tests.policy.evaluated import Made

INFRA = parse(FILES)
PREFIX = f"{INFRA.default('prefix')}-"
PUSHED = [each for each in topology.SUBSCRIPTIONS if not each.cloud_event]
TRIGGERED = [each for each in topology.SUBSCRIPTIONS if each.cloud_event]
NOTIFIED = {kind: name for name, kind in CLOUD_EVENT_TYPES.items()}


def _made(kind: str) -> list[Made]:
    return made(INFRA, kind, forget=True)


def _deployed() -> dict[str, Made]:
    """Return the deployed push subscriptions by their local names."""
    return {each.body["name"].removeprefix(PREFIX): each for each in _made("google_pubsub_subscription")}


def test_both_have_the_same_push_subscriptions() -> None:
    deployed = _deployed()

    assert {each.name for each in PUSHED} == deployed.keys()
    for each in PUSHED:
        there = deployed[each.name]
        assert f"projects/{PROJECT}/topics/{PREFIX}{each.topic}" == there.one("topic")
        assert (each.function, each.message_filter) == (pushed_to(there, INFRA), there.one("filter") or "")
        assert (each.attempts is None) == (there.one("dead_letter_policy") is None)


def test_the_laptop_gives_up_no_later_than_the_deployed_system() -> None:
    deployed = _deployed()

    for each in PUSHED:
        if each.attempts is not None:
            assert 5 <= each.attempts <= deployed[each.name].one("dead_letter_policy", "max_delivery_attempts") <= 100


def test_both_wake_functions_by_the_same_storage_events() -> None:
    functions = _made("google_cloudfunctions2_function")
    events = {each.key: each.one("event_trigger", "event_type") for each in functions if each.one("event_trigger")}

    assert {each.function: each.message_filter for each in TRIGGERED} == {
        function: f'attributes.eventType = "{NOTIFIED[event]}"' for function, event in events.items()
    }


def test_both_have_the_same_topics_and_buckets() -> None:
    topics = {each.body["name"] for each in _made("google_pubsub_topic")}
    buckets = {each.body["name"] for each in _made("google_storage_bucket")} - {f"{PROJECT}-{PREFIX}source"}

    # Eventarc makes the topic of the storage events by itself.
    assert {PREFIX + each for each in topology.TOPICS if each != topology.UPLOAD_EVENTS} == topics
    assert {f"{PROJECT}-{PREFIX}{each}" for each in topology.BUCKETS} == buckets


def test_both_run_the_same_functions_on_as_many_threads() -> None:
    deployed = {
        each.key: each.one("service_config", "max_instance_request_concurrency")
        for each in _made("google_cloudfunctions2_function")
    }

    assert {each.name: each.concurrency for each in topology.FUNCTIONS} == deployed
