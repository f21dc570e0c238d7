"""What a person can do to an image: have it done again in a new run, redrive what failed, delete it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from infra.viewer.cards import document_name
from infra.viewer.errors import ApiError
from shared import bootstrap
from shared.core.events.envelopes import Upload
from shared.core.planning.redrive import error_number
from shared.core.values import Source
from shared.operate.sending import ByHand
from shared.pipeline.ingest import ingest
from shared.pipeline.job import today
from shared.pipeline.upkeep.redrive import redrive_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.viewer.catalog import Record
    from infra.viewer.names import Address
    from shared.pipeline.ports import Ports

ACTIONS: Final = ("again", "redrive", "delete")
_AGAIN: Final = re.compile(r"again-(?P<number>[0-9]{1,6})")


def next_run(runs: Iterable[str | None]) -> str:
    """Return the name of a run that an image has none of yet.

    >>> next_run(["v1", "again-2", None])
    'again-3'
    """
    numbers = [int(match["number"]) for run in runs if run and (match := _AGAIN.fullmatch(run))]
    return f"again-{max(numbers, default=0) + 1}"


def act(action: str, record: Record, *, runs: Iterable[str | None], ports: Ports) -> str:
    """Do it, and return what was done in words.

    Raises:
        ApiError: 400 there is no such action, 409 there is nothing to be done; TransientError: a service is away.
    """
    if action == "again":
        return _again(record.source, next_run(runs), ports)
    if action == "redrive":
        return _redrive(record, ports)
    if action == "delete":
        ports.store.delete(record.source.bucket, record.source.name, generation=record.source.generation)
        return "The upload is deleted. What was made of it goes too where the stack was started with --forget."
    raise ApiError(400, f"Expected one of the actions {', '.join(ACTIONS)}, found {action!r}.")


def _again(source: Address, run: str, ports: Ports) -> str:
    there = ports.store.stat(source.bucket, source.name)
    if there is None or there.generation != source.generation:
        raise ApiError(409, "The upload is gone, or was replaced: there is nothing to look at again.")
    upload = Upload(Source(source.bucket, source.name, there.generation), dict(there.metadata))
    settings = replace(ports.settings, run=run)
    service = settings.service(today(ports))
    ingest(upload, rules=bootstrap.rules(), settings=settings, service=service, publisher=ports.publisher)
    return f"Its tasks are planned again, in the run {run}."


def _redrive(record: Record, ports: Ports) -> str:
    found = (document_name(card) for card in record.tasks.values() if card and card["document"])
    names = [name for name in found if error_number(name) is not None]
    if not names:
        raise ApiError(409, "Nothing of it has failed in a way that a redrive can mend.")
    sending = ByHand(ports.publisher, release=ports.new_id())
    done = list(redrive_errors(names, replace(ports, publisher=sending)))
    left = [one.left for one in done if one.left]
    if left:
        raise ApiError(409, f"It could not be redriven: {left[0]}")
    return f"Redriven: {', '.join(one.task for one in done)}."
