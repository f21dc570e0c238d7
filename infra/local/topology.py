"""What the stack consists of: buckets, topics, subscriptions and functions, by the names of the deployed system."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.tasks.catalogue import TASKS

PROJECT = "local-dev"
UPLOADS, RESULTS, WORK = "uploads", "results", "work"
BUCKETS = (UPLOADS, RESULTS, WORK)

IMAGE_EVENTS, IMAGE_RESULTS, IMAGE_DEAD = "image-events", "image-results", "image-dead"
IMAGE_BACKFILL = "image-backfill"  # the same messages as image-events: a lane for what lay there before
IMAGE_TICKS = "image-ticks"  # what Cloud Scheduler publishes to
UPLOAD_EVENTS = "eventarc-uploads"  # the internal topic that Eventarc makes for a storage trigger
TOPICS = (UPLOAD_EVENTS, IMAGE_EVENTS, IMAGE_BACKFILL, IMAGE_RESULTS, IMAGE_DEAD, IMAGE_TICKS)

WORKER_TIMEOUT_S = 120
LEASE_TTL_S = 180
ACK_DEADLINE_S = 150  # worker time-out < ack deadline <= 600 s, and < lease TTL: a late answer is never a second run
BACKFILL_BACKOFF_S = 6  # of a backfill's events: where workers are busy, live ones are tried again six times before


@dataclass(frozen=True, slots=True)
class Function:
    """One deployed function: its entry point in `main.py`, and how many events an instance works on at once."""

    name: str
    concurrency: int


FUNCTIONS = (
    Function("ingest", 16),
    *(Function(task, 8) for task in TASKS),
    Function("dead_letter", 4),
    Function("release", 1),
    Function("forget", 4),
)

OPTIONAL = frozenset({"forget"})
"""Functions that the stack starts only if asked: who tidies up uploads may want to keep what was found in them."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One push subscription.

    `cloud_event` pushes a bucket's notification as a binary-mode CloudEvent, as Eventarc does. The others push
    Pub/Sub's JSON. Dead letters go to `image-dead` after `attempts` deliveries: with their pauses, longer than a lease
    lives whose holder was killed.
    """

    name: str
    topic: str
    function: str
    message_filter: str = ""
    attempts: int | None = 20
    min_backoff_s: int = 1
    max_backoff_s: int = 60
    cloud_event: bool = False


SUBSCRIPTIONS = (
    Subscription(
        "trigger-ingest",
        UPLOAD_EVENTS,
        "ingest",
        message_filter='attributes.eventType = "OBJECT_FINALIZE"',
        cloud_event=True,
    ),
    Subscription(
        "trigger-forget",
        UPLOAD_EVENTS,
        "forget",
        message_filter='attributes.eventType = "OBJECT_DELETE"',
        cloud_event=True,
    ),
    *(Subscription(task, IMAGE_EVENTS, task, message_filter=f'attributes.task = "{task}"') for task in TASKS),
    *(
        Subscription(
            f"backfill-{task}",
            IMAGE_BACKFILL,
            task,
            message_filter=f'attributes.task = "{task}"',
            min_backoff_s=BACKFILL_BACKOFF_S,
        )
        for task in TASKS
    ),
    Subscription("dead-letter", IMAGE_DEAD, "dead_letter", attempts=None),
    Subscription("release", IMAGE_TICKS, "release", attempts=None),
)


def topic_path(topic: str) -> str:
    """Return `projects/P/topics/T`."""
    return f"projects/{PROJECT}/topics/{topic}"


def subscription_path(subscription: str) -> str:
    """Return `projects/P/subscriptions/S`."""
    return f"projects/{PROJECT}/subscriptions/{subscription}"
