"""WaveNet: dilated causal convolutions over a waveform, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import tensorflow as tf

from tfgen import checks, random
from tfgen.distributions import Likelihood, MuLawCategorical, WaveformLogisticMixture, get_likelihood
from tfgen.models.autoregressive import stream
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.models.conditions import FrameFeatures, class_label
from tfgen.networks import WaveNetNetwork
from tfgen.random import Stream

__all__ = ["WaveNet"]

_LIKELIHOODS = {"mu_law": MuLawCategorical, "logistic_mixture": WaveformLogisticMixture}


@final
@keras.saving.register_keras_serializable("tfgen")
class WaveNet(AutoregressiveModel):
    """A waveform's exact likelihood, sample by sample, from dilated causal convolutions.

    `log p(x) = sum{ log p(x[t] | x[<t]) : t = 1...T }` in nats a clip; divide by T for nats a sample. The outputs at t see
    `receptive_field = 1 + blocks * sum(dilations)` samples before it, silence before the clip. Sampling keeps a queue of
    each block's past inputs, so a sample costs the same however far the network sees, and a longer draw begins with the shorter.

    With `num_classes` (speakers, say) it is `log p(x | label)`. With `local_channels` it is `log p(x | features)`: `fit` and its
    like take features (batch, length / hop, local_channels) as `y`, `sample` and its like as `features`; each frame is repeated
    for `hop` samples. Who has classes and features gives the classes as further, constant channels.

    Args:
      length: samples of a training clip.
      likelihood: "mu_law" (256 codes), "logistic_mixture" (10 logistics over 16 bits), or a `tfgen.distributions.Likelihood` of
        waveforms.
      num_classes: number of classes, or None; then `fit` and its like need labels as `y`, `sample` and its like as `label`.
      local_channels: features of a frame, 0 for none.
      hop: samples of a frame; it divides `length`.
      dilations: pattern of dilations.
      blocks: how often the pattern is repeated.
      filters: features of the residual path.
      gated: gated units of each block; 0 for as many as `filters`.
      skip: features of the skip path and of the head.
      sample_rate: in Hz, for WAV files; a data set that carries another rate is refused.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.WaveNet(20, dilations=(1, 2, 4), blocks=1, filters=4, skip=8)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 20, 1)), verbose=0)
      >>> model.sample(2, seed=0, length=30).shape
      (2, 30, 1)

    Reference: van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior, Kavukcuoglu, 2016, WaveNet: a
    generative model for raw audio, arXiv 1609.03499; Paine et al., 2016, Fast WaveNet generation algorithm, arXiv 1611.09482.
    """

    medium: ClassVar[str] = "audio"
    extent: ClassVar[str | None] = "length"
    settable: ClassVar[tuple[str, ...]] = ("sample_rate",)
    rows_at_once: ClassVar[int] = 32
    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(
        self,
        length: int = 4096,
        *,
        likelihood: str | Likelihood = "mu_law",
        num_classes: int | None = None,
        local_channels: int = 0,
        hop: int = 1,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        blocks: int = 2,
        filters: int = 32,
        gated: int = 0,
        skip: int = 64,
        sample_rate: int = 8000,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        if not isinstance(likelihood, (Likelihood, dict)) and str(likelihood) not in _LIKELIHOODS:
            raise ValueError(
                f"Expected `likelihood` to be one of {sorted(_LIKELIHOODS)}, or a `tfgen.distributions.Likelihood` of waveforms. "
                f"Received: likelihood={likelihood!r}"
            )
        self.likelihood = _LIKELIHOODS[likelihood]() if isinstance(likelihood, str) else get_likelihood(likelihood)
        self.length, self.local_channels, self.hop, self.sample_rate = length, local_channels, hop, sample_rate
        self.dilations = list(checks.integers(dilations, "dilations"))
        self.blocks, self.filters, self.gated, self.skip = blocks, filters, gated, skip
        checks.counts(1, length=length, hop=hop, blocks=blocks, filters=filters, skip=skip, sample_rate=sample_rate)
        checks.counts(0, gated=gated, local_channels=local_channels)
        self._check_arguments(num_classes)
        features = FrameFeatures(local_channels, hop, length) if local_channels else None
        self.condition_on(class_label(num_classes) if features is None else features)
        self.network = WaveNetNetwork(
            self.likelihood.num_outputs(1),
            codes=self.likelihood.levels if isinstance(self.likelihood, MuLawCategorical) else 0,
            dilations=self.dilations * blocks,
            filters=filters,
            gated=gated or filters,
            skip=skip,
            conditions=self.num_classes or local_channels,
            dtype=self.dtype_policy,
            name="network",
        )
        self.network.build((None, None, 1))
        self.finish_exact((length, 1))

    def _check_arguments(self, num_classes: int | None) -> None:
        """Refuses arguments that do not go together, each in one sentence."""
        if self.likelihood.value_range != self.value_range:
            raise ValueError(
                f"Expected a likelihood of waveforms in [-1, 1]: {', '.join(map(repr, _LIKELIHOODS))}, or an object of their "
                f"classes. Received: likelihood={type(self.likelihood).__name__}"
            )
        if num_classes is not None and self.local_channels:
            raise ValueError(
                "Expected `num_classes` or `local_channels`; classes beside features are further, constant channels. Received: "
                f"num_classes={num_classes}, local_channels={self.local_channels}"
            )
        if self.length % self.hop:
            raise ValueError(f"Expected a `hop` that divides `length`. Received: hop={self.hop}, length={self.length}")

    @property
    def receptive_field(self) -> int:
        """How many samples before t the distribution at t depends on."""
        return self.network.receptive_field

    # ---- what the family asks for ----

    def _beside(self, condition: Any) -> tf.Tensor | None:
        """Turns classes, or features, into what the network is conditional on."""
        return tf.one_hot(condition, self.num_classes) if self.num_classes is not None else condition

    def outputs_of(
        self, network: Any, x: tf.Tensor, condition: Any, training: bool, *, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        vectors = stream.at_each_time(self._beside(condition), self.hop, tf.shape(x)[1])
        x = self.likelihood.quantise(x)
        return network(x, training=training) if vectors is None else network(x, conditions=vectors, training=training)

    def fill(
        self, images: tf.Tensor | None, observed: tf.Tensor | None, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor],
        *, extent: int | None = None,
    ) -> tf.Tensor:  # fmt: skip
        # uniforms are keyed by their number, so a longer draw begins with the shorter one
        uniforms = random.uniform(seeds, (extent or self.length, 1), stream=Stream.PIXELS)
        temperature, vectors = self.temperature_of(controls, tf.size(seeds)), self._beside(condition)
        known = {} if images is None else {"audio": self.likelihood.quantise(images), "observed": observed}
        draw = self.likelihood.draw
        drawn = stream.queued(
            self.averaged_network, draw, uniforms, temperature, conditions=vectors, hop=self.hop, **known
        )  # fmt: skip
        return drawn if images is None or observed is None else tf.where(observed > 0, images, drawn)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "sample_rate": int(self.sample_rate), "receptive_field": self.receptive_field}
