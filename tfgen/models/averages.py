"""Exponential averages of weights, kept beside the raw ones so that training goes on from the raw ones."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["averaged_copy", "update_average"]


def averaged_copy(network: Any) -> Any:
    """Makes an untrainable copy of a built network, with the same weights.

    Args:
      network: a built Keras layer or model that can be made from its config.

    Returns:
      copy: the same class, its own variables.

    Raises:
      ValueError: the network cannot be made from its config.
    """
    try:
        copy = type(network).from_config({**network.get_config(), "name": f"{network.name}_average"})
        if not copy.built:
            copy(keras.Input(network.get_build_config()["input_shape"][1:]))
        copy.set_weights(network.get_weights())
    except (NotImplementedError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f"`ema` keeps a second copy of each network, made from its config. {type(network).__name__} cannot be made so: "
            f"give it `get_config`, or pass `ema=None`. Received: {error}"
        ) from error
    copy.trainable = False
    return copy


def update_average(average: Any, network: Any, decay: float, step: Any, *, start: int = 0) -> None:
    """Moves an average towards the weights: `a += (1 - d) (w - a)`, `d = min(decay, (1 + step) / (10 + step))`.

    The shorter memory of the first steps keeps the random initial weights from lingering in the average.

    Args:
      average: what `averaged_copy` returned.
      network: the network in training.
      decay: the decay per step, in (0, 1).
      step: training steps taken so far.
      start: steps before which the average is a copy of the weights.
    """
    count = tf.cast(step, tf.float32)
    rate = 1.0 - tf.minimum(decay, (1.0 + count) / (10.0 + count))
    for old, new in zip(average.weights, network.weights, strict=True):
        value, target = tf.convert_to_tensor(old.value), tf.convert_to_tensor(new.value)
        if value.dtype.is_floating:
            moved = value + tf.cast(rate, value.dtype) * (target - value)
            old.assign(tf.where(count < start, target, moved) if start else moved)
        else:
            old.assign(target)
