"""Steps 3 and 4: the answer that counts. Ask the model once, and journal its raw reply before anything reads it.

An empty or useless answer is asked for once more, and no more often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import journal, sharing
from shared.core.delivery.interpret import MAX_ASKS, another_ask, asked_in, entry_tasks, interpret
from shared.core.delivery.journal import Asked, JournalError, JournalledReply
from shared.core.errors import (
    AlreadyExistsError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from shared.core.replies.answer import read_answer
from shared.core.results.documents import ByBatch
from shared.core.tasks.common import joint, requests
from shared.core.tracing import step
from shared.core.values import NOTHING_USED, Usage
from shared.pipeline.job import shares_answers
from shared.pipeline.retry import with_retries
from shared.pipeline.worker import batch_line, call, inputs, refusals, reuse, send, source_image
from shared.pipeline.worker.lease import ATTEMPT
from shared.pipeline.worker.source_image import SourceGoneError
from shared.pipeline.worker.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from shared.core.delivery.sharing import Content
    from shared.core.gemini.request import ModelRequest
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.task import Reading
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.inputs import Prompt
    from shared.pipeline.worker.lease import HeldLease
    from shared.pipeline.worker.source_image import Image

    _Read = Mapping[str, tuple[Answer, Reading]]
    """What a reply says to each task that it was asked for."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the last reply says to one task of the job, `part`.

    The usage of `answer` counts every ask that this task bears the cost of. `counted_in` is the task that bears that of
    an ask which both shared, `by_batch` what of that usage a batch job has brought. `reused_from` is the id of the
    result that bears the cost of the last reply, where that is another upload's; `saved` is what this task would have
    used for it. `image` is None where the journal held all.
    """

    part: Job
    reply: JournalledReply
    answer: Answer
    reading: Reading
    image: Image | None = None
    counted_in: str | None = None
    by_batch: ByBatch | None = None
    reused_from: str | None = None
    saved: Usage | None = None


def obtain_answers(
    job: Job, held: HeldLease, ports: WorkerPorts, *, wanted: Sequence[str]
) -> Iterator[Sequence[Answered]]:
    """Yield the answers to those tasks of this job that are wanted, after each ask those that stand.

    They come from the journal where an earlier attempt paid for them, else from the model. What the first ask brings
    for some tasks can be committed before the others are asked for again.

    Raises:
        BatchedError: the ask waits for a batch job.
        ParkError: no call is possible before a later time.
        PermanentError: the image or the request can never succeed.
        SourceGoneError: the image was deleted or overwritten before it was read.
        TransientError: no answer within this delivery.
    """
    prompt: Prompt | None = None
    parts = {part.event.task: part for part in job.parts()}
    left = dict.fromkeys(wanted, "")  # each with what is added to its prompt
    replies: list[JournalledReply] = []
    number = 0
    while left:
        last = number + 1 == MAX_ASKS
        reply = None if held.first else _earlier_reply(job, ports, number=number)
        if reply is not None and not _answers(reply, job, left):
            if not last:  # its place is taken by an ask for other tasks, before some of them had to be done again
                number += 1
                continue
            reply = None
        if reply is None and number == 0:
            reply, prompt = _by_batch(job, held, ports, wanted=left)
        if reply is None:
            call.require_model(job, ports)
            if not shares_answers(job, ports):  # an answer that is there already needs no room
                ports.budget.of(job.event.source).check(ports)  # before megabytes are read in vain
            prompt = prompt or inputs.read_prompt(job, ports)
            reply, read = _ask_while_there(job, prompt, ports, number=number, wanted=left)
        else:
            read = _read(job, reply, left, ports)
            if shares_answers(job, ports) and reply.content is not None:  # whoever journalled it may have died over it
                reuse.note_use(job, reply.content, ports)
                _share(job, reply, read, ports, number=number)
        if reply.batch is not None:  # whoever was asked read the image at another time, or after it was forgotten
            source_image.require_live(job.event.source, ports)
        replies.append(reply)
        again = {} if last else _again(job, read)
        image = prompt.images[0] if prompt else None
        stands = [each for each in read if each not in again]
        if stands:
            yield [replace(_answered(parts[task], replies, *read[task]), image=image) for task in stands]
        left = {task: again.get(task, "") for task in left if task not in stands}
        number = min(number + 1, MAX_ASKS - 1)


def _by_batch(
    job: Job, held: HeldLease, ports: WorkerPorts, *, wanted: Mapping[str, str]
) -> tuple[JournalledReply | None, Prompt | None]:
    """Return what a batch job has answered, journalled; where it has not, what was read in vain, if anything.

    Raises:
        BatchedError: the ask waits for a batch job.
    """
    line = batch_line.look(job, held, ports)
    if line is not None and line.state == "answered" and _answers(line.entry, job, wanted):
        reply = replace(line.entry, attempt=job.attempt)  # as if it had been paid for here
        return _journal(job, reply, ports, number=0, wanted=wanted), None
    if line is not None:
        return None, None
    if not batch_line.may_wait(job, ports):
        return None, None
    call.require_model(job, ports)
    prompt = inputs.read_prompt(job, ports)
    batch_line.wait(job, prompt, ports, wanted=wanted)
    return None, prompt


def _read(job: Job, reply: JournalledReply, wanted: Iterable[str], ports: Ports) -> _Read:
    """Return what a reply says to those of these tasks that it was asked for."""
    parts = {part.event.task: part for part in job.parts()}
    with ports.tracer.span("read"):
        return {task: interpret(parts[task].event, reply) for task in _answers(reply, job, wanted)}


def _share(job: Job, reply: JournalledReply, read: _Read, ports: Ports, *, number: int) -> None:
    """Let other uploads of the same content have an answer, if all of it is good enough for them."""
    if all(sharing.may_be_shared(*each) for each in read.values()):
        reuse.keep_copy(job, reply, ports, ask=number)


def _again(job: Job, read: _Read) -> dict[str, str]:
    """Return the tasks whose answer is of no use, each with what a further ask adds to its prompt."""
    views = {view.task: view for view in job.event.views()}
    again = {}
    for task, (answer, reading) in read.items():
        addition = another_ask(views[task], answer, reading)
        if addition is not None:
            again[task] = addition
            logs.warning("the answer is of no use: the model is asked once more", asked=task, reason=reading.reason)
    return again


def _answered(part: Job, replies: Sequence[JournalledReply], answer: Answer, reading: Reading) -> Answered:
    """Return an answer with the usage of those asks whose cost its task bears."""
    task = part.event.task
    own = [reply for reply in replies if _answers(reply, part, [task])]
    bearers = [asked_in(part.event, reply)[0] for reply in own]
    borne = [reply for reply, bearer in zip(own, bearers, strict=True) if bearer == task]
    paid = [reply for reply in borne if _reused_from(part, reply) is None]
    saved = [reply for reply in borne if reply not in paid]
    return Answered(
        part,
        replies[-1],
        replace(answer, usage=_usage(paid)),
        reading,
        counted_in=next((bearer for bearer in bearers if bearer != task), None),
        reused_from=_reused_from(part, replies[-1]),
        saved=_usage(saved) if saved else None,
        by_batch=next((ByBatch(_usage([reply]), reply.batch) for reply in paid if reply.batch), None),
    )


def _usage(replies: Iterable[JournalledReply]) -> Usage:
    usages = [read_answer(reply.response).usage for reply in replies]
    return reduce(Usage.plus, usages) if usages else NOTHING_USED


def _paying(job: Job, asked: Sequence[str]) -> str:
    """Return the id of the result that bears the cost of an ask for these tasks."""
    return next(part.key for part in job.parts() if part.event.task == asked[0])


def _reused_from(job: Job, reply: JournalledReply) -> str | None:
    """Return the id of the result that bears the cost of a reply, where that is another upload's."""
    own = reply.paid_by is None or reply.paid_by == _paying(job, asked_in(job.event, reply))
    return None if own else reply.paid_by


def _ask_while_there(
    job: Job, prompt: Prompt, ports: WorkerPorts, *, number: int, wanted: Mapping[str, str]
) -> tuple[JournalledReply, _Read]:
    try:
        return _ask(job, prompt, ports, number=number, wanted=wanted)
    except SourceGoneError as error:
        if prompt.question is None:
            raise
        # The manifest is still there, and names whatever lies at its addresses: the next delivery reads that.
        raise TransientError(f"{error} It belongs to the manifest's question, which is asked again.") from error


def _earlier_reply(job: Job, ports: Ports, *, number: int) -> JournalledReply | None:
    """Return the reply to this ask (counted from 0) that an earlier attempt paid for, if there is one."""
    try:
        stored = _stored(job, ports, number=number)
    except NotFoundError:
        return None
    if stored is not None and stored.key != job.key:
        logs.warning("the journal holds an answer to other settings, which have changed since: the model is asked")
        return None
    return stored


def _answers(reply: JournalledReply, job: Job, wanted: Iterable[str]) -> list[str]:
    """Return those of these tasks that a reply was asked for."""
    asked = asked_in(job.event, reply)
    return [task for task in wanted if joint.answering(task, asked)]


def _stored(job: Job, ports: Ports, *, number: int) -> JournalledReply | None:
    """Return what the journal holds. A foreign or malformed entry is told, left aside, and as good as none.

    Raises:
        NotFoundError: it holds nothing.
    """
    bucket, name = ports.settings.work_bucket, job.paths.reply(number)
    try:
        stored = journal.parse_reply(ports.store.read(bucket, name, max_bytes=journal.MAX_REPLY_BYTES))
    except (JournalError, PermanentError) as error:
        reason: str | None = str(error)
    else:
        there = ports.store.stat(bucket, name)
        reason = journal.why_not_ours(stored, stamp=there.metadata.get(ATTEMPT) if there else None)
        if reason is None:
            return stored
    logs.error("not one of our journalled replies: it is left aside", object=name, reason=reason)
    return None


def _ask(
    job: Job, prompt: Prompt, ports: WorkerPorts, *, number: int, wanted: Mapping[str, str]
) -> tuple[JournalledReply, _Read]:
    """Ask about what was gathered, unless another upload of the same content has the answer; return it as journalled.

    `number` counts deliberate asks from 0; `wanted` are the tasks to ask for, each with what is added to its prompt.

    Raises:
        ParkError: the day's ceiling is reached.
        ModelRejectedError: the model refuses this request whatever we do.
        SourceGoneError: an image was overwritten while the model read it from its bucket.
        TransientError: no answer within this delivery.
    """
    asked = joint.asked_for(wanted)
    request = requests.request_for(prompt.of(job.event), model_id=job.asks.model, tasks=asked, additions=wanted)
    content = reuse.content_asked_about(job, request, prompt, ports, tasks=asked)
    if content is None:
        reply = _pay(job, request, prompt, ports, number=number, wanted=wanted)
        return reply, _read(job, reply, wanted, ports)
    adopt = partial(_adopted, job=job, prompt=prompt, ports=ports, wanted=wanted)
    with reuse.claimed(job, content.name, ports, ask=number, adopt=adopt) as adopted:
        if adopted is not None:
            return _take_over(job, *adopted, ports, number=number, wanted=wanted)
        ports.budget.of(job.event.source).check(ports)
        reply = _pay(job, request, prompt, ports, number=number, wanted=wanted, content=content)
        read = _read(job, reply, wanted, ports)
        _share(job, reply, read, ports, number=number)
        return reply, read


def _adopted(
    found: JournalledReply, job: Job, prompt: Prompt, ports: Ports, *, wanted: Mapping[str, str]
) -> tuple[JournalledReply, _Read] | None:
    """Return another upload's answer as this one's, and what it says; None where not all of it is good enough."""
    asked = joint.asked_for(wanted)
    reply = replace(
        found,
        key=job.key,
        attempt=job.attempt,
        answered_at=ports.clock.now_iso(),
        image=prompt.images[0].info,
        timing_ms={"download": prompt.download_ms},
        files=(),
        tasks=entry_tasks(job.event, asked),
    )
    read = _read(job, reply, wanted, ports)
    return (reply, read) if all(sharing.may_be_shared(*each) for each in read.values()) else None


def _take_over(
    job: Job, reply: JournalledReply, read: _Read, ports: Ports, *, number: int, wanted: Mapping[str, str]
) -> tuple[JournalledReply, _Read]:
    """Keep an answer that another upload has paid for: a copy for others first, lest it be gone in between."""
    reuse.keep_copy(job, reply, ports, ask=number)
    kept = _journal(job, reply, ports, number=number, wanted=wanted)
    return kept, read if kept is reply else _read(job, kept, wanted, ports)


def _pay(
    job: Job,
    request: ModelRequest,
    prompt: Prompt,
    ports: WorkerPorts,
    *,
    number: int,
    wanted: Mapping[str, str],
    content: Content | None = None,
) -> JournalledReply:
    """Ask the model and return the journalled reply: ours, or that of whoever was faster; raises what `_ask` does."""
    watch = Watch(ports, {"download": prompt.download_ms})
    asked = joint.asked_for(wanted)
    has_schema, about = request.schema is not None, "+".join(asked)
    if ports.refused_schemas.knows(request.model, about):
        request = replace(request, schema=None)
    attached = send.attach(job, request, prompt.images, ports)
    watch.lap("transport")
    response, attached = refusals.insist(job, attached, ports, lambda each: call.answer(job, each, ports), about=about)
    watch.lap("model")
    with_retries(job, ports, lambda: send.verify(attached, ports))
    sent = attached.sent[0].transport
    shared = content is not None and sent.bytes == content.bytes  # a smaller copy had to do: others may fare better
    reply = JournalledReply(
        key=job.key,
        attempt=job.attempt,
        model=request.model,
        answered_at=ports.clock.now_iso(),
        image=prompt.images[0].info,
        transport=sent,
        timing_ms=watch.laps_ms,
        response=response,
        asked=None if prompt.question is None else Asked(prompt.question, attached.sent),
        without_schema=has_schema and attached.request.schema is None,
        files=attached.files,
        tasks=entry_tasks(job.event, asked),
        content=content.name if content and shared else None,
        paid_by=_paying(job, asked) if shared else None,
    )
    kept = _journal(job, reply, ports, number=number, wanted=wanted)
    ports.in_flight.reply_kept(job.attempt)
    return kept


def _journal(
    job: Job, reply: JournalledReply, ports: Ports, *, number: int, wanted: Collection[str]
) -> JournalledReply:
    try:
        entry = journal.format_reply(reply)
    except RecursionError as error:
        raise TransientError("Gemini's answer is nested too deeply to be kept.") from error
    # Its answer is paid for: a store that is away for a moment must not cost a second one.
    return with_retries(job, ports, lambda: _keep(job, reply, entry, ports, number=number, wanted=wanted))


@step("journal")
def _keep(
    job: Job, reply: JournalledReply, entry: bytes, ports: Ports, *, number: int, wanted: Collection[str]
) -> JournalledReply:
    try:
        ports.store.create(
            ports.settings.work_bucket,
            job.paths.reply(number),
            entry,
            content_type="application/json",
            metadata={ATTEMPT: job.attempt},
        )
    except AlreadyExistsError:
        try:
            stored = _stored(job, ports, number=number)
        except NotFoundError:
            raise TransientError("The journalled reply vanished while it was read.") from None
        if stored is None or stored.key != job.key or not _answers(stored, job, wanted):
            return reply  # its place is taken: should this attempt die now, its answer is paid for again
        if stored.attempt != reply.attempt:
            logs.warning("another attempt's reply was journalled first: this one is dropped", key=job.key)
        return stored
    logs.info("journalled", ask=number)
    return reply
