"""The generative adversarial network, with the DCGAN's networks by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import tensorflow as tf

from tfgen import networks, objectives, random
from tfgen.models import configuration
from tfgen.models.adversarial.base import _LATENTS, AdversarialModel

__all__ = ["GAN"]


@final
@keras.saving.register_keras_serializable("tfgen")
class GAN(AdversarialModel):
    """A generator that learns to fool a discriminator that learns to tell its images from real ones.

    `min_G max_D E[log D(x)] + E[log(1 - D(G(z)))]` with `objective="saturating"`; with "non_saturating" the generator descends
    `-E[log D(G(z))]` instead, whose gradient does not vanish while the discriminator wins.

    Args:
      image_shape: (height, width, channels).
      latent_dim: number of latents.
      objective: "non_saturating" or "saturating".
      latent_distribution: "normal", N(0, 1), or "uniform", U(-1, 1), as in the DCGAN paper.
      width: maps of the default networks' narrowest convolution.
      generator: your own Keras model, from (batch, latent_dim) to images in [0, 1].
      discriminator: your own Keras model, from images to (batch, 1) logits.
      ema: decay of the averaged generator, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, or a network does not fit.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.GAN((8, 8, 1), latent_dim=4, width=4)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 8, 8, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 8, 8, 1)

    Reference: Goodfellow et al., 2014, Generative adversarial nets, arXiv 1406.2661; Radford, Metz, Chintala, 2016, DCGAN,
      arXiv 1511.06434.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "image_shape", "latent_dim", "objective", "latent_distribution", "width", "generator", "discriminator",
    )  # fmt: skip

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        latent_dim: int = 100,
        objective: str = "non_saturating",
        latent_distribution: str = "normal",
        width: int = 64,
        generator: Any = None,
        discriminator: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = configuration.check_image_shape(image_shape)
        if latent_distribution not in ("normal", "uniform"):
            raise ValueError(
                f"`latent_distribution` must be 'normal' or 'uniform'. Received: latent_distribution={latent_distribution!r}"
            )
        self.latent_dim, self.width, self.latent_distribution = latent_dim, width, latent_distribution
        self.objective = objective
        self.objective_pair = objectives.get_objective(objective)
        given = {"generator": generator, "discriminator": discriminator}
        self.default_networks = tuple(name for name, value in given.items() if value is None)
        options: dict[str, Any] = {"width": width, "dtype": self.dtype_policy}
        self.generator = generator or networks.dcgan_generator(self.image_shape, latent_dim, **options)
        self.discriminator = discriminator or networks.dcgan_discriminator(self.image_shape, **options)
        self._finish_players(self.image_shape)

    def _latents(self, seeds: tf.Tensor) -> tf.Tensor:
        if self.latent_distribution == "normal":
            return random.normal(seeds, (self.latent_dim,), stream=_LATENTS)
        return 2.0 * random.uniform(seeds, (self.latent_dim,), stream=_LATENTS) - 1.0
