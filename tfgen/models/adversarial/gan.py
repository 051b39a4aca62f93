"""The generative adversarial network, with the DCGAN's networks by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras

from tfgen import checks, networks
from tfgen.distributions import Prior, get_prior
from tfgen.models.adversarial.base import AdversarialModel
from tfgen.models.adversarial.game import Game
from tfgen.objectives import AdversarialObjective, Penalty, Stabilisers, get_objective

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
      objective: "non_saturating", "saturating", or a `tfgen.objectives.AdversarialObjective`.
      prior: of the latents: None for N(0, 1), "uniform" for U(-1, 1), as in the DCGAN paper, or a `tfgen.distributions.Prior`.
      penalty: of the discriminator, `tfgen.objectives.GradientPenalty` for example, or None.
      critic_steps: moves of the discriminator for one of the generator, each on a batch of its own.
      stabilisers: noise on what the discriminator sees, and when averages begin, or None.
      width: maps of the default networks' narrowest convolution.
      generator: your own Keras model, from (batch, latent_dim) to images in [0, 1].
      discriminator: your own Keras model, from images to (batch, 1) logits.
      ema: decay of the averaged generator, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: `latent_distribution`, "normal" or "uniform", which says the prior in recipes; Keras's `name` and `dtype`.

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

    further_arguments: ClassVar[tuple[str, ...]] = ("latent_distribution",)

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        latent_dim: int = 100,
        objective: str | AdversarialObjective = "non_saturating",
        prior: str | Prior | None = None,
        penalty: Penalty | None = None,
        critic_steps: int = 1,
        stabilisers: Stabilisers | None = None,
        width: int = 64,
        generator: Any = None,
        discriminator: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        self.latent_distribution = kwargs.pop("latent_distribution", "normal")
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.latent_dim, self.width = checks.integer(latent_dim, "latent_dim", least=1), width
        checks.one_of(self.latent_distribution, "latent_distribution", ("normal", "uniform"))
        self.objective, self.penalty, self.critic_steps, self.stabilisers = objective, penalty, critic_steps, stabilisers
        game = Game(get_objective(objective), penalty, critic_steps, stabilisers=stabilisers or Stabilisers())
        given = {"generator": generator, "discriminator": discriminator, "prior": prior}
        self.default_networks = tuple(name for name, value in given.items() if value is None)
        options: dict[str, Any] = {"width": width, "dtype": self.dtype_policy}
        self.generator = generator or networks.dcgan_generator(self.image_shape, latent_dim, **options)
        self.discriminator = discriminator or networks.dcgan_discriminator(self.image_shape, **options)
        chosen = get_prior(self.latent_distribution if prior is None else prior, latent_dim)
        self.finish_game(self.image_shape, prior=chosen, game=game)
