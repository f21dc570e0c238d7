"""Steps 3 and 4 together: the answer that counts. An empty or useless one is asked for once more, and no more often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core.errors import TransientError
from shared.core.interpret import MAX_ASKS, another_ask, interpret
from shared.pipeline import asking, gathering
from shared.pipeline.images import SourceGoneError

if TYPE_CHECKING:
    from shared.core.journal import JournalledReply
    from shared.core.replies.answer import Answer
    from shared.core.tasks import Reading
    from shared.pipeline.gathering import Sight
    from shared.pipeline.images import Image
    from shared.pipeline.leases import Held
    from shared.pipeline.work import Job, WorkerPorts


@dataclass(frozen=True, slots=True)
class Answered:
    """The last reply, and what it says; its usage counts every ask. `image` is None where the journal held all."""

    reply: JournalledReply
    answer: Answer
    reading: Reading
    image: Image | None


def answer(job: Job, held: Held, ports: WorkerPorts) -> Answered:
    """Return the answer to this job: from the journal where an earlier attempt paid for it, else from the model.

    Raises:
        HoldError: no call is possible before a later time.
        PermanentError: the image or the request can never succeed.
        SourceGoneError: the image was deleted or overwritten before it was read.
        TransientError: no answer within this delivery.
    """
    sight: Sight | None = None
    addition: str | None = None
    earlier: Answer | None = None
    for number in range(MAX_ASKS):
        stored = None if held.first else asking.journalled(job, ports, ask=number)
        if stored is None:
            ports.budget.check(ports)  # before megabytes are read in vain
            sight = sight or gathering.gather(job, ports)
            stored = _ask(job, sight, ports, ask=number, addition=addition)
        reply = stored
        found, reading = interpret(job.event, reply)
        if earlier is not None:
            found = replace(found, usage=earlier.usage.plus(found.usage))
        addition = another_ask(found, reading)
        if addition is None:
            break
        if number + 1 < MAX_ASKS:
            logs.warning("the answer is of no use: the model is asked once more", reason=reading.reason)
        earlier = found
    return Answered(reply, found, reading, sight.images[0] if sight else None)


def _ask(job: Job, sight: Sight, ports: WorkerPorts, *, ask: int, addition: str | None) -> JournalledReply:
    try:
        return asking.ask(job, sight, ports, ask=ask, addition=addition)
    except SourceGoneError as error:
        if sight.question is None:
            raise
        # The manifest is still there, and names whatever lies at its addresses: the next delivery reads that.
        raise TransientError(f"{error} It belongs to the manifest's question, which is asked again.") from error
