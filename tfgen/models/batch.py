"""What a step of training or evaluation sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """What a step sees.

    Args:
      x: (batch, *event_shape) float32.
      condition: what the model's samples are drawn given, or None.
      target: what `fit` was given as `y`, or None for a model that takes none.
      weight: (batch,) float32, of each row; None for all alike.
      seeds: (batch,) int64, of each row's noise.
      training: whether weights are to move: raw weights, batch statistics, dropout.
    """

    x: tf.Tensor
    condition: Any
    target: Any
    weight: Any
    seeds: tf.Tensor
    training: bool
