"""Gated PixelCNN: two stacks of gated causal convolutions without a blind spot, class-conditional if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras

from tfgen import checks
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.models.conditions import class_label
from tfgen.networks import GatedPixelCNNNetwork

__all__ = ["GatedPixelCNN"]


@final
@keras.saving.register_keras_serializable("tfgen")
class GatedPixelCNN(AutoregressiveModel):
    """An image's exact likelihood, pixel by pixel, from a vertical and a horizontal stack of gated convolutions.

    `log p(x) = sum{ log p(x[i] | x[<i]) : i = 1...D }`, pixels in raster order, the channels of a pixel in order R, G, B. The
    vertical stack sees all rows above, the horizontal one what lies to the left: together every pixel that comes before,
    within reach, where stacked masked kernels have a blind spot. With `num_classes` it is `log p(x | label)`, a bias of each
    class in every gate.

    Args:
      image_shape: (height, width, channels).
      likelihood: "bernoulli" for binary images, "categorical" or "discretized_logistic_mixture" for 256 grey levels, or a
        `tfgen.distributions.Likelihood`.
      num_classes: number of classes, or None; then `fit` and its like need labels as `y`, `sample` and its like as `label`.
      filters: maps of each stack; skip path and head have twice as many.
      blocks: number of 3x3 blocks after the first.
      kernel_size: size of the first block's kernels.
      dilations: pattern of dilations of the 3x3 blocks: wider fields at no cost.
      dropout: share of the gated units that a training step drops, in [0, 1); it is off in evaluation and sampling.
      network: your own causal network in place of the default; a `tfgen.networks.CausalNetwork` samples fast, any other
        Keras model with one pass per pixel. With `num_classes` it takes [images, labels].
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, or `network` does not return what the likelihood needs.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.GatedPixelCNN((6, 6, 1), num_classes=3, filters=4, blocks=1)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 6, 6, 1)), np.arange(8) % 3, verbose=0)
      >>> model.sample(label=[2, 0], seed=0).shape
      (2, 6, 6, 1)

    Reference: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu, 2016, Conditional image generation with
    PixelCNN decoders, arXiv 1606.05328.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        likelihood: str | Likelihood = "bernoulli",
        num_classes: int | None = None,
        filters: int = 32,
        blocks: int = 6,
        kernel_size: int = 7,
        dilations: Sequence[int] = (1, 2, 1, 4),
        dropout: float = 0.0,
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
        self.filters, self.blocks, self.kernel_size = filters, blocks, kernel_size
        self.dilations, self.dropout = list(checks.integers(dilations, "dilations")), dropout
        self.default_networks = ("network",) if network is None else ()
        if not self.dilations:
            raise ValueError(f"Expected one dilation or more. Received: dilations={dilations}")
        channels = self.image_shape[-1]
        self.network = network or GatedPixelCNNNetwork(
            self.likelihood.num_outputs(channels),
            channels=channels,
            ordered=not self.likelihood.coupled,
            filters=filters,
            dilations=[self.dilations[i % len(self.dilations)] for i in range(blocks)],
            kernel_size=kernel_size,
            dropout=dropout,
            num_classes=self.num_classes or 0,
            dtype=self.dtype_policy,
            name="network",
        )
        self.finish_network(self.image_shape)
