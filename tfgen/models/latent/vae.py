"""The variational autoencoder and the variants that are arguments of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
from keras.optimizers.schedules import LearningRateSchedule as Schedule

from tfgen import checks, networks, objectives
from tfgen.distributions import Likelihood, Posterior, Prior, get_likelihood, get_posterior, get_prior
from tfgen.models.conditions import class_label
from tfgen.models.latent.base import LatentVariableModel
from tfgen.objectives import Bound

__all__ = ["VAE"]

_NETWORKS = {
    "convolutional": (networks.convolutional_encoder, networks.convolutional_decoder),
    "mlp": (networks.mlp_encoder, networks.mlp_decoder),
}
_SCALARS = {"beta": 1.0, "kl_warmup_steps": 0, "free_bits": 0.0, "importance_samples": 1}
_FIELDS = {"kl_warmup_steps": "warmup_steps", "importance_samples": "num_samples"}  # of a bound, where it calls them otherwise


def _of_bound(name: str, doc: str) -> property:
    """Makes a number of the bound an attribute of the model: set, it makes another bound."""

    def read(model: Any) -> Any:
        known = isinstance(model.bound, (objectives.ELBO, objectives.ImportanceWeighted))
        return getattr(model.bound, _FIELDS.get(name, name), _SCALARS[name]) if known else _SCALARS[name]

    def write(model: Any, value: Any) -> None:
        if "bound" not in model.default_networks:
            raise ValueError(
                f"Expected a bound of this library's, of which `{name}` is a number: set `model.bound`. Received: {name}={value!r}, "
                f"bound={model.bound!r}"
            )
        model.bound = objectives.make_bound(**{**{each: getattr(model, each) for each in _SCALARS}, name: value})

    return property(read, write, doc=doc)


@final
@keras.saving.register_keras_serializable("tfgen")
class VAE(LatentVariableModel):
    """A decoder of Gaussian latents, trained with an encoder on a lower bound of the likelihood.

    `log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z))`; by default `q(z | x) = N(loc(x), scale(x))`, `p(z) = N(0, 1)`.

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
      num_classes: number of classes, or None. With it encoder and decoder are given the label: `fit` and its like need labels as `y`,
        `sample` and its like as `label`; the same latents with another label are the same picture of another class.
      prior: p(z): None for N(0, 1), a name, or a `tfgen.distributions.Prior`, `NormalMixture` for example.
      posterior: q(z | x): None for independent Gaussians, "full" for a whole covariance, or a `tfgen.distributions.Posterior`.
      bound: what training descends, a `tfgen.objectives.Bound`; None for the one that the following numbers say.
      beta: weight of the KL term, at least 0; a number, or a Keras schedule of the training steps taken. This and the numbers below may
        be set on the model, `model.beta = 4.0`, by a callback too: the next step heeds it, and files hold it.
      encoder: your own Keras model, from images, or [images, label], to (batch, num_parameters), 2 * latent_dim of them for independent
        Gaussians.
      decoder: your own Keras model, from latents, or [latents, label], to (batch, height, width, channels * num_parameters).
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: `kl_warmup_steps`, over which the weight of the KL term rises from 0 to `beta`; `free_bits`, nats per latent that cost
        nothing; `importance_samples`, draws of the importance-weighted bound, 1 for the ELBO; Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, a network does not fit, `bound` meets the numbers that say one, or
        `importance_samples` meets `beta`, warm-up or free bits, which the importance-weighted bound has no KL term for.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.VAE((8, 8, 1), latent_dim=2, network="mlp", width=8)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 8, 8, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 8, 8, 1)

    Reference: Kingma, Welling, 2014, Auto-encoding variational Bayes, arXiv 1312.6114; Sohn, Lee, Yan, 2015, Learning structured
      output representation using deep conditional generative models, NIPS (with labels).
    """

    further_arguments: ClassVar[tuple[str, ...]] = ("kl_warmup_steps", "free_bits", "importance_samples")
    settable: ClassVar[tuple[str, ...]] = ("bound", *_SCALARS)
    beta = _of_bound("beta", "The weight of the KL term.")
    kl_warmup_steps = _of_bound("kl_warmup_steps", "Steps of training over which that weight rises from 0 to `beta`.")
    free_bits = _of_bound("free_bits", "Nats per latent that cost nothing.")
    importance_samples = _of_bound("importance_samples", "Draws of the importance-weighted bound; 1 for the ELBO.")

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        latent_dim: int = 32,
        network: str = "convolutional",
        width: int = 0,
        likelihood: str | Likelihood = "bernoulli",
        num_classes: int | None = None,
        prior: str | Prior | None = None,
        posterior: str | Posterior | None = None,
        bound: Bound | None = None,
        beta: float | Schedule = 1.0,
        encoder: Any = None,
        decoder: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        scalars = {name: kwargs.pop(name, _SCALARS[name]) for name in self.further_arguments}
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.condition_on(class_label(num_classes))
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.latent_dim, self.width = checks.integer(latent_dim, "latent_dim", least=1), checks.integer(width, "width", least=0)
        self.network = checks.one_of(network, "network", tuple(_NETWORKS))
        self.likelihood = get_likelihood(likelihood)
        chosen = {"prior": get_prior(prior, latent_dim), "posterior": get_posterior(posterior, latent_dim)}
        chosen["bound"] = self._chosen_bound(bound, {"beta": beta, **scalars})
        given = {"prior": prior, "posterior": posterior, "encoder": encoder, "decoder": decoder}
        self.default_networks += tuple(name for name, value in given.items() if value is None)
        build_encoder, build_decoder = _NETWORKS[network]
        options: dict[str, Any] = {"dtype": self.dtype_policy, "num_classes": self.num_classes or 0}
        options |= {"width": width} if width else {}
        outputs = self.likelihood.num_outputs(self.image_shape[2])
        self.encoder = encoder or build_encoder(self.image_shape, chosen["posterior"].num_parameters, **options)
        self.decoder = decoder or build_decoder(self.image_shape, latent_dim, outputs, **options)
        self.finish_latents(self.image_shape, **chosen)

    def _chosen_bound(self, bound: Bound | None, scalars: dict[str, Any]) -> Bound:
        """Finds the bound that is given, or said by numbers."""
        if bound is None:
            return objectives.make_bound(**scalars)
        if not isinstance(bound, Bound) or any(scalars[name] != value for name, value in _SCALARS.items()):
            raise ValueError(
                f"Expected `bound`, a `tfgen.objectives.Bound`, or {', '.join(_SCALARS)}. Received: bound={bound!r}, {scalars}"
            )
        return bound
