"""Run a network that was saved as a TensorFlow.js graph model: a JSON graph, and one file of numbers.

Only what the pinned model consists of is here. Its spatial layers work for every size, so the picture need not be
stretched to the size that the graph was saved with.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .layers import convolution, depthwise_convolution, doubled, sigmoid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Layer = Callable[["Node", Sequence[Any]], Any]


class NetworkError(Exception):
    """The graph is none that this can run; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Node:
    """One layer: its kind, the names of what goes in, its stride, and what is fused into it."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    stride: int = 1
    fused: tuple[str, ...] = ()


class Network:
    """A graph with its numbers; safe to run in several threads at once, as a run changes nothing in it."""

    def __init__(self, graph: bytes, numbers: bytes, *, outputs: Sequence[str]) -> None:
        document = json.loads(graph)
        self._outputs = tuple(outputs)
        self._constants = _constants(document["weightsManifest"], numbers)
        self._nodes = _needed([_node(each) for each in document["modelTopology"]["node"]], self._outputs)
        unknown = {node.operation for node in self._nodes} - _LAYERS.keys() - {"Placeholder", "Const"}
        if unknown:
            raise NetworkError(f"the graph has layers that are not known here: {', '.join(sorted(unknown))}")
        self._last_use = {name: number for number, node in enumerate(self._nodes) for name in node.inputs}

    def run(self, image: Floats) -> tuple[Floats, ...]:
        """Return the outputs for an image of shape (rows, columns, 3), 0 to 255; sides in multiples of 32."""
        known: dict[str, Any] = {}
        for number, node in enumerate(self._nodes):
            if node.operation == "Const":
                continue
            if node.operation == "Placeholder":
                known[node.name] = image
                continue
            given = [self._constants[name] if name in self._constants else known[name] for name in node.inputs]
            known[node.name] = _LAYERS[node.operation](node, given)
            for name in set(node.inputs) - {*self._outputs}:  # what nobody needs any more takes no memory
                if self._last_use[name] == number:
                    known.pop(name, None)
        return tuple(known[name] for name in self._outputs)


def _constants(manifest: Any, numbers: bytes) -> dict[str, NDArray[Any]]:
    """Read the numbers in the order of the manifest; those of 16 bits become float32."""
    found, start = {}, 0
    for each in (weight for group in manifest for weight in group["weights"]):
        stored = np.dtype(each.get("quantization", {}).get("dtype", each["dtype"])).newbyteorder("<")
        count = math.prod(each["shape"])
        values = np.frombuffer(numbers, stored, count, start).reshape(each["shape"])
        found[each["name"]] = values.astype(each["dtype"])
        start += count * stored.itemsize
    if start != len(numbers):
        raise NetworkError(f"the graph names {start} bytes of numbers, and there are {len(numbers)}")
    return found


def _node(document: Mapping[str, Any]) -> Node:
    attributes = document.get("attr", {})
    strides = attributes.get("strides", {}).get("list", {}).get("i", ["1", "1"])
    fused = attributes.get("fused_ops", {}).get("list", {}).get("s", [])
    return Node(
        name=document["name"],
        operation=document["op"],
        inputs=tuple(document.get("input", ())),
        stride=int(strides[1]),
        fused=tuple(base64.b64decode(each).decode() for each in fused),
    )


def _needed(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """Return the nodes that the outputs depend on, in the graph's order, which is one of dependence."""
    by_name = {node.name: node for node in nodes}
    wanted, waiting = set(), list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in by_name:
            raise NetworkError(f"the graph has no node {name}")
        if name not in wanted:
            wanted.add(name)
            waiting.extend(by_name[name].inputs)
    return [node for node in nodes if node.name in wanted]


def _finished(node: Node, found: Floats, given: Sequence[Any]) -> Floats:
    """Add what is fused into a convolution: its biases, and the rectifier."""
    if "BiasAdd" in node.fused:
        found += given[2]
    if "Relu" in node.fused:
        np.maximum(found, 0, out=found)
    return found


def _convolution(node: Node, given: Sequence[Any]) -> Floats:
    return _finished(node, convolution(given[0], given[1], stride=node.stride), given)


def _depthwise(node: Node, given: Sequence[Any]) -> Floats:
    return _finished(node, depthwise_convolution(given[0], given[1][..., 0], stride=node.stride), given)


_LAYERS: dict[str, Layer] = {
    "_FusedConv2D": _convolution,
    "Conv2D": _convolution,
    "FusedDepthwiseConv2dNative": _depthwise,
    "DepthwiseConv2dNative": _depthwise,
    "Add": lambda _, given: given[0] + given[1],
    "Mul": lambda _, given: given[0] * given[1],
    "Relu": lambda _, given: np.maximum(given[0], 0),
    "Relu6": lambda _, given: np.clip(given[0], 0, 6),
    "Sigmoid": lambda _, given: sigmoid(given[0]),
    "Mean": lambda _, given: given[0].mean(axis=(0, 1), keepdims=True),
    "ConcatV2": lambda _, given: np.concatenate(given[:-1], axis=2),
    "ResizeBilinear": lambda _, given: doubled(given[0]),
    "Identity": lambda _, given: given[0],
}
