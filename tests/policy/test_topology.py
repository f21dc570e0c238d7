"""The local stack is the deployed system, but for its haste: names, filters, dead letters and threads are the same."""

from __future__ import annotations

from infra.local import topology
from tests.policy import expanded
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

INFRA = parse(FILES)
PREFIX = f"{INFRA.default('prefix')}-"
PUSHED = [each for each in topology.SUBSCRIPTIONS if not each.cloud_event]
TRIGGERED = [each for each in topology.SUBSCRIPTIONS if each.cloud_event]


def _deployed() -> dict[str, dict[str, object]]:
    """Return the deployed push subscriptions by their local names."""
    return {
        expanded.text(block.body["name"], key, INFRA).removeprefix(PREFIX): {
            "topic": expanded.text(block.body["topic"], key, INFRA).removeprefix(PREFIX),
            "filter": expanded.text(block.body.get("filter", ""), key, INFRA),
            "attempts": block.one("dead_letter_policy", "max_delivery_attempts"),
            "function": key or block.name,
        }
        for block in INFRA.of("google_pubsub_subscription")
        for key in expanded.keys(block, INFRA, forget=True)
    }


def test_both_have_the_same_push_subscriptions() -> None:
    deployed = _deployed()

    assert {each.name for each in PUSHED} == deployed.keys()
    for each in PUSHED:
        there = deployed[each.name]
        assert (each.topic, each.function, each.message_filter) == (there["topic"], there["function"], there["filter"])
        assert (each.attempts is None) == (there["attempts"] is None)


def test_the_laptop_gives_up_no_later_than_the_deployed_system() -> None:
    deployed = _deployed()

    for each in PUSHED:
        if each.attempts is not None:
            assert 5 <= each.attempts <= int(str(deployed[each.name]["attempts"])) <= 100


def test_both_wake_functions_by_the_same_storage_events() -> None:
    events = INFRA.local_values["storage_events"]

    assert {each.function: each.message_filter for each in TRIGGERED} == {
        function: f'attributes.ce-type = "{event}"' for function, event in events.items()
    }


def test_both_have_the_same_topics_and_buckets() -> None:
    topics = expanded.names(INFRA, "google_pubsub_topic")
    buckets = expanded.names(INFRA, "google_storage_bucket") - {f"{expanded.PROJECT}-{PREFIX}source"}

    # Eventarc makes the topic of the storage events by itself.
    assert {PREFIX + each for each in topology.TOPICS if each != topology.UPLOAD_EVENTS} == topics
    assert {f"{expanded.PROJECT}-{PREFIX}{each}" for each in topology.BUCKETS} == buckets


def test_both_run_the_same_functions_on_as_many_threads() -> None:
    deployed = {name: each["concurrency"] for name, each in INFRA.local_values["entry_points"].items()}

    assert {each.name: each.concurrency for each in topology.FUNCTIONS} == deployed
