"""The tricks that keep one adversarial training steady, as one object."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from tfgen import checks, random
from tfgen.objectives.settings import Settings

__all__ = ["Stabilisers"]


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class Stabilisers(Settings):
    """Tricks of one adversarial training; by default none.

    Args:
      instance_noise: standard deviation of the Gaussian noise on every image that the discriminator sees, at least 0, in units
        of the pixel's range [0, 1].
      instance_noise_steps: steps over which that noise falls linearly to 0; 0 keeps it.
      average_start: step before which the averaged weights are a copy of the raw ones.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tricks = tfgen.objectives.Stabilisers(instance_noise=0.1, instance_noise_steps=100)
      >>> image, seed = tf.zeros((1, 2, 2, 1)), tf.constant([7], tf.int64)
      >>> bool(tf.reduce_any(tricks.noisy(image, seed, 0) != 0.0)), bool(tf.reduce_any(tricks.noisy(image, seed, 100) != 0.0))
      (True, False)

    Reference: Sonderby et al., 2017, Amortised MAP inference for image super-resolution, arXiv 1610.04490, section 4.
    """

    instance_noise: float = 0.0
    instance_noise_steps: int = 0
    average_start: int = 0

    def __post_init__(self) -> None:
        self._hold(instance_noise=checks.number(self.instance_noise, "instance_noise", least=0))
        for name in ("instance_noise_steps", "average_start"):
            self._hold(**{name: checks.integer(getattr(self, name), name, least=0)})

    def noisy(self, images: tf.Tensor, seeds: tf.Tensor, step: tf.Tensor | int) -> tf.Tensor:
        """Adds the instance noise of a step to what the discriminator sees.

        Args:
          images: (batch, ...).
          seeds: (batch,) int64, one per row; real and generated images need seeds of their own, or they get the same noise.
          step: training steps taken so far.

        Returns:
          images: the same shape, float32; the very same tensor without instance noise.
        """
        if not self.instance_noise:
            return images
        scale = tf.constant(self.instance_noise, tf.float32)
        if self.instance_noise_steps:
            scale *= tf.maximum(1.0 - tf.cast(step, tf.float32) / self.instance_noise_steps, 0.0)
        noise = random.normal(seeds, images.shape[1:], stream=random.Stream.INSTANCE_NOISE)
        return tf.cast(images, tf.float32) + scale * noise
