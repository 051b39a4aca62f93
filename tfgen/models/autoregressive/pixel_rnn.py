"""PixelRNN: two-dimensional LSTMs over an image in raster order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.models.conditions import class_label
from tfgen.networks import PixelRNNNetwork

__all__ = ["PixelRNN"]


@final
@keras.saving.register_keras_serializable("tfgen")
class PixelRNN(AutoregressiveModel):
    """An image's exact likelihood, pixel by pixel, from layers of Row LSTM or Diagonal BiLSTM.

    `log p(x) = sum{ log p(x[i] | x[<i]) : i = 1...D }`, pixels in raster order, the channels of a pixel in order R, G, B. The
    Row LSTM is the faster one and sees a triangle above each pixel; the Diagonal BiLSTM sees every pixel that comes before,
    however far. With `num_classes` it is `log p(x | label)`, a bias of each class in every gate.

    Args:
      image_shape: (height, width, channels).
      cell: "row_lstm" or "diagonal_bilstm".
      likelihood: "bernoulli" for binary images, "categorical" or "discretized_logistic_mixture" for 256 grey levels, or a
        `tfgen.distributions.Likelihood`.
      num_classes: number of classes, or None; then `fit` and its like need labels as `y`, `sample` and its like as `label`.
      filters: maps of the hidden states; the residual path carries twice as many.
      blocks: number of LSTM layers.
      kernel_size: size of the first, mask-A convolution. The Row LSTM, which sees a triangle above a pixel and few pixels of its
        own row, gains most from a wide one.
      network: your own causal network in place of the default; a `tfgen.networks.CausalNetwork` samples fast, any other
        Keras model with one pass per pixel. With `num_classes` it takes [images, labels].
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, or `network` does not return what the likelihood needs.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.PixelRNN((6, 6, 1), cell="diagonal_bilstm", filters=4, blocks=1)
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
        cell: str = "row_lstm",
        likelihood: str | Likelihood = "bernoulli",
        num_classes: int | None = None,
        filters: int = 32,
        blocks: int = 4,
        kernel_size: int = 7,
        network: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.condition_on(class_label(num_classes))
        self.image_shape = checks.shape(image_shape, "image_shape")
        checks.counts(1, filters=filters, blocks=blocks, kernel_size=kernel_size)
        self.likelihood = get_likelihood(likelihood)
        self.cell, self.filters, self.blocks, self.kernel_size = cell, filters, blocks, kernel_size
        self.default_networks = ("network",) if network is None else ()
        channels = self.image_shape[-1]
        self.network = network or PixelRNNNetwork(
            self.likelihood.num_outputs(channels),
            channels=channels,
            ordered=not self.likelihood.coupled,
            cell=cell,
            filters=filters,
            blocks=blocks,
            kernel_size=kernel_size,
            num_classes=self.num_classes or 0,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
