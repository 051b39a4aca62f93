"""NADE: a hidden layer whose weights all conditionals share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.ordered import OrderedModel
from tfgen.networks import NADENetwork

__all__ = ["NADE"]


@final
@keras.saving.register_keras_serializable("tfgen")
class NADE(OrderedModel):
    """A neural autoregressive distribution estimator: `p(x[i] = 1 | x[<i]) = sigmoid(b[i] + V[i] @ h[i])`.

    `h[i] = sigmoid(c + sum{ W[:, j] x[j] : j < i })`: one value more adds one column to the sum, so all conditionals, and
    drawing an image, cost O(D H). Values other than binary enter as grey values in [0, 1], and the outputs are as many numbers
    as the likelihood needs. In raster order the channels of a pixel are drawn in their order; a random order mixes them too.

    `complete` conditions a missing value on what precedes it in the order of drawing: in raster order all above and to the left,
    in a random order whatever came before by chance. What is drawn later cannot be taken into account.

    Args:
      image_shape: (height, width, channels).
      likelihood: "bernoulli" for binary images, or a `tfgen.distributions.Likelihood`.
      hidden: units of the hidden layer.
      activation: of the hidden layer, a Keras name, for example "sigmoid" or "relu".
      ordering: "raster", or "random" for a permutation fixed by `ordering_seed`.
      ordering_seed: fixes a random order.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`; the network computes in float32 in every precision.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.NADE((6, 6, 1), hidden=8)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 6, 6, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 6, 6, 1)

    Reference: Larochelle, Murray, 2011, The neural autoregressive distribution estimator, AISTATS; Uria, Cote, Gregor, Murray,
    Larochelle, 2016, Neural autoregressive distribution estimation, arXiv 1605.02226.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        likelihood: str | Likelihood = "bernoulli",
        hidden: int = 500,
        activation: str = "sigmoid",
        ordering: str = "raster",
        ordering_seed: int = 0,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.likelihood = get_likelihood(likelihood)
        self.hidden, self.activation = hidden, activation
        self.ordering, self.ordering_seed = ordering, ordering_seed
        self.network = NADENetwork(
            self.image_shape,
            num_parameters=self.likelihood.num_parameters,
            hidden=hidden,
            activation=activation,
            ordering=ordering,
            ordering_seed=ordering_seed,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
