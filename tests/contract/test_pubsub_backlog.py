"""What waits in Pub/Sub: as our emulator tells it over a socket, and as Cloud Monitoring's REST API does."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from shared.adapters.pubsub_backlog import emulated_backlog, monitored_backlog
from shared.core.errors import TransientError
from shared.core.operating.summary import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]

MESSAGES = "pubsub.googleapis.com/subscription/num_undelivered_messages"


def test_the_emulator_tells_what_waits_and_since_when(emulator: Controlled) -> None:
    topic = emulator.rig.topic()
    subscription = emulator.rig.subscription(topic)
    emulator.rig.publish(topic, b"1", b"2")

    before = {each.subscription: each for each in emulated_backlog(emulator.url)}[subscription.rpartition("/")[2]]
    for message in emulator.rig.pull(subscription, 2):
        emulator.rig.subscriber.acknowledge(subscription=subscription, ack_ids=[message.ack_id])
    after = {each.subscription: each for each in emulated_backlog(emulator.url)}[before.subscription]

    assert before.messages == 2
    assert before.oldest_s is not None
    assert before.oldest_s >= 0
    assert (after.messages, after.oldest_s) == (0, None)


def test_an_emulator_that_is_not_there_is_named() -> None:
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1 does not tell its backlog"):
        emulated_backlog("http://127.0.0.1:1")


def _series(subscription: str, *values: int) -> dict[str, Any]:
    """One time series as https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries has it, newest first."""
    return {
        "resource": {"type": "pubsub_subscription", "labels": {"project_id": "p", "subscription_id": subscription}},
        "points": [{"value": {"int64Value": str(value)}} for value in values],
    }


@contextlib.contextmanager
def _monitoring(pages: dict[tuple[str, str], Any], *, status: int = 200) -> Iterator[str]:
    """A server that answers by metric and page token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            assert url.path == "/v3/projects/p/timeSeries"
            assert query["interval.startTime"] < query["interval.endTime"]
            metric = query["filter"].removeprefix('metric.type="').removesuffix('"')
            body = json.dumps(pages.get((metric, query.get("pageToken", "")), {})).encode()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_cloud_monitoring_tells_it_page_by_page_of_this_deployment_alone() -> None:
    age = MESSAGES.replace("num_undelivered_messages", "oldest_unacked_message_age")
    pages = {
        (MESSAGES, ""): {"timeSeries": [_series("uplook-caption", 5, 9)], "nextPageToken": "more"},
        (MESSAGES, "more"): {"timeSeries": [_series("other-caption", 7), _series("uplook-detect", 0)]},
        (age, ""): {"timeSeries": [_series("uplook-caption", 130), {**_series("uplook-read"), "points": []}]},
    }

    with _monitoring(pages) as url, requests.Session() as session:
        found = monitored_backlog("p", prefix="uplook-", session=session, url=url)

    assert found == [Queue("uplook-caption", 5, 130.0), Queue("uplook-detect", 0, None)]


def test_who_may_not_read_it_is_told_which_role_would_do() -> None:
    with (
        _monitoring({}, status=403) as url,
        requests.Session() as session,
        pytest.raises(TransientError, match=r"answers 403; roles/monitoring\.viewer"),
    ):
        monitored_backlog("p", prefix="uplook-", session=session, url=url)
