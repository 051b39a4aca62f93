"""WaveNet: dilated causal convolutions over a waveform, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import keras
import numpy as np
import tensorflow as tf

from tfgen import data, random
from tfgen.distributions import Likelihood, MuLawCategorical, WaveformLogisticMixture, get_likelihood
from tfgen.models import configuration, labels, signatures
from tfgen.models.autoregressive import stream
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.networks import WaveNetNetwork

__all__ = ["WaveNet"]

_SAMPLES = 1  # the stream of uniforms that samples are drawn with
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
      sample_rate: in Hz, for WAV files.
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

    arguments: ClassVar[tuple[str, ...]] = (
        "length", "likelihood", "num_classes", "local_channels", "hop", "dilations", "blocks", "filters", "gated", "skip", "sample_rate",
    )  # fmt: skip
    output_name: ClassVar[str] = "audio"
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
        self._condition_on(num_classes)
        if not isinstance(likelihood, (Likelihood, dict)) and str(likelihood) not in _LIKELIHOODS:
            raise ValueError(
                f"Expected `likelihood` to be one of {sorted(_LIKELIHOODS)}, or a `tfgen.distributions.Likelihood` of waveforms. "
                f"Received: likelihood={likelihood!r}"
            )
        self.likelihood = _LIKELIHOODS[likelihood]() if isinstance(likelihood, str) else get_likelihood(likelihood)
        self.length, self.local_channels, self.hop, self.sample_rate = length, local_channels, hop, sample_rate
        self.dilations = list(configuration.as_integers(dilations, "dilations"))
        self.blocks, self.filters, self.gated, self.skip = blocks, filters, gated, skip
        configuration.check_integers(
            1, length=length, hop=hop, blocks=blocks, filters=filters, skip=skip, sample_rate=sample_rate
        )
        configuration.check_integers(0, gated=gated, local_channels=local_channels)
        self._check_arguments()
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
        self.averaged_network = self._average_of(self.network)
        self._finish((length, 1), ["loss", "nll", "bits_per_dim"])

    def _check_arguments(self) -> None:
        """Refuses arguments that do not go together, each in one sentence."""
        if self.likelihood.value_range != self.value_range:
            raise ValueError(
                f"Expected a likelihood of waveforms in [-1, 1]: {', '.join(map(repr, _LIKELIHOODS))}, or an object of their "
                f"classes. Received: likelihood={type(self.likelihood).__name__}"
            )
        if self.num_classes is not None and self.local_channels:
            raise ValueError(
                "Expected `num_classes` or `local_channels`; classes beside features are further, constant channels. Received: "
                f"num_classes={self.num_classes}, local_channels={self.local_channels}"
            )
        if self.length % self.hop:
            raise ValueError(f"Expected a `hop` that divides `length`. Received: hop={self.hop}, length={self.length}")

    @property
    def receptive_field(self) -> int:
        """How many samples before t the distribution at t depends on."""
        return self.network.receptive_field

    @property
    def conditional(self) -> bool:
        return self.num_classes is not None or self.local_channels > 0

    # ---- conditions ----

    def _features_shape(self, length: int | None = None) -> tuple[int, int]:
        return -(-(length or self.length) // self.hop), self.local_channels

    def _conditions(self, y: Any) -> dict[str, tf.Tensor]:
        return {"features": tf.cast(y, tf.float32)} if self.local_channels else super()._conditions(y)

    def _check_features(self, features: Any, name: str, length: int | None = None) -> None:
        if features is None:
            raise ValueError(
                f"This model is conditional on {self.local_channels} features a frame: expected them as `y=` beside arrays, as the "
                f"second part of a data set's elements, or as `features=` of `sample` and its like. Received: {name}=None"
            )
        data.check_images(features, shape=self._features_shape(length), value_range=None, name=name)

    def check_data(self, x: Any, y: Any = None, *, name: str = "x") -> None:
        """See `GenerativeModel.check_data`; waveforms are (batch, length, 1) in [-1, 1]."""
        super().check_data(x, y, name=name)
        if self.local_channels:
            self._check_features(y, "y")

    def _extent(self, x: np.ndarray) -> tuple[int, ...]:
        return (x.shape[1],) if x.ndim == 3 and x.shape[1] not in (0, self.length) else ()

    def _as_batch(self, x: Any, label: Any = None) -> np.ndarray:
        del label  # `_check_controls` has seen it, and features, with the length of these very clips
        array = np.asarray(x)
        (length,) = self._extent(array) or (self.length,)
        data.check_images(array, shape=(length, 1), value_range=self.value_range, name="x")
        return array.astype(np.float32)

    def _check_controls(self, given: dict[str, Any], n: int, length: int | None = None) -> dict[str, np.ndarray]:
        features = given.pop("features", None)
        controls = super()._check_controls(given, n)
        if self.local_channels:
            if n or features is None:
                self._check_features(features, "features", length)
            array = np.asarray(features, np.float32)
            if len(array) != n:
                raise ValueError(f"Expected features of each of the {n} rows. Received: {len(array)} rows of features")
            controls["features"] = array if n else np.zeros((0, *self._features_shape(length)), np.float32)
        elif features is not None:
            raise ValueError("This model has no local conditions: set `local_channels`. Received: features")
        return controls

    def _control_spec(self, name: str) -> tf.TensorSpec:
        if name == "features":
            return signatures.batch_of(self._features_shape(), tf.float32, name)
        return super()._control_spec(name)

    def _condition_names(self) -> list[str]:
        return ["features"] if self.local_channels else super()._condition_names()

    def _vectors(self, controls: dict[str, tf.Tensor]) -> tf.Tensor | None:
        """Turns a label or features into what the network is conditional on; one that is missing is told in one sentence."""
        given = next((controls[name] for name in self._condition_names() if name in controls), None)
        if self.num_classes is not None:
            if given is None:
                labels.check_labels(None, self.num_classes, name="label")
            return tf.one_hot(self._conditions(given)["label"], self.num_classes)
        if self.local_channels and given is None:
            self._check_features(None, "features")
        return self._conditions(given).get("features")

    # ---- likelihood ----

    def _run(self, network: Any, x: tf.Tensor, training: bool, **conditions: tf.Tensor) -> tf.Tensor:
        vectors = stream.at_each_time(self._vectors(conditions), self.hop, tf.shape(x)[1])
        x = self.likelihood.quantise(x)
        return network(x, training=training) if vectors is None else network(x, conditions=vectors, training=training)

    def log_prob(self, x: Any, label: Any = None, *, features: Any = None, batch_size: int = 32) -> np.ndarray:
        """Computes the exact log-probability of each clip, `sum{ log p(x[t] | x[<t]) : t = 1...T }`.

        Args:
          x: (n, time, 1) in [-1, 1], of any length; with "mu_law" it is the codes' log-probability, otherwise that of the values
            rounded to 16 bits.
          label: conditional models only: one class for all clips, or one each.
          features: (n, time / hop, local_channels), rounded up, where the model has local conditions.
          batch_size: rows computed at once; it does not change the result.

        Returns:
          log_prob: (n,) float32, nats a clip.

        Raises:
          ValueError: wrong shape or range, or NaN; labels or features missing or wrong.
        """
        return self._log_probs(x, {"label": label, "features": features}, batch_size)

    # ---- sampling ----

    def _draw_value(self, outputs: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        return self.likelihood.draw(outputs, u, temperature)

    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor], length: int | None = None) -> tf.Tensor:
        return self._stream(seeds, controls, length or self.length)

    def _complete_rows(
        self, images: tf.Tensor, observed: tf.Tensor, seeds: tf.Tensor, controls: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        drawn = self._stream(seeds, controls, images.shape[1], audio=self.likelihood.quantise(images), observed=observed)
        return tf.where(observed > 0, images, drawn)

    def _stream(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor], length: int, **known: tf.Tensor) -> tf.Tensor:
        # uniforms are keyed by their number, so a longer draw begins with the shorter one
        uniforms = random.uniform(seeds, (length, 1), stream=_SAMPLES)
        temperature = self._temperature(controls, tf.size(seeds))
        conditions = self._vectors(controls)
        return stream.queued(
            self.averaged_network, self._draw_value, uniforms, temperature, conditions=conditions, hop=self.hop, **known
        )

    def sample(
        self,
        n: int | None = None,
        *,
        seed: int | Sequence[int] | np.ndarray | None = None,
        label: Sequence[int] | np.ndarray | None = None,
        temperature: float | Sequence[float] | None = None,
        truncation: float | Sequence[float] | None = None,
        batch_size: int = 256,
        length: int | None = None,
        features: Any = None,
    ) -> np.ndarray:
        """Draws clips; see `GenerativeModel.sample`. A longer draw begins with the shorter one of the same seed.

        Args:
          n: number of clips; a list of seeds or labels fixes it too.
          seed: one integer for the call, one per row, or None for a fresh one.
          label: conditional models only; one class per row.
          temperature: positive, one or one per row; below 1 draws likelier samples.
          truncation: WaveNet has none.
          batch_size: rows computed at once; it does not change the result.
          length: samples of a clip; None for the model's own.
          features: (n, frames, local_channels), as many frames as `length / hop`, where the model has local conditions.

        Returns:
          audio: (n, length, 1) float32 in [-1, 1].

        Raises:
          ValueError: the number of rows is not fixed or contradictory, or a control is missing or makes no sense.
          TypeError: a seed is not an integer.
        """
        if length is not None:
            configuration.check_integers(1, length=length)
        if n is None and features is not None and not np.ndim(seed):
            n = len(features)
        given = {"label": label, "temperature": temperature, "truncation": truncation, "features": features}
        return self._draw_examples(n, seed, given, batch_size, *([] if length in (None, self.length) else [int(length)]))

    def complete(
        self,
        images: Any,
        observed_mask: Any,
        *,
        seed: int | Sequence[int] | None = None,
        label: Any = None,
        temperature: float | None = None,
        batch_size: int = 256,
        features: Any = None,
    ) -> np.ndarray:
        """Fills in the samples that are missing, each given all before it, observed or drawn; what follows is not heeded.

        Args:
          images: waveforms (n, time, 1) in [-1, 1], of any length; what stands at missing samples is ignored.
          observed_mask: (n, time, 1), or any shape that broadcasts to it; true, or above 0, where a sample is known.
          seed: one integer for the call, or one per row, or None.
          label: conditional models only: one class for all rows, or one each.
          temperature: positive; below 1 draws likelier samples.
          batch_size: rows computed at once.
          features: (n, time / hop, local_channels), rounded up, where the model has local conditions.

        Returns:
          audio: (n, time, 1) float32, equal to `images` where observed.

        Raises:
          ValueError: wrong shape or range.
        """
        given = {"label": label, "temperature": temperature, "features": features}
        return self._fill_in(images, observed_mask, seed, given, batch_size)

    def export_metadata(self) -> dict[str, Any]:
        """See `GenerativeModel.export_metadata`; adds the sample rate in Hz and the receptive field in samples."""
        return {
            **super().export_metadata(),
            "sample_rate": int(self.sample_rate),
            "receptive_field": self.receptive_field,
        }
