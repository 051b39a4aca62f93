"""Many tensors that a loop reads, carried as few: TensorFlow moves each tensor on by some operations in every turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["stacked"]

_ALIGNED = 64  # bytes: TensorFlow unstacks without a copy where each part begins at a multiple of these


def stacked(values: Any) -> tuple[list[tf.Tensor], Callable[[list[tf.Tensor]], Any]]:
    """Stacks the tensors of one shape and number format, so that a loop carries few tensors.

    Args:
      values: nested lists, tuples and dictionaries of tensors.

    Returns:
      stacks: the tensors that share shape and format, stacked along a new first axis; all others as they are.
      restored: turns `stacks` into the nested structure again, inside the loop, without a copy.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers.stacks import stacked
      >>> stacks, restored = stacked({"kernels": [tf.ones((4, 16)), tf.zeros((4, 16))], "bias": tf.ones(3)})
      >>> len(stacks), len(restored(stacks)["kernels"])
      (2, 2)
    """
    tensors = [tf.convert_to_tensor(value) for value in tf.nest.flatten(values)]
    groups: dict[Any, list[int]] = {}
    for i, tensor in enumerate(tensors):
        size = tensor.shape.num_elements()
        shared = size and size * tensor.dtype.size % _ALIGNED == 0
        groups.setdefault((tensor.dtype, tuple(tensor.shape)) if shared else i, []).append(i)
    members = list(groups.values())
    stacks = [tf.stack([tensors[i] for i in group]) if len(group) > 1 else tensors[group[0]] for group in members]

    def restored(stacks: list[tf.Tensor]) -> Any:
        found: dict[int, tf.Tensor] = {}
        for group, stack in zip(members, stacks, strict=True):
            found.update(zip(group, tf.unstack(stack, num=len(group)) if len(group) > 1 else [stack], strict=True))
        return tf.nest.pack_sequence_as(values, [found[i] for i in range(len(found))])

    return stacks, restored
