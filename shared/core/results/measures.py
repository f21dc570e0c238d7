"""What a committed result says in figures: a log line's fields, of which metrics are made (infra/metrics.tf)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def measures(document: Mapping[str, Any], *, uploaded_at: str | None, now: str) -> dict[str, Any]:
    """Return how long a result took, and what its answer has used; `uploaded_at` and `now` are in RFC 3339.

    Tokens and dollars stand once for each answer, as in the documents: the other tasks of its call have none. What is
    not known is left out: seconds of an upload that was not told of as it came, dollars of a model without a price.

    >>> usage = {"prompt_tokens": 1100, "output_tokens": 90, "thought_tokens": 10, "cost_usd": None}
    >>> document = {"task": "caption", "model": {"requested": "m", "served": None}, "usage": usage, "warnings": []}
    >>> told = measures(document, uploaded_at="2026-11-29T08:00:00Z", now="2026-11-29T08:00:04.5Z")
    >>> {key: told[key] for key in sorted(told)}
    {'input_tokens': 1100, 'model': 'm', 'output_tokens': 100, 'since_upload_s': 4.5, 'task': 'caption', 'warnings': 0}
    """
    model, usage = document["model"], document["usage"] or {}
    took = None if uploaded_at is None else _seconds(uploaded_at, now)
    counts = (usage.get("output_tokens"), usage.get("thought_tokens"))
    found = {
        "task": document["task"],
        "model": model["served"] or model["requested"],
        "warnings": len(document["warnings"]),
        "since_upload_s": took,
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": None if counts == (None, None) else sum(each or 0 for each in counts),
        "cost_usd": usage.get("cost_usd"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _seconds(begun: str, ended: str) -> float:
    """Two clocks are compared, the service's and ours: where ours is behind, it took no time, not less."""
    took = dt.datetime.fromisoformat(ended) - dt.datetime.fromisoformat(begun)
    return max(0.0, round(took.total_seconds(), 3))
