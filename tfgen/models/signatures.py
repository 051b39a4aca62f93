"""What a model offers to a server: named functions of named, batch-first tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

__all__ = ["Signature", "batch_of"]


@dataclass(frozen=True)
class Signature:
    """One serving signature of a model.

    Args:
      function: called with the inputs by keyword; returns a dict of named tensors whose first axis is the batch. It is traced
        without AutoGraph and must not fix the batch size.
      inputs: one named `tf.TensorSpec` per argument, batch first.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.signatures import Signature
      >>> seed = tf.TensorSpec([None], tf.int64, name="seed")
      >>> Signature(lambda seed: {"image": tf.cast(seed, tf.float32)}, [seed]).inputs[0].name
      'seed'
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: Sequence[tf.TensorSpec]


def batch_of(shape: Sequence[int], dtype: tf.DType, name: str) -> tf.TensorSpec:
    """Describes a named input whose first axis is a batch of any size.

    Args:
      shape: shape of one row.
      dtype: number format.
      name: the input's name.

    Returns:
      spec: of shape (None, *shape).

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.signatures import batch_of
      >>> batch_of((2,), tf.float32, "latent").shape.as_list()
      [None, 2]
    """
    return tf.TensorSpec([None, *shape], dtype, name=name)
