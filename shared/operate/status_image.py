"""Reads the story of one image: the upload, every answer in the journal, leases, held events and documents."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from shared.core.delivery.journal import JournalError, parse_reply
from shared.core.errors import NotFoundError, PermanentError
from shared.core.naming import REPLIES
from shared.core.operating import mending, story
from shared.core.operating.summary import before
from shared.core.operating.works import work_at
from shared.export.reading import UnreadableError, parsed
from shared.pipeline.worker.lease import ATTEMPT, MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.core.operating.story import Happening, Story
    from shared.core.operating.summary import Facts
    from shared.operate.status_scope import StatusScope
    from shared.pipeline.ports import Ports

_REPLY = re.compile(r"(?P<own>.+?)(?:\.ask-(?P<ask>[0-9]+))?\.json", re.DOTALL)


def read_story(scope: StatusScope, ports: Ports, facts: Facts, *, on_unreadable: Callable[[str], None]) -> Story:
    """Return all that is known of one image, of every generation and run.

    Raises:
        TransientError: the store is away, or refuses.
    """
    return story.in_order(
        [
            *_upload(scope, ports, facts),
            *_answers(scope, ports, on_unreadable),
            *_documents(scope, ports, on_unreadable),
            *_deliveries(facts),
            *(story.wait_happened(each, at=facts.at, why=mending.wait_of(each.code).why) for each in facts.parked),
        ]
    )


def _upload(scope: StatusScope, ports: Ports, facts: Facts) -> Iterator[Happening]:
    there = ports.store.stat(*scope.image) if scope.image else None
    if there is not None:
        yield story.upload_happened(
            before(facts.at, there.age_s),
            size=there.size,
            content_type=there.content_type,
            generation=there.generation,
        )


def _answers(scope: StatusScope, ports: Ports, on_unreadable: Callable[[str], None]) -> Iterator[Happening]:
    bucket = ports.settings.work_bucket
    for folder in scope.folders(REPLIES):
        for name in ports.store.list_names(bucket, folder):
            match = _REPLY.fullmatch(name.removeprefix(REPLIES))
            found = work_at(f"{match['own']}.json") if match else None
            if match is None or found is None or not scope.takes(found[0]):
                continue
            try:
                reply = parse_reply(ports.store.read(bucket, name, max_bytes=MAX_DOCUMENT_BYTES))
                day = dt.date.fromisoformat(reply.answered_at[:10])
            except (NotFoundError, PermanentError, JournalError, ValueError) as error:
                on_unreadable(f"gs://{bucket}/{name}: {error}")
                continue
            yield story.answer_happened(
                reply, run=found[0].run, task=found[0].task, ask=int(match["ask"] or 0), day=day
            )


def _documents(scope: StatusScope, ports: Ports, on_unreadable: Callable[[str], None]) -> Iterator[Happening]:
    """Yield every document, failures that were mended too."""
    bucket, prefix = ports.settings.results_bucket, ports.settings.results_prefix
    for folder in scope.folders(prefix):
        for name, there in ports.store.list_objects(bucket, folder):
            found = work_at(name.removeprefix(prefix))
            if found is None or not scope.takes(found[0]):
                continue
            place = f"gs://{bucket}/{name}"
            try:
                document = parsed(ports.store.read(bucket, name, max_bytes=MAX_DOCUMENT_BYTES))
            except (NotFoundError, PermanentError, UnreadableError) as error:
                on_unreadable(f"{place}: {error}")
                continue
            yield story.commit_happened(document, place=place, attempt=there.metadata.get(ATTEMPT), error=found[1])


def _deliveries(facts: Facts) -> Iterator[Happening]:
    failed = {each.work for each in facts.outcomes}
    for lease in facts.leases:
        found = story.delivery_happened(lease, at=facts.at, finished=lease.work in failed and not lease.held)
        if found is not None:
            yield found
