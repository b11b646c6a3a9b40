"""Unfolds the sparse tensors of TFLite: a tree of dense and compressed (CSR) axes, from the outermost in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError
from stream3d.nets.flatbuffer import Table

Array = npt.NDArray[Any]

_INDEX_DTYPES = {1: "<i4", 2: "<u2", 3: "|u1"}


def densify(sparsity: Table, values: Array, shape: tuple[int, ...]) -> Array:
    """Dense values, flat in C order of ``shape``.

    Args:
        sparsity: the table ``SparsityParameters`` of the tensor.
        values: the stored values [K], in the order in which the axes are traversed.
        shape: shape of the dense tensor.

    Raises:
        ModelError: the indices do not fit ``shape`` or ``values``, or axes are in blocks or out of order.
    """
    order, axes = sparsity.vector(0, "<i4").tolist(), sparsity.tables(2)
    if 0 in shape:
        raise ModelError(f"damaged model: a sparse tensor of shape {shape}, which holds nothing")
    if order != list(range(len(shape))) or len(sparsity.vector(1, "<i4")) or len(axes) != len(shape):
        raise ModelError(f"sparse tensor of shape {shape} traversed as {order}: blocks and permuted axes are not read")
    places = np.zeros(1, np.int64)  # flat index, so far, of every branch of the tree; never more than dense values
    for axis, size in zip(axes, shape, strict=True):
        places = _descend(axis, places, size)
    if len(places) != len(values):
        raise ModelError(f"damaged model: {len(values)} sparse values for {len(places)} places")
    dense = np.zeros(int(np.prod(np.array(shape, object))), values.dtype)
    dense[places] = values
    return dense


def _descend(axis: Table, places: Array, size: int) -> Array:
    """Flat indices of the branches one axis further in."""
    if axis.scalar(0, "b") == 0:
        if axis.scalar(1, "i") != size:
            raise ModelError(f"damaged model: a dense axis of {axis.scalar(1, 'i')} in place of {size}")
        return (places[:, None] * size + np.arange(size)).ravel()
    segments, indices = _integers(axis, 2), _integers(axis, 4)
    counts = np.diff(segments)
    fits = len(segments) == len(places) + 1 and segments[0] == 0 and segments[-1] == len(indices) <= len(places) * size
    if not fits or np.any(counts < 0) or np.any((indices < 0) | (indices >= size)):
        raise ModelError(
            f"damaged model: compressed axis of {size} with {len(segments)} segments, {len(indices)} indices"
        )
    return np.repeat(places, counts) * size + indices


def _integers(axis: Table, number: int) -> Array:
    kind, holder = axis.scalar(number, "B"), axis.table(number + 1)
    if kind not in _INDEX_DTYPES or holder is None:
        raise ModelError(f"damaged model: sparse indices of the unknown type {kind}")
    return holder.vector(0, _INDEX_DTYPES[kind]).astype(np.int64)
