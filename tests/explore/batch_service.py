"""Batch jobs on the stage: the `BatchService` port in steps, and a service that answers between the ticks.

It is as bad as services are: answers come in another order, one of them twice, with others that nobody asked for.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.memory_batches import MemoryBatches
from shared.core.gemini.batches import LINE_LABEL
from tests.batch_rig import line_id_in
from tests.explore.plans import HALF_DONE
from tests.rig import reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.adapters.memory import MemoryModel, MemoryStore
    from shared.core.gemini.batches import BatchJob
    from tests.explore.ledger import Ledger
    from tests.explore.stage import Stage

_STRANGER: Final = {"key": "nobody", "request": {"labels": {LINE_LABEL: "nobody"}}, "response": {"candidates": [{}]}}
_NOISE: Final = (json.dumps(_STRANGER).encode(), b'{"key": "cut', b"[]")


class StagedBatches:
    """The `BatchService` port."""

    def __init__(self, stage: Stage, service: MemoryBatches) -> None:
        self._stage = stage
        self._service = service

    def create(
        self, *, model: str, source: str, destination: str | None, display_name: str, timeout_s: float
    ) -> BatchJob:
        effect = partial(
            self._service.create,
            model=model,
            source=source,
            destination=destination,
            display_name=display_name,
            timeout_s=timeout_s,
        )
        return self._stage.call("create_job", "job", effect)

    def find(self, display_name: str, *, timeout_s: float) -> Sequence[BatchJob]:
        return self._stage.call("find_job", "job", partial(self._service.find, display_name, timeout_s=timeout_s))

    def get(self, name: str, *, timeout_s: float) -> BatchJob | None:
        return self._stage.call("get_job", "job", partial(self._service.get, name, timeout_s=timeout_s))

    def cancel(self, name: str, *, timeout_s: float) -> None:
        self._stage.call("cancel_job", "job", partial(self._service.cancel, name, timeout_s=timeout_s))

    def download(self, name: str, *, timeout_s: float) -> bytes | None:
        return self._stage.call("download", "answers", partial(self._service.download, name, timeout_s=timeout_s))


class JobService:
    """What stands behind the port. `generations` says which upload a line is about, by the line's name."""

    def __init__(self, scenario: str, model: MemoryModel, store: MemoryStore, ledger: Ledger) -> None:
        self.generations: dict[str, int] = {}
        self.twin = MemoryBatches(model, store, self._respond)
        self._half_done = scenario in HALF_DONE
        self._store = store
        self._ledger = ledger

    def end_jobs(self, *, all_of_them: bool = False) -> None:
        """Let every job end that has not; of two of one name only in the end: until then one can be cancelled."""
        jobs, unfinished = self.twin.jobs, self.twin.unfinished()
        named = Counter(jobs[name].display_name for name in unfinished)
        for name in unfinished:
            if all_of_them or named[jobs[name].display_name] == 1:
                self._end(name)

    def _end(self, name: str) -> None:
        if not self._half_done:
            self.twin.finish(name, write=self._answers)
        elif name.endswith("/1"):
            self.twin.finish(name, state="EXPIRED", write=lambda lines: self._answers(lines[1:]))
        else:
            self.twin.finish(name, state="FAILED", write=lambda _: ())

    def _answers(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """Return the lines of an output, as they come; each of them is paid for."""
        self._ledger.lines_paid.update(self.generations[line_id_in(line)] for line in lines)
        return [*reversed(lines), *lines[:1], *_NOISE]

    def _respond(self, model: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        generation, number = self._generation_of(request), 1000 + self._ledger.lines_paid.total()
        return reply(json.dumps({"caption": f"Answer {number} about {generation}."}), served=model)

    def _generation_of(self, request: Mapping[str, Any]) -> int | None:
        """Return which upload a request shows: at this moment, where it names an address."""
        (part,) = [each for each in request["contents"][0]["parts"] if "text" not in each]
        if "inlineData" in part:
            data = base64.b64decode(part["inlineData"]["data"])
            return next(each for each, content in self._ledger.contents.items() if content == data)
        bucket, _, name = part["fileData"]["fileUri"].removeprefix("gs://").partition("/")
        there = self._store.stat(bucket, name)
        return there.generation if there else None
