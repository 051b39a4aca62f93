"""What models ask of optimizers: loss scaling in float16, exact resuming, and two of them behind one name."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["OptimizerGroup", "check_optimizer", "gradient_norms", "loss_scaled"]


def check_optimizer(optimizer: Any, name: str) -> Any:
    """Refuses settings with which a run could not be resumed or distributed exactly.

    Args:
      optimizer: a Keras optimizer.
      name: what the caller calls it.

    Returns:
      optimizer: the same one.

    Raises:
      ValueError: `use_ema=True`, or with several replicas a clipping or accumulation that each replica would do for itself.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if getattr(inner, "use_ema", False):
        raise ValueError(
            f"`use_ema=True` overwrites the raw weights at the end of each `fit`, so training could not be resumed exactly. "
            f"Pass `ema=0.999` to the model instead. Received: {name}={inner.name} with use_ema=True"
        )
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        for setting in ("clipnorm", "clipvalue", "global_clipnorm", "gradient_accumulation_steps"):
            if getattr(inner, setting, None):
                raise ValueError(
                    f"With several replicas each would apply `{setting}` to its own part of the batch, and the result would depend "
                    f"on their number. Leave it out. Received: {name} with {setting}={getattr(inner, setting)}"
                )
    return optimizer


def loss_scaled(optimizer: Any, policy: Any) -> Any:
    """Wraps an optimizer in loss scaling where the policy is float16, whose gradients underflow without it.

    Args:
      optimizer: a Keras optimizer.
      policy: the model's dtype policy.

    Returns:
      optimizer: the same one, or a `LossScaleOptimizer` around it.
    """
    if policy.name != "mixed_float16" or isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer, name=f"loss_scaled_{optimizer.name}")


def gradient_norms(tape: tf.GradientTape, loss: tf.Tensor, optimizer: Any, variables: list[Any]) -> tf.Tensor:
    """Measures the Euclidean length of a loss's gradient in each variable, scaled up in float16 as training scales it.

    Args:
      tape: has watched the loss being computed.
      loss: a scalar.
      optimizer: the optimizer that trains the variables.
      variables: trainable variables.

    Returns:
      norms: (len(variables),) float32; 0 where the loss does not depend on a variable.
    """
    scale = optimizer.scale_loss(tf.ones(()))
    norms = tf.zeros((0,))
    for gradient in tape.gradient(loss, variables, output_gradients=scale):
        norm = tf.zeros(()) if gradient is None else tf.norm(tf.convert_to_tensor(gradient))
        norms = tf.concat([norms, tf.cast(norm, tf.float32)[None]], 0)
    return norms / scale


class OptimizerGroup:
    """The optimizers of several players behind the one attribute that Keras's callbacks look at.

    `LearningRateScheduler`, `ReduceLROnPlateau` and `TensorBoard` walk over `optimizers`.

    Args:
      optimizers: the players' optimizers.

    Example:
      >>> import keras
      >>> from tfgen.models.optimizers import OptimizerGroup
      >>> [o.name for o in OptimizerGroup([keras.optimizers.Adam(name="a"), keras.optimizers.Adam(name="b")]).optimizers]
      ['a', 'b']
    """

    def __init__(self, optimizers: list[Any]) -> None:
        self.optimizers = optimizers

    @property
    def built(self) -> bool:
        """Whether every optimizer has its slots."""
        return all(optimizer.built for optimizer in self.optimizers)

    @property
    def variables(self) -> list[Any]:
        """What all of them keep, which `summary()` counts."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self) -> Any:
        """Steps of the first optimizer."""
        return self.optimizers[0].iterations
