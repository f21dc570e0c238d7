"""How much waits in Pub/Sub's subscriptions: as our emulator tells it, or Cloud Monitoring, which is minutes behind."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from shared.core.errors import TransientError
from shared.core.operating.summary import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MONITORING: Final = "https://monitoring.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
_METRICS: Final = {
    "messages": "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "oldest_s": "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
}
_TIMEOUT_S = 20
_LOOK_BACK = dt.timedelta(minutes=15)
"""A measurement is seen some four minutes after it was made: https://cloud.google.com/monitoring/api/metrics_gcp."""
_OK = 200


def emulated_backlog(url: str) -> Sequence[Queue]:
    """Return the backlog of every subscription of our Pub/Sub emulator, by the address of its control API.

    Raises:
        TransientError: nobody answers there, or in another way.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
    try:
        with opener.open(f"{url.rstrip('/')}/_control/stats", timeout=_TIMEOUT_S) as answer:
            subscriptions = json.load(answer)["subscriptions"]
        return [
            Queue(name.rpartition("/")[2], int(each["backlog"]), each.get("oldest_unacked_s"))
            for name, each in sorted(subscriptions.items())
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TransientError(f"The Pub/Sub emulator at {url} does not tell its backlog: {error}.") from error


def monitored_backlog(project: str, *, prefix: str, session: Any = None, url: str = MONITORING) -> Sequence[Queue]:
    """Return the backlog of every subscription of a project whose name begins with `prefix`.

    `session` is one of `requests` that authorizes; by default it has the credentials of this process.

    Raises:
        TransientError: Cloud Monitoring is away, or refuses; the message says which role is missing.
    """
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    session = session or _authorized()
    for what, metric in _METRICS.items():
        for series in _series(session, f"{url}/v3/projects/{project}/timeSeries", metric):
            name = series["resource"]["labels"]["subscription_id"]
            if name.startswith(prefix):  # points come newest first
                found[name][what] = float(series["points"][0]["value"]["int64Value"])
    return [Queue(name, int(each.get("messages", 0)), each.get("oldest_s")) for name, each in sorted(found.items())]


def _authorized() -> Any:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError
    from google.auth.transport.requests import AuthorizedSession

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise TransientError("there are no Google credentials to ask Cloud Monitoring with.") from error
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


def _series(session: Any, url: str, metric: str) -> Iterator[dict[str, Any]]:
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    now = dt.datetime.now(dt.UTC)
    query = {
        "filter": f'metric.type="{metric}"',
        "interval.startTime": (now - _LOOK_BACK).isoformat(),
        "interval.endTime": now.isoformat(),
    }
    page: str | None = ""
    while page is not None:
        try:
            answer = session.get(url, params={**query, **({"pageToken": page} if page else {})}, timeout=_TIMEOUT_S)
            body = answer.json() if answer.status_code == _OK else {}
        except (RequestException, GoogleAuthError, ValueError) as error:
            raise TransientError(f"Cloud Monitoring does not answer: {error}.") from error
        if answer.status_code != _OK:
            raise TransientError(
                f"Cloud Monitoring answers {answer.status_code}; roles/monitoring.viewer on the project lets you read"
                " it, and its API must be enabled."
            )
        yield from (each for each in body.get("timeSeries", []) if each.get("points"))
        page = body.get("nextPageToken") or None
