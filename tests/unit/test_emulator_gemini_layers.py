"""The layers and the network that runs them, against the plainest loops that say the same."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.gemini.vision.layers import convolution, depthwise_convolution, doubled, sigmoid
from infra.emulators.gemini.vision.network import Network, NetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIZES = st.integers(1, 9)
SIDES = st.sampled_from([1, 3, 5])
STRIDES = st.sampled_from([1, 2])
SEEDS = st.integers(0, 2**32 - 1)


def numbers(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def plain_convolution(image: Floats, weights: Floats, stride: int) -> Floats:
    """Every cell by itself, with TensorFlow's `same` padding by its own words: total = (cells - 1) * s + k - length."""
    side, _, _, filters = weights.shape
    cells = [-(-length // stride) for length in image.shape[:2]]
    before = [
        max(0, (cell - 1) * stride + side - length) // 2 for cell, length in zip(cells, image.shape[:2], strict=True)
    ]
    found = np.zeros((*cells, filters), dtype=np.float64)
    for row, column, down, across in np.ndindex(cells[0], cells[1], side, side):
        y, x = row * stride + down - before[0], column * stride + across - before[1]
        if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
            found[row, column] += image[y, x].astype(np.float64) @ weights[down, across].astype(np.float64)
    return found.astype(np.float32)


@given(seed=SEEDS, rows=SIZES, columns=SIZES, channels=st.integers(1, 4), side=SIDES, stride=STRIDES)
def test_a_convolution_is_what_the_loops_say(
    *, seed: int, rows: int, columns: int, channels: int, side: int, stride: int
) -> None:
    image, weights = numbers(seed, rows, columns, channels), numbers(seed + 1, side, side, channels, 3)

    found = convolution(image, weights, stride=stride)

    np.testing.assert_allclose(found, plain_convolution(image, weights, stride), rtol=1e-4, atol=1e-4)


@given(seed=SEEDS, rows=SIZES, columns=SIZES, channels=st.integers(1, 4), side=SIDES, stride=STRIDES)
def test_a_depthwise_convolution_is_a_convolution_of_each_channel_by_itself(
    *, seed: int, rows: int, columns: int, channels: int, side: int, stride: int
) -> None:
    image, weights = numbers(seed, rows, columns, channels), numbers(seed + 1, side, side, channels)

    found = depthwise_convolution(image, weights, stride=stride)

    apart = [
        plain_convolution(image[..., [channel]], weights[..., [channel]][..., None], stride)
        for channel in range(channels)
    ]
    np.testing.assert_allclose(found, np.concatenate(apart, axis=2), rtol=1e-4, atol=1e-4)


def test_a_picture_of_many_strips_has_no_seams() -> None:
    image, weights = numbers(1, 300, 40, 5), numbers(2, 5, 5, 5)

    whole = depthwise_convolution(image, weights, stride=1)

    for top in (0, 100, 163):  # rows whose neighbours all lie in the part
        part = depthwise_convolution(image[top : top + 60], weights, stride=1)
        np.testing.assert_allclose(part[2:-2], whole[top + 2 : top + 58], rtol=1e-4, atol=1e-4)


@given(seed=SEEDS, rows=SIZES, columns=SIZES)
def test_doubling_keeps_every_cell_and_puts_means_between(seed: int, rows: int, columns: int) -> None:
    image = numbers(seed, rows, columns, 2)

    found = doubled(image)

    for row, column in np.ndindex(rows * 2, columns * 2):
        corners = [
            image[min(y, rows - 1), min(x, columns - 1)]
            for y in {row // 2, (row + 1) // 2}
            for x in {column // 2, (column + 1) // 2}
        ]
        np.testing.assert_allclose(found[row, column], np.mean(corners, axis=0), rtol=1e-5, atol=1e-6)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_a_sigmoid_is_a_probability_for_every_number_and_never_warns(values: list[float]) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = sigmoid(np.array(values, dtype=np.float32))

    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found[np.argsort(values)]) >= 0).all()


def graph(*nodes: dict[str, Any], weights: list[dict[str, Any]] | None = None) -> bytes:
    constants = [node(str(each["name"]), "Const") for each in weights or []]
    document = {"modelTopology": {"node": [*constants, *nodes]}, "weightsManifest": [{"weights": weights or []}]}
    return json.dumps(document).encode()


def node(name: str, op: str, *inputs: str, **attr: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attr}


IMAGE = node("image", "Placeholder")


def test_a_network_reads_half_floats_and_runs_what_is_fused() -> None:
    weights: list[dict[str, Any]] = [
        {"name": "w", "shape": [1, 1, 3, 1], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "n", "shape": [2], "dtype": "int32"},
        {"name": "b", "shape": [1], "dtype": "float32", "quantization": {"dtype": "float16"}},
    ]
    stored = (
        np.array([1, 2, -4], "<f2").tobytes() + np.array([7, 8], "<i4").tobytes() + np.array([0.5], "<f2").tobytes()
    )
    fused = {"list": {"s": [base64.b64encode(word).decode() for word in (b"BiasAdd", b"Relu")]}}
    convolved = node("c", "_FusedConv2D", "image", "w", "b", fused_ops=fused)
    image = np.array([[[1, 1, 0], [0, 0, 3]]], dtype=np.float32)

    [found] = Network(graph(IMAGE, convolved, weights=weights), stored, outputs=["c"]).run(image)

    assert found.tolist() == [[[3.5], [0.0]]]


def test_a_network_runs_only_what_its_outputs_need() -> None:
    text = graph(IMAGE, node("twice", "Add", "image", "image"), node("odd", "TopKV2", "twice"))

    [found] = Network(text, b"", outputs=["twice"]).run(np.full((1, 1, 3), 2, dtype=np.float32))

    assert found.tolist() == [[[4, 4, 4]]]


def test_an_output_may_feed_others_and_is_still_there_at_the_end() -> None:
    text = graph(IMAGE, node("one", "Relu", "image"), node("two", "Add", "one", "one"))

    one, two = Network(text, b"", outputs=["one", "two"]).run(np.ones((1, 1, 3), dtype=np.float32))

    assert (one.sum(), two.sum()) == (3, 6)


@pytest.mark.parametrize(
    ("text", "stored", "said"),
    [
        (graph(IMAGE, node("x", "TopKV2", "image")), b"", "layers that are not known here: TopKV2"),
        (graph(IMAGE), b"", "has no node x"),
        (graph(IMAGE, node("x", "Relu", "image")), b"12", "names 0 bytes of numbers, and there are 2"),
    ],
)
def test_a_graph_that_cannot_be_run_is_refused_before_it_is(text: bytes, stored: bytes, said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        Network(text, stored, outputs=["x"])
