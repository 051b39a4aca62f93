"""Penalties and projections that keep a critic smooth: what its loss gains beside the game."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.objectives.settings import Settings

__all__ = ["R1", "GradientPenalty", "Penalty", "WeightClipping"]


class Penalty(Settings, abc.ABC):
    """What every penalty on a critic offers; a subclass is a frozen dataclass.

    `weight` is what the model multiplies `rows` by. `every` makes a penalty lazy: it is computed at each so many moves of the
    critic, then with `weight * every`, which costs less and weighs the same on average; the model counts the moves.
    """

    num_uniforms: ClassVar[int] = 0  # uniform numbers that one row takes
    weight: float
    every: int

    def __post_init__(self) -> None:
        weight, every = checks.number(self.weight, "weight", least=0), checks.integer(self.every, "every", least=1)
        self._hold(weight=weight, every=every)

    @abc.abstractmethod
    def rows(
        self, critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, generated: tf.Tensor, u: tf.Tensor | None
    ) -> tf.Tensor:
        """Computes the penalty of each row, before its weight; an outer tape can differentiate it by the critic's weights.

        Args:
          critic: from images to scores, (batch,) float32, each row of them by itself: no batch normalisation.
          real: (batch, ...) real images.
          generated: the same shape, generated images.
          u: (batch, num_uniforms) float32 in (0, 1), or None where none are needed.

        Returns:
          penalty: (batch,) float32, at least 0.
        """

    def project(self, variables: Sequence[Any]) -> None:
        """Puts the critic's weights back where the penalty allows them, after each of its moves; most leave them alone.

        Args:
          variables: the critic's trainable weights.
        """
        del variables


def _squared_slopes(critic: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """Computes `|grad critic(x)|**2` of each image, (batch,)."""
    images = tf.stop_gradient(images)  # the penalty moves the critic, never the generator
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        scores = critic(images)
    slopes: Any = tape.gradient(scores, images)
    return tf.reduce_sum(slopes**2, axis=list(range(1, len(slopes.shape))))


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class GradientPenalty(Penalty):
    """The penalty of WGAN-GP, `(|grad critic(y)| - 1)**2` at `y = u x + (1 - u) G(z)`, one u for each row.

    Args:
      weight: lambda of the paper, at least 0.
      one_sided: charges slopes above 1 only, `max(0, |grad critic(y)| - 1)**2`.
      every: moves of the critic from one penalty to the next, at least 1.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives import GradientPenalty
      >>> image, u = tf.ones((1, 2, 2, 1)), tf.constant([[0.5]])
      >>> GradientPenalty().rows(lambda x: tf.reduce_sum(x, [1, 2, 3]), image, image, u).numpy().tolist()
      [1.0]

    Reference: Gulrajani et al., 2017, Improved training of Wasserstein GANs, arXiv 1704.00028, equation 3.
    """

    num_uniforms: ClassVar[int] = 1
    weight: float = 10.0
    one_sided: bool = False
    every: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of(self.one_sided, "one_sided", (False, True))

    def rows(
        self, critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, generated: tf.Tensor, u: tf.Tensor | None
    ) -> tf.Tensor:
        if u is None:
            raise ValueError(
                "Expected `u`, (batch, 1) uniform numbers: where between real and generated to look. Received: u=None"
            )
        real, generated = tf.cast(real, tf.float32), tf.cast(generated, tf.float32)
        between = tf.reshape(u, [-1] + [1] * (len(real.shape) - 1))  # one number for all pixels of a row
        squared = _squared_slopes(critic, between * real + (1.0 - between) * generated)
        # the root has no slope at zero, and infinity times zero would be NaN: there the penalty is flat
        steep = squared > 0.0
        norm = tf.where(steep, tf.sqrt(tf.where(steep, squared, 1.0)), 0.0)
        excess = norm - 1.0
        return (tf.nn.relu(excess) if self.one_sided else excess) ** 2


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class R1(Penalty):
    """The penalty on slopes at real images, `|grad critic(x)|**2`.

    The paper weighs it by gamma / 2: `weight` is that whole factor, so that its gamma of 10 is a weight of 5.

    Args:
      weight: half the paper's gamma, at least 0.
      every: moves of the critic from one penalty to the next, at least 1.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives import R1
      >>> image = tf.ones((1, 2, 2, 1))
      >>> R1().rows(lambda x: tf.reduce_sum(x, [1, 2, 3]), image, image, None).numpy().tolist()
      [4.0]

    Reference: Mescheder, Geiger, Nowozin, 2018, Which training methods for GANs do actually converge?, arXiv 1801.04406,
      equation 9.
    """

    weight: float = 5.0
    every: int = 1

    def rows(
        self, critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, generated: tf.Tensor, u: tf.Tensor | None
    ) -> tf.Tensor:
        del generated, u
        return _squared_slopes(critic, tf.cast(real, tf.float32))


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class WeightClipping(Penalty):
    """No penalty but a projection: after each move of the critic its weights are clipped to `[-bound, bound]`.

    Args:
      bound: the largest weight, positive.

    Raises:
      ValueError: `bound` is not positive.

    Example:
      >>> import keras, tfgen
      >>> weight = keras.Variable([-3.0, 0.005])
      >>> tfgen.objectives.WeightClipping(0.01).project([weight])
      >>> [round(float(value), 3) for value in weight.numpy()]
      [-0.01, 0.005]

    Reference: Arjovsky, Chintala, Bottou, 2017, Wasserstein GAN, arXiv 1701.07875, algorithm 1.
    """

    bound: float = 0.01
    weight: float = field(default=0.0, init=False)
    every: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._hold(bound=checks.number(self.bound, "bound", above=0))

    def rows(
        self, critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, generated: tf.Tensor, u: tf.Tensor | None
    ) -> tf.Tensor:
        del critic, generated, u
        return tf.zeros(tf.shape(real)[:1])

    def project(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            variable.assign(tf.clip_by_value(tf.convert_to_tensor(variable), -self.bound, self.bound))
