"""The plans of very many uploads: what does not depend on the object itself is decided once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core.events.manifest import is_manifest
from shared.core.planning.metadata import PREFIX
from shared.core.planning.plan import Plan, plan, unlike_a_question

if TYPE_CHECKING:
    from shared.core.events.envelopes import Upload
    from shared.core.gemini.service import Service
    from shared.core.planning.rules import Rules

_REMEMBERED = 1000
"""Different plans. Uploads with a question of their own each have one of their own, and must not fill the memory."""

_Key = tuple[bool, tuple[int, ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans uploads exactly as `plan` does; those that the same rules and the same metadata decide, only once."""

    rules: Rules
    run: str
    service: Service | None = None
    _plans: OrderedDict[_Key, Plan] = field(default_factory=OrderedDict)

    def plan(self, upload: Upload) -> Plan:
        """Return what `plan` says of this upload."""
        source = upload.source
        unlike = unlike_a_question(source)
        if unlike is not None:
            return Plan(left_out=unlike)
        known = self._plan_like(upload)
        own = tuple(replace(each, source=source) for each in known.events)
        return Plan(own, known.left_out, known.warnings, known.held, known.beyond)

    def _plan_like(self, upload: Upload) -> Plan:
        """Return the plan of this upload, or of another one that everything but its name and bytes makes equal."""
        source, said = upload.source, upload.metadata
        own = tuple((key, value) for key, value in said.items() if key.lower().startswith(PREFIX)) if said else ()
        key = (is_manifest(source.name), self.rules.matching(source.bucket, source.name), own)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = plan(upload, self.rules, run=self.run, service=self.service)
            if len(self._plans) > _REMEMBERED:
                self._plans.popitem(last=False)
        return found
