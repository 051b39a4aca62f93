"""FVBN: a logistic regression for each pixel on all pixels before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.ordered import OrderedModel
from tfgen.networks import MADENetwork

__all__ = ["FVBN"]


@final
@keras.saving.register_keras_serializable("tfgen")
class FVBN(OrderedModel):
    """A fully visible belief network: `p(x[i] = 1 | x[<i]) = sigmoid(b[i] + sum{ W[i, j] x[j] : j < i })`.

    The mask that leaves W strictly lower triangular acts in the forward pass. With other likelihoods than Bernoulli each
    of their parameters is such a linear function of the grey values before. In raster order the channels of a pixel are drawn
    in their order; a random order mixes them too. With "bernoulli" and "categorical" the loss is convex: whatever the initial
    weights (they are zero), training goes to the same least value.

    `complete` conditions a missing value on what precedes it in the order of drawing: in raster order all above and to the left,
    in a random order whatever came before by chance. What is drawn later cannot be taken into account.

    Args:
      image_shape: (height, width, channels).
      likelihood: "bernoulli" for binary images, or a `tfgen.distributions.Likelihood`; W has D * D * num_parameters entries.
      ordering: "raster", or "random" for a permutation fixed by `ordering_seed`.
      ordering_seed: fixes a random order.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.FVBN((6, 6, 1))
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 6, 6, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 6, 6, 1)

    Reference: Frey, Hinton, Dayan, 1996, Does the wake-sleep algorithm produce good density estimators?, NIPS; Neal, 1992,
    Connectionist learning of belief networks, Artificial Intelligence 56.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        likelihood: str | Likelihood = "bernoulli",
        ordering: str = "raster",
        ordering_seed: int = 0,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.likelihood = get_likelihood(likelihood)
        self.ordering, self.ordering_seed = ordering, ordering_seed
        self.network = MADENetwork(
            self.image_shape,
            num_parameters=self.likelihood.num_parameters,
            hidden=(),
            direct=True,
            ordering=ordering,
            ordering_seed=ordering_seed,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
