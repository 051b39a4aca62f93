"""MADE: an autoencoder with masks, and mixtures of several orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.ordered import OrderedModel
from tfgen.networks import MADENetwork

__all__ = ["MADE"]


@final
@keras.saving.register_keras_serializable("tfgen")
class MADE(OrderedModel):
    """A masked autoencoder: one pass gives `p(x[i] | x[<i])` of every value, as output i is connected only to what precedes it.

    With `num_masks` K above 1 the same weights serve K orders (and connectivities), and the model is their mixture:
    `log p(x) = logsumexp{ log p_k(x) : k = 1...K } - log K`, exact, at the cost of K passes. Training step t takes the masks
    `t mod K`, so its loss is that of one order, an upper bound of the mixture's on average. A sample's row seed draws its
    order first, then its values in that order. In raster order the channels of a pixel are drawn in their order; a random order
    mixes them too. `predict` shows the conditionals of the first order.

    `complete` conditions a missing value on what precedes it in the order of drawing: in raster order all above and to the left,
    in a random order whatever came before by chance. What is drawn later cannot be taken into account. With several
    masks the row seed draws one order, each as likely as another: orders are not weighed by how well they explain what is
    observed.

    Args:
      image_shape: (height, width, channels).
      likelihood: "bernoulli" for binary images, or a `tfgen.distributions.Likelihood`.
      hidden: units of each hidden layer.
      activation: of the hidden layers, a Keras name.
      direct: whether inputs are also connected directly to the outputs.
      ordering: "raster", or "random" for permutations fixed by `ordering_seed`.
      num_masks: sets of masks, drawn by the seed; in raster order they differ in the hidden units' degrees only.
      ordering_seed: fixes orders and masks.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`; the last layer is float32 in every precision.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.MADE((6, 6, 1), hidden=(8,), num_masks=2, ordering="random")
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 6, 6, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 6, 6, 1)

    Reference: Germain, Gregor, Murray, Larochelle, 2015, MADE: masked autoencoder for distribution estimation, arXiv 1502.03509.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        likelihood: str | Likelihood = "bernoulli",
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        direct: bool = True,
        ordering: str = "raster",
        num_masks: int = 1,
        ordering_seed: int = 0,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        checks.counts(1, num_masks=num_masks)
        self.likelihood = get_likelihood(likelihood)
        self.hidden = list(checks.integers(hidden, "hidden"))
        self.activation, self.direct = activation, direct
        self.ordering, self.num_masks, self.ordering_seed = ordering, num_masks, ordering_seed
        self.network = MADENetwork(
            self.image_shape,
            num_parameters=self.likelihood.num_parameters,
            hidden=self.hidden,
            activation=activation,
            direct=direct,
            ordering=ordering,
            num_masks=num_masks,
            ordering_seed=ordering_seed,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
