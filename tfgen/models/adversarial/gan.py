"""The generative adversarial network, with the DCGAN's networks by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras

from tfgen import checks, networks
from tfgen.distributions import Prior, get_prior
from tfgen.models.adversarial.base import AdversarialModel
from tfgen.models.adversarial.game import Game
from tfgen.models.conditions import class_label
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
      objective: "non_saturating", "saturating", "least_squares", "hinge", or a `tfgen.objectives.AdversarialObjective`.
      prior: of the latents: None for N(0, 1), "uniform" for U(-1, 1), as in the DCGAN paper, or a `tfgen.distributions.Prior`.
      penalty: of the discriminator, `tfgen.objectives.GradientPenalty` for example, or None.
      critic_steps: moves of the discriminator for one of the generator, each on a batch of its own.
      stabilisers: noise on what the discriminator sees, and when averages begin, or None.
      num_classes: number of classes, or None. With it both players are given the label: `fit` and its like need labels as `y`,
        `sample` and its like as `label`.
      conditioning: how the default discriminator takes the label: "concatenate", its one-hot maps beside the image, or "projection",
        `<v[label], features>` added to the logit. The default generator takes its one-hot code beside the latents.
      width: maps of the default networks' narrowest convolution.
      generator: your own Keras model, from (batch, latent_dim), or [latents, label], to images in [0, 1].
      discriminator: your own Keras model, from images, or [images, label], to (batch, 1) logits.
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
      arXiv 1511.06434; Mao et al., 2017, Least squares GAN, arXiv 1611.04076; Lim, Ye, 2017, Geometric GAN, arXiv 1705.02894
      ("hinge"); Mirza, Osindero, 2014, Conditional GAN, arXiv 1411.1784; Miyato, Koyama, 2018, arXiv 1802.05637 ("projection").
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
        num_classes: int | None = None,
        conditioning: str = "concatenate",
        width: int = 64,
        generator: Any = None,
        discriminator: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        self.latent_distribution = kwargs.pop("latent_distribution", "normal")
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.condition_on(class_label(num_classes))
        self.conditioning = checks.one_of(conditioning, "conditioning", ("concatenate", "projection"))
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.latent_dim, self.width = checks.integer(latent_dim, "latent_dim", least=1), width
        checks.one_of(self.latent_distribution, "latent_distribution", ("normal", "uniform"))
        self.objective, self.penalty, self.critic_steps, self.stabilisers = objective, penalty, critic_steps, stabilisers
        game = Game(get_objective(objective), penalty, critic_steps, stabilisers=stabilisers or Stabilisers())
        given = {"generator": generator, "discriminator": discriminator, "prior": prior}
        self.default_networks = tuple(name for name, value in given.items() if value is None)
        options: dict[str, Any] = {"width": width, "num_classes": self.num_classes or 0, "dtype": self.dtype_policy}
        self.generator = generator or networks.dcgan_generator(self.image_shape, latent_dim, **options)
        self.discriminator = discriminator or self._default_discriminator(options)
        chosen = get_prior(self.latent_distribution if prior is None else prior, latent_dim)
        self.finish_game(self.image_shape, prior=chosen, game=game)

    def _default_discriminator(self, options: dict[str, Any]) -> keras.Model:
        if self.num_classes is None or self.conditioning == "concatenate":
            return networks.dcgan_discriminator(self.image_shape, **options)
        plain = networks.dcgan_discriminator(self.image_shape, **{**options, "num_classes": 0})
        return networks.with_projection(plain, self.num_classes)
