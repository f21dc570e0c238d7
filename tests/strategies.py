"""Hypothesis strategies for answers of models: honest ones in every known shape, and hostile ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from shared.core.values import ImageInfo

thousandths = st.integers(0, 1000)


@st.composite
def boxes(draw: st.DrawFn) -> list[int]:
    y, x = draw(st.tuples(st.integers(0, 999), st.integers(0, 999)))
    return [y, x, draw(st.integers(y + 1, 1000)), draw(st.integers(x + 1, 1000))]


polygons = st.lists(st.tuples(thousandths, thousandths).map(list), min_size=3, max_size=8)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)

coordinates = st.integers(-(10**30), 10**30) | st.floats() | st.booleans() | st.text(max_size=5) | st.none()
odd_boxes = st.lists(coordinates, max_size=6) | st.lists(thousandths, min_size=4, max_size=4) | json_values
odd_masks = st.one_of(
    json_values,
    polygons,
    st.lists(coordinates, max_size=12),
    st.lists(polygons, max_size=3),
    st.lists(thousandths, max_size=12).map(lambda numbers: ",".join(map(str, numbers))),
    st.binary(max_size=60).map(lambda data: "data:image/png;base64," + data.hex()),
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """One honest item, its keys in any order."""
    entry: dict[str, Any] = {"box_2d": draw(boxes()), "label": draw(st.text(max_size=12))}
    if draw(st.booleans()):
        entry["mask"] = draw(polygons | st.text(max_size=30))
    keys = draw(st.permutations(list(entry)))
    return {key: entry[key] for key in keys}


@st.composite
def replies(draw: st.DrawFn) -> str:
    """An honest answer: list, wrapped list or lone objects, with or without fence, prose and indent."""
    items = draw(st.lists(entries(), max_size=5))
    indent = draw(st.sampled_from([None, 2]))
    ascii_only = draw(st.booleans())
    roots: dict[str, Any] = {"list": items, "boxes": {"boxes": items}, "deep": {"result": {"detections": items}}}
    root = draw(st.sampled_from([*roots, "lines"]))
    written = [json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in items]
    body = "\n".join(written) if root == "lines" else json.dumps(roots[root], indent=indent, ensure_ascii=ascii_only)
    fence = draw(st.sampled_from(["", "```", "````"]))
    fenced = f"{fence}json\n{body}\n{fence}" if fence else body
    return (
        draw(st.sampled_from(["", "Response: ", "Here are [3] things:\n"])) + fenced + draw(st.sampled_from(["", ";"]))
    )


images = st.builds(
    ImageInfo,
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    format=st.just("jpeg"),
    mime_type=st.just("image/jpeg"),
    orientation=st.integers(1, 8),
)
