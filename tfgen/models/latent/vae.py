"""The variational autoencoder and the variants that are arguments of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import numpy as np

from tfgen import networks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models import configuration
from tfgen.models.latent.base import LatentVariableModel

__all__ = ["VAE"]


@final
@keras.saving.register_keras_serializable("tfgen")
class VAE(LatentVariableModel):
    """A decoder of Gaussian latents, trained with an encoder on a lower bound of the likelihood.

    `log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z))`, `q(z | x) = N(loc(x), scale(x))`, `p(z) = N(0, 1)`.

    `sample` and `reconstruct` give the mean of p(x | z), the picture that is meant, not its pixels' noise. Training minimises
    the negative bound with these changes, if asked for: `beta * KL` (beta-VAE), KL warm-up (beta rises linearly from 0), free
    bits (a latent below so many nats costs nothing more), or the importance-weighted bound in place of the ELBO.

    Args:
      image_shape: (height, width, channels).
      latent_dim: number of latents.
      network: "convolutional" or "mlp", the form of encoder and decoder.
      width: maps of the narrowest convolution, or units of each hidden layer of an "mlp"; 0 for the form's default.
      likelihood: "bernoulli" (binary images), "discretized_logistic" (8-bit images), "normal" (learned scale; 8-bit images are
        dequantised uniformly), or a `tfgen.distributions.Likelihood`.
      beta: weight of the KL term, at least 0.
      kl_warmup_steps: steps over which the weight of the KL term rises from 0 to `beta`.
      free_bits: nats per latent that cost nothing.
      importance_samples: draws of the importance-weighted bound; 1 for the ELBO.
      encoder: your own Keras model, from images to (batch, 2 * latent_dim).
      decoder: your own Keras model, from latents to (batch, height, width, channels * num_parameters).
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, a network does not fit, or `importance_samples` meets `beta`, warm-up or
        free bits,
        which the importance-weighted bound has no KL term for.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.VAE((8, 8, 1), latent_dim=2, network="mlp", width=8)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 8, 8, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 8, 8, 1)

    Reference: Kingma, Welling, 2014, Auto-encoding variational Bayes, arXiv 1312.6114.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "image_shape", "latent_dim", "network", "width", "likelihood", "beta", "kl_warmup_steps", "free_bits",
        "importance_samples", "encoder", "decoder",
    )  # fmt: skip

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        latent_dim: int = 32,
        network: str = "convolutional",
        width: int = 0,
        likelihood: str | Likelihood = "bernoulli",
        beta: float = 1.0,
        kl_warmup_steps: int = 0,
        free_bits: float = 0.0,
        importance_samples: int = 1,
        encoder: Any = None,
        decoder: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = configuration.check_image_shape(image_shape)
        self.latent_dim, self.network, self.width = latent_dim, network, width
        self.likelihood = get_likelihood(likelihood)
        self.beta, self.kl_warmup_steps, self.free_bits = beta, kl_warmup_steps, free_bits
        self.importance_samples = importance_samples
        _check_settings(self)
        given = {"encoder": encoder, "decoder": decoder}
        self.default_networks = tuple(name for name, value in given.items() if value is None)
        self.encoder = encoder or self._default_encoder()
        self.decoder = decoder or self._default_decoder()
        self._finish_networks(self.image_shape)

    def _default_encoder(self) -> keras.Model:
        build = networks.convolutional_encoder if self.network == "convolutional" else networks.mlp_encoder
        options = {"width": self.width} if self.width else {}
        return build(self.image_shape, 2 * self.latent_dim, dtype=self.dtype_policy, **options)

    def _default_decoder(self) -> keras.Model:
        build = networks.convolutional_decoder if self.network == "convolutional" else networks.mlp_decoder
        options = {"width": self.width} if self.width else {}
        outputs = self.likelihood.num_outputs(self.image_shape[2])
        return build(self.image_shape, self.latent_dim, outputs, dtype=self.dtype_policy, **options)


def _check_settings(model: VAE) -> None:
    if model.network not in ("convolutional", "mlp"):
        raise ValueError(f"`network` must be 'convolutional' or 'mlp'. Received: network={model.network!r}")
    for name, least in {
        "latent_dim": 1, "width": 0, "beta": 0, "kl_warmup_steps": 0, "free_bits": 0, "importance_samples": 1,
    }.items():  # fmt: skip
        value, fraction = getattr(model, name), name in ("beta", "free_bits")
        if not isinstance(value, (float, int, np.number) if fraction else (int, np.integer)) or not value >= least:
            kind = "a number" if fraction else "an integer"
            raise ValueError(f"`{name}` must be {kind} of at least {least}. Received: {name}={value!r}")
    if model.importance_samples > 1 and (model.beta != 1 or model.kl_warmup_steps or model.free_bits):
        raise ValueError(
            "The importance-weighted bound has no KL term to weigh: expected `beta=1`, `kl_warmup_steps=0` and `free_bits=0` beside "
            f"`importance_samples`. Received: beta={model.beta}, kl_warmup_steps={model.kl_warmup_steps}, "
            f"free_bits={model.free_bits}, importance_samples={model.importance_samples}"
        )
