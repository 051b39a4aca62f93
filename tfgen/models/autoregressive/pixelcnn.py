"""PixelCNN: masked convolutions over an image in raster order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.networks import PixelCNNNetwork

__all__ = ["PixelCNN"]


@final
@keras.saving.register_keras_serializable("tfgen")
class PixelCNN(AutoregressiveModel):
    """An image's exact likelihood, pixel by pixel, from masked convolutions.

    `log p(x) = sum{ log p(x[i] | x[<i]) : i = 1...D }`, pixels in raster order, the channels of a pixel in order R, G, B.

    Args:
      image_shape: (height, width, channels).
      likelihood: "bernoulli" for binary images, "categorical" or "discretized_logistic_mixture" for 256 grey levels, or a
        `tfgen.distributions.Likelihood`.
      filters: maps inside a residual block; the residual path carries twice as many.
      blocks: number of residual blocks.
      kernel_size: size of the first, mask-A convolution.
      dilations: pattern of dilations of the blocks' 3x3 convolutions: wider fields at no cost.
      head: maps of the last hidden layers; 0 for as many as the residual path.
      network: your own causal network in place of the default; a `tfgen.networks.CausalNetwork` samples fast, any other
        Keras model with one pass per pixel.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, or `network` does not return what the likelihood needs.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.PixelCNN((6, 6, 1), filters=4, blocks=1)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 6, 6, 1)), verbose=0)
      >>> model.sample(2, seed=0).shape
      (2, 6, 6, 1)

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        likelihood: str | Likelihood = "bernoulli",
        filters: int = 64,
        blocks: int = 5,
        kernel_size: int = 7,
        dilations: Sequence[int] = (1,),
        head: int = 0,
        network: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        checks.counts(1, filters=filters, kernel_size=kernel_size)
        checks.counts(0, blocks=blocks, head=head)
        self.likelihood = get_likelihood(likelihood)
        self.filters, self.blocks, self.kernel_size = filters, blocks, kernel_size
        self.dilations, self.head = list(checks.integers(dilations, "dilations")), head
        self.default_networks = ("network",) if network is None else ()
        channels = self.image_shape[-1]
        self.network = network or PixelCNNNetwork(
            self.likelihood.num_outputs(channels),
            channels=channels,
            ordered=not self.likelihood.coupled,
            filters=filters,
            blocks=blocks,
            kernel_size=kernel_size,
            dilations=self.dilations,
            head=head,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
