"""Reads what `status` needs: documents, leases, held events, dead letters and the day's ceiling. It writes nothing."""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from shared.core.delivery import batch_lines, budget
from shared.core.delivery.budget import NANO, Ceiling
from shared.core.errors import ErrorCode, NotFoundError, PermanentError
from shared.core.events import envelopes
from shared.core.naming import BATCH_LINES, DEAD, LEASES, PARKED, SPENDING
from shared.core.operating.batch_work import BatchWork
from shared.core.operating.mending import model_mend
from shared.core.operating.summary import Facts, Use, summarise
from shared.core.operating.works import (
    DeadEvent,
    Outcome,
    Parked,
    WorkName,
    leased_work,
    outcome_of,
    parked_work,
    work_at,
)
from shared.export.reading import BucketResults, Tally, documents
from shared.operate.status_scope import StatusScope
from shared.pipeline.job import today
from shared.pipeline.upkeep import batch_log, dead_letter
from shared.pipeline.upkeep.unpark import parked_places
from shared.pipeline.worker.lease import state_of, states_of
from shared.pipeline.worker.park import PARKED_CODE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from shared.core.operating.summary import HeldGroup
    from shared.core.operating.works import LeaseState
    from shared.core.ports import ObjectStore
    from shared.export.reading import Listed, Unreadable
    from shared.pipeline.ports import Ports

_POOL = re.compile(r"pool-(?:(?P<calls>[0-9]+)-calls)?-?(?:(?P<usd>[0-9.e+-]+)-usd)?")


class Outcomes:
    """Reads the outcomes of a scope. Who looks `again` reads no document twice, for none ever changes.

    Only failures and what was answered today are kept one by one: the others are `counted`, by task and status.
    `finished` has all works with a result, and `failed` those with failures alone: by their names, read or not.
    """

    def __init__(
        self, scope: StatusScope, ports: Ports, *, since: dt.datetime | None = None, again: bool = False
    ) -> None:
        self._scope = scope
        self._ports = ports
        self._since = since
        self._kept: dict[str, dict[str, Any]] | None = {} if again else None
        self.finished: set[WorkName] = set()
        self.failed: set[WorkName] = set()
        self.counted: Counter[tuple[str, str]] = Counter()
        self.tally = Tally()
        self.unreadable: list[str] = []

    def read(self) -> list[Outcome]:
        """Return them all, as of now.

        Raises:
            TransientError: the store is away, or refuses.
        """
        self.tally, self.unreadable = Tally(), []
        self.finished, self.failed, self.counted = set(), set(), Counter()
        today = budget.day_of(self._ports.clock.now_iso())
        kept = []
        for folder in self._scope.folders(self._prefix):
            for each in self._read_folder(folder):
                if each.status == "failed" or budget.day_of(each.created) == today:
                    kept.append(each)
                else:
                    self.counted[each.work.task, each.status] += 1
        return kept

    @property
    def _prefix(self) -> str:
        return self._ports.settings.results_prefix

    def _read_folder(self, folder: str) -> Iterator[Outcome]:
        bucket = self._ports.settings.results_bucket
        results = _Kept(self._ports.store, bucket, folder, kept=self._kept, note=self._note)
        found = documents(results, since=self._since, on_unreadable=self._leave_out, tally=self.tally)
        for each in found:
            at = work_at(each.place.removeprefix(f"gs://{bucket}/{self._prefix}"))
            if at is not None and self._scope.takes(at[0]):
                usage = each.document["usage"]
                yield outcome_of(at[0], each.document, error=at[1], usd=usage["cost_usd"] if usage else 0.0)

    def _note(self, name: str) -> None:
        at = work_at(name.removeprefix(self._prefix))
        if at is not None and at[1] is None:
            self.finished.add(at[0])
            self.failed.discard(at[0])
        elif at is not None and at[0] not in self.finished:
            self.failed.add(at[0])

    def _leave_out(self, unreadable: Unreadable) -> None:
        self.unreadable.append(f"{unreadable.place}: {unreadable.reason}")


class _Kept(BucketResults):
    """Results of which only that is kept which `outcome_of` looks at, for the next time too; `note` hears each name."""

    def __init__(
        self,
        store: ObjectStore,
        bucket: str,
        folder: str,
        *,
        kept: dict[str, dict[str, Any]] | None,
        note: Callable[[str], None],
    ) -> None:
        super().__init__(store, bucket, folder)
        self._known = kept
        self._note = note

    def listed(self) -> Iterator[Listed]:
        """Yield the objects that lie in the folder of a generation."""
        for each in super().listed():
            self._note(each.name)
            yield each

    def read_document(self, name: str) -> dict[str, Any]:
        """Return the part of a document that counts here."""
        if self._known is not None and name in self._known:
            return self._known[name]
        document = super().read_document(name)
        usage = document["usage"]
        part = {key: document[key] for key in ("status", "created", "error")}
        part["usage"] = usage and {key: usage[key] for key in ("cost_usd", "counted_in", "saved_usd") if key in usage}
        if self._known is not None:
            self._known[name] = part
        return part


def read_facts(scope: StatusScope, ports: Ports, outcomes: Outcomes, *, reading: Callable[[str], None]) -> Facts:
    """Return what lies there, outcomes first; `reading` hears what is read next.

    Raises:
        TransientError: the store is away, or refuses.
    """
    reading("results")
    found = outcomes.read()
    reading("batch jobs")
    batches, batched = read_batches(scope, ports)
    reading("leases")
    leases = tuple(each for each in _leases(scope, ports, batched=batched) if each.work not in outcomes.finished)
    reading("held events")
    parked = tuple(_parked(scope, ports))
    reading("dead letters")
    dead = tuple(_dead(scope, ports))
    reading("the day's ceiling")
    used = tuple(_used(ports))
    return Facts(
        ports.clock.now_iso(),
        found,
        leases,
        parked,
        dead,
        used,
        counted=outcomes.counted,
        finished=outcomes.finished,
        failed=outcomes.failed,
        batches=batches,
    )


def read_held(ports: Ports) -> Sequence[HeldGroup]:
    """Return all held events in groups, each with the reason of one of them: cheap, however many are held.

    Raises:
        TransientError: the store is away, or refuses.
    """
    parked = tuple(_parked(StatusScope(("",)), ports))
    leases = []
    for work in {(each.code, each.place): each.work for each in parked}.values():
        lease = ports.store.stat(ports.settings.work_bucket, f"{LEASES}{work.folder}/{work.task}.json")
        if lease is not None:
            leases.append(state_of(work, lease, ttl_s=ports.settings.lease_ttl_s))
    return summarise(Facts(ports.clock.now_iso(), leases=leases, parked=parked)).held


def refused_models(held: Iterable[HeldGroup], ports: Ports) -> Mapping[WorkName, str]:
    """Return what mends it where no service answers the model of held events, by the work of each group's example."""
    service = ports.settings.service(today(ports))
    found = {}
    for group in held:
        if group.code != ErrorCode.CONFIGURATION:
            continue
        work = group.example
        name = f"{PARKED}{group.place.name}/{work.folder}/{work.task}.json"
        with contextlib.suppress(NotFoundError, PermanentError):  # it was released meanwhile, or is not ours
            data = ports.store.read(ports.settings.work_bucket, name, max_bytes=envelopes.MAX_BATCH_BYTES)
            event = envelopes.parse_image_event(data)
            mend = model_mend(event.task, event.settings.model, service)
            if mend is not None:
                found[work] = mend
    return found


def read_batches(scope: StatusScope, ports: Ports) -> tuple[BatchWork | None, set[WorkName]]:
    """Return what there is of batch jobs, None where nothing is; and the works whose asks wait for one.

    Jobs are the whole deployment's, lines those of the scope.
    """
    batched, waiting, back, oldest_s = set[WorkName](), 0, 0, 0.0
    records, _ = batch_log.read_log(ports)
    sent = {(line.name, line.generation) for kept in records for line in kept.record.lines}
    for folder in scope.folders(BATCH_LINES):
        for name, there in ports.store.list_objects(ports.settings.work_bucket, folder):
            found = work_at(name.removeprefix(BATCH_LINES))
            if found is None or not scope.takes(found[0]):
                continue
            batched.add(found[0])
            if batch_lines.listed_line(name, there) is None:
                back += 1
            elif (name, there.generation) not in sent:
                waiting, oldest_s = waiting + 1, max(oldest_s, there.age_s)
    work = BatchWork([kept.record for kept in records], waiting, oldest_s, back)
    return work or None, batched


def _leases(scope: StatusScope, ports: Ports, *, batched: Collection[WorkName]) -> Iterator[LeaseState]:
    for folder in scope.folders(LEASES):
        for name, there in ports.store.list_objects(ports.settings.work_bucket, folder):
            work = leased_work(name)
            states = states_of(work, there, ttl_s=ports.settings.lease_ttl_s) if work is not None else ()
            waits = work in batched  # for a job: nothing failed, and nobody delivers it again before
            yield from (state for state in states if scope.takes(state.work) and (state.live or not waits))


def _parked(scope: StatusScope, ports: Ports) -> Iterator[Parked]:
    for place in parked_places(ports):
        for folder in scope.folders(f"{PARKED}{place.name}/"):
            for name, there in ports.store.list_objects(ports.settings.work_bucket, folder):
                found = parked_work(name)
                if found is not None and scope.takes(found[1]):
                    yield Parked(found[1], place, there.metadata.get(PARKED_CODE, ""), there.age_s)


def _dead(scope: StatusScope, ports: Ports) -> Iterator[DeadEvent]:
    for name, there in ports.store.list_objects(ports.settings.work_bucket, f"{DEAD}{scope.below}"):
        yield DeadEvent(name, there.metadata.get(dead_letter.KIND, ""), there.age_s)


def _used(ports: Ports) -> Iterator[Use]:
    """Yield what is taken of each ceiling that counted today: a changed one counts anew."""
    day = budget.day_of(ports.clock.now_iso())
    own = Ceiling(ports.settings.max_calls_per_day, ports.settings.max_usd_per_day)
    folders = ports.store.list_folders(ports.settings.work_bucket, f"{SPENDING}{day}/")
    named = [found for folder in folders if (found := _ceiling(folder.rstrip("/").rpartition("/")[2])) is not None]
    for ceiling in dict.fromkeys([*([own] if own.limits else []), *named, *ports.budgets]):
        names = ports.store.list_names(ports.settings.work_bucket, budget.folder(ceiling, day))
        taken = ceiling.whole.less(budget.read_pool(ceiling, names).free)
        yield Use(
            ceiling,
            f"{budget.end_of(day)}:00:00Z",
            None if ceiling.calls is None or math.isinf(taken.calls) else taken.calls,
            None if ceiling.usd is None else taken.nano_usd / NANO,
        )


def _ceiling(folder: str) -> Ceiling | None:
    found = _POOL.fullmatch(folder)
    if found is None or not (found["calls"] or found["usd"]):
        return None
    ceiling = Ceiling(int(found["calls"]) if found["calls"] else None, float(found["usd"]) if found["usd"] else None)
    return ceiling if folder == f"pool-{ceiling.name}" else None
