"""The layers of a convolutional network, in NumPy: float32 arrays of shape (rows, columns, channels).

`same` padding as TensorFlow defines it: the output has ceil(input / stride) cells, and the odd row or column of padding
lies at the bottom and at the right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_STRIP_CELLS = 32_768
"""So many numbers are worked on at once: they stay in the processor's cache."""


def convolution(image: Floats, weights: Floats, *, stride: int) -> Floats:
    """Return a convolution; `weights` of shape (side, side, channels, filters)."""
    side, _, channels, filters = weights.shape
    rows, columns = _cells(image, stride)
    if side == 1 and stride == 1:
        taken = image.reshape(-1, channels)
    else:
        windows = sliding_window_view(_padded(image, side, stride), (side, side), axis=(0, 1))[::stride, ::stride]
        taken = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)
    found: Floats = (taken @ weights.reshape(-1, filters)).reshape(rows, columns, filters)
    return found


def depthwise_convolution(image: Floats, weights: Floats, *, stride: int) -> Floats:
    """Return a convolution of each channel by itself; `weights` of shape (side, side, channels)."""
    side, _, channels = weights.shape
    rows, columns = _cells(image, stride)
    padded = _padded(image, side, stride)
    found = np.empty((rows, columns, channels), dtype=np.float32)
    height = max(1, _STRIP_CELLS // (columns * channels))
    spare = np.empty((height, columns, channels), dtype=np.float32)
    for top in range(0, rows, height):
        strip = found[top : top + height]
        product = spare[: len(strip)]
        strip[:] = 0
        for down in range(side):
            first = top * stride + down
            lines = padded[first : first + (len(strip) - 1) * stride + 1 : stride]
            for across in range(side):
                shifted = lines[:, across : across + (columns - 1) * stride + 1 : stride]
                np.multiply(shifted, weights[down, across], out=product)
                strip += product
    return found


def doubled(image: Floats) -> Floats:
    """Return the image at twice its size; new cells are the mean of their neighbours, the last ones are repeated."""
    return _doubled_along(_doubled_along(image, 0), 1)


def sigmoid(values: Floats) -> Floats:
    """Return 1 / (1 + e^-x), for any float32 without a warning."""
    found: Floats = np.float32(1) / (np.float32(1) + np.exp(-np.clip(values, -80, 80)))
    return found


def _cells(image: Floats, stride: int) -> tuple[int, int]:
    return -(-image.shape[0] // stride), -(-image.shape[1] // stride)


def _padded(image: Floats, side: int, stride: int) -> Floats:
    if side == 1:
        return image
    missing = [
        max(0, (cells - 1) * stride + side - length)
        for cells, length in zip(_cells(image, stride), image.shape, strict=False)
    ]
    around = [(each // 2, each - each // 2) for each in missing]
    return np.pad(image, (*around, (0, 0)))


def _doubled_along(image: Floats, axis: int) -> Floats:
    length = image.shape[axis]
    following = np.take(image, np.minimum(np.arange(length) + 1, length - 1), axis=axis)
    shape = list(image.shape)
    shape[axis] *= 2
    return np.stack([image, (image + following) * np.float32(0.5)], axis=axis + 1).reshape(shape)
