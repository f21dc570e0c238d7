"""A function that is called with every result event, by a push subscription or an Eventarc trigger on the result topic.

Locally, from the repository:

    set -a; . .local/stack.env; set +a
    PYTHONPATH=. .venv/bin/functions-framework --source infra/examples/push_function.py --target on_result --port 8090

To deploy it, copy it into a folder of your own as `main.py`, beside it the folder `shared/consumer` with its path, and
a requirements.txt. The push endpoint is `https://…/projects/P/topics/uplook-image-results`: functions-framework takes
the topic from there.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import functions_framework

from shared.consumer import ResultReader, parse_event

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@cache
def reader() -> ResultReader:
    """Return this process's reader, made at the first event: clients do not survive the server's fork."""
    return ResultReader()


@functions_framework.cloud_event
def on_result(event: CloudEvent) -> None:
    """Log what was found. Returning acknowledges the event; whatever is raised asks for it again."""
    told = parse_event(event)
    if told.held:
        return
    result = reader().read_result(told)
    labels = [item.label for item in result.items or () if item.status == "ok"]
    line = {"message": f"{told.task} of {told.source.name}", "status": result.status, "labels": labels}
    # Text and end of the line in one write: the lines of events that are handled at once stay apart.
    print(json.dumps(line | {"caption": result.caption, "id": result.id}) + "\n", end="", flush=True)
