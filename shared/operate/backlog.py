"""How much waits in Pub/Sub: by our emulator's control API, or by Cloud Monitoring. Where neither tells, it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import config
from shared.adapters.pubsub_backlog import emulated_backlog, monitored_backlog
from shared.core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.config import Settings
    from shared.core.operating.summary import Queue

_TOPIC = "image-events"
"""How the topic of image events ends, behind the prefix that all of a deployment's topics and subscriptions share."""


def read_backlog(settings: Settings) -> Sequence[Queue] | str:
    """Return what waits in each subscription of this deployment, or why nobody knows."""
    control = config.client_settings().pubsub_control_url
    try:
        if settings.pubsub_emulator_host is None:
            _, project, _, topic = settings.image_topic.split("/")
            prefix = topic.removesuffix(_TOPIC) if topic.endswith(_TOPIC) else ""
            return monitored_backlog(project, prefix=prefix)
        if control is not None:
            return emulated_backlog(control)
    except TransientError as error:
        return f"The backlog is unknown: {error}"
    return (
        "The backlog is unknown: PUBSUB_EMULATOR_HOST names an emulator, and PUBSUB_CONTROL_URL does not say where it"
        " tells what waits (Google's own emulator does not)."
    )
