"""The autoregressive family: exact likelihood, one network pass to train, cached steps to sample."""

from __future__ import annotations

import abc
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.models import signatures
from tfgen.models.autoregressive import raster
from tfgen.models.likelihood import LikelihoodModel
from tfgen.models.signatures import Signature
from tfgen.networks import CausalNetwork, OrderedNetwork

__all__ = ["AutoregressiveModel"]

_PIXELS = 1  # the stream of uniforms that pixels are drawn with


class AutoregressiveModel(LikelihoodModel, abc.ABC):
    """Abstract base of models that factorise `log p(x) = sum{ log p(x[i] | x[<i]) : i = 1...D }` in raster order.

    A subclass builds `self.network`, a causal network from images (batch, height, width, channels) to
    (batch, height, width, channels * num_parameters), and calls `self._finish_network()`. A conditional model calls
    `self._condition_on(num_classes)` before; its causal network takes `label=`, any other Keras model takes [image, label].
    """

    sampling_controls: tuple[str, ...] = ("temperature",)
    likelihood_kind: ClassVar[str] = "exact"
    whole_pixels: bool = True  # whether a pixel's channels are drawn one after the other, as a coupled likelihood needs
    network: Any
    averaged_network: Any

    def _finish_network(self, image_shape: Sequence[int]) -> None:
        """Builds the network and its averaged copy, and checks what the network returns."""
        self._check_likelihood()
        self._check_network((None, *image_shape))
        if not isinstance(self.network, (CausalNetwork, OrderedNetwork)):  # the library's own are causal by construction
            self._check_causality(image_shape)
        self.averaged_network = self._average_of(self.network)
        discrete = ["bits_per_dim"] if self.likelihood.discrete else []
        self._finish(image_shape, ["loss", "nll", *discrete])

    def _check_likelihood(self) -> None:
        """Refuses likelihoods that this family or this model has no use for."""
        if self.likelihood.coupled and not self.whole_pixels:
            raise ValueError(
                f"{type(self).__name__} draws colour values in an order of its own: expected a likelihood of single values. "
                f"Received: likelihood={type(self.likelihood).__name__}, which couples the channels of a pixel"
            )
        if self.likelihood.value_range != self.value_range:
            raise ValueError(
                f"Expected a likelihood of images in [0, 1]; `tfgen.WaveNet` takes those of waveforms. Received: "
                f"likelihood={type(self.likelihood).__name__}"
            )
        if self.likelihood.dequantised:
            raise ValueError(
                "Expected a likelihood of the grey levels themselves, 'categorical' or 'discretized_logistic' for example: that of "
                f"dequantised images is a bound, and this model's is exact. Received: likelihood={type(self.likelihood).__name__}"
            )

    def _check_network(self, shape: tuple[Any, ...]) -> None:
        """Builds the network, and checks what it returns for each position."""
        if not isinstance(self.network, keras.Layer):
            raise TypeError(f"Expected `network` to be a Keras model. Received: network={self.network!r}")
        if isinstance(self.network, CausalNetwork) and self.network.num_classes != (self.num_classes or 0):
            raise ValueError(
                f"Expected a network of as many classes as the model, num_classes={self.num_classes}. Received: a "
                f"{type(self.network).__name__} of num_classes={self.network.num_classes}"
            )
        if not self.network.built:
            self.network.build(shape)
        self.network.build_shape = shape
        expected = (*shape[:-1], self.likelihood.num_outputs(shape[-1]))
        labelled = self.num_classes is not None and not isinstance(self.network, CausalNetwork)
        received = tuple(self.network.compute_output_shape([shape, (None,)] if labelled else shape))
        # sizes that a network leaves open, as convolutions do, are seen when it runs
        alike = len(received) == 4 and all(r in (e, None) for r, e in zip(received[1:], expected[1:], strict=True))
        if not alike or received[-1] is None:
            raise ValueError(
                f"Expected a network from {shape} to {expected}: {self.likelihood.num_outputs(1)} numbers for each of "
                f"{shape[-1]} channels, as the likelihood counts them. Received: a network to {received}"
            )

    def _check_causality(self, image_shape: Sequence[int]) -> None:
        """Refuses a network that shows a value itself, or what comes after it: its log-probabilities would add up to anything."""
        images = np.random.default_rng(0).integers(0, 2, (3, *image_shape)).astype(np.float32)
        images[1:] = images[0]
        pixels = images.reshape(3, -1, images.shape[-1])
        changed = [pixels.shape[1] // 2, pixels.shape[1] - 1]
        for row, pixel in enumerate(changed, 1):
            pixels[row, pixel, -1] = 1.0 - pixels[row, pixel, -1]
        conditions = {} if self.num_classes is None else {"label": tf.zeros((3,), tf.int64)}
        outputs = np.asarray(self._run(self.network, tf.constant(images), False, **conditions), np.float32)
        if outputs.shape[:3] != images.shape[:3]:
            raise ValueError(
                f"Expected a network that keeps height and width, {tuple(image_shape[:2])}. Received: outputs of "
                f"{outputs.shape[1:3]}"
            )
        outputs = outputs.reshape(*pixels.shape[:2], -1)
        for row, pixel in enumerate(changed, 1):
            known = slice(None, pixel + 1)
            if not np.allclose(outputs[row, known], outputs[0, known], rtol=1e-3, atol=1e-5, equal_nan=True):
                raise ValueError(
                    "Expected a causal network, whose outputs at a pixel see only what precedes it in raster order, as "
                    "`tfgen.layers.CausalConv2D` with mask='A' first and 'B' after it does. Received: a network whose outputs up to "
                    f"pixel {pixel} change with the last channel of that pixel"
                )

    def _averaged_pairs(self) -> list[tuple[Any, Any]]:
        return [(self.network, self.averaged_network)]

    def _parameters(self, outputs: tf.Tensor) -> tf.Tensor:
        """Splits the last axis into the likelihood's parameters."""
        return self.likelihood.split(outputs, self.event_shape[-1])

    def _run(self, network: Any, x: tf.Tensor, training: bool, **conditions: tf.Tensor) -> tf.Tensor:
        """Runs a network on images and what they are conditional on: `label`, and `seeds` of the noise where it takes them."""
        if conditions and not isinstance(network, CausalNetwork):
            return network([x, conditions["label"]], training=training)
        return network(x, training=training, **conditions)

    def _log_prob_of(self, network: Any, x: tf.Tensor, training: bool, **conditions: tf.Tensor) -> tf.Tensor:
        log_prob = self.likelihood.log_prob(self._parameters(self._run(network, x, training, **conditions)), x)
        return tf.reduce_sum(log_prob, axis=list(range(1, log_prob.shape.rank)))

    def _per_example(self, x: tf.Tensor, seeds: tf.Tensor, training: bool, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        if training and getattr(self.network, "takes_seeds", False):
            conditions["seeds"] = seeds
        nll = -self._log_prob_of(self.network if training else self.averaged_network, x, training, **conditions)
        return {"loss": nll, "nll": nll}

    def check_data(self, x: Any, y: Any = None, *, name: str = "x") -> None:
        super().check_data(x, y, name=name)
        if self._is_binary():
            self.check_binary(x, name)

    def log_prob(self, x: Any, label: Any = None, *, batch_size: int = 256) -> np.ndarray:
        """Computes the exact log-probability of each image, `sum{ log p(x[i] | x[<i]) : i = 1...D }`.

        Args:
          x: (n, height, width, channels) on the likelihood's grid of levels in [0, 1]; {0, 1} for Bernoulli pixels.
          label: conditional models only: one class for all images, or one each; the result is `log p(x | label)`.
          batch_size: rows computed at once; it does not change the result.

        Returns:
          log_prob: (n,) float32, nats.

        Raises:
          ValueError: wrong shape or range, NaN, or values off the grid; labels missing or out of range.
        """
        return self._log_probs(x, {"label": label}, batch_size)

    def _extent(self, x: np.ndarray) -> tuple[int, ...]:
        """Tells of examples that may be of any length how long they are, where it is not the model's own; images are not."""
        del x
        return ()

    def _log_probs(self, x: Any, conditions: dict[str, Any], batch_size: int) -> np.ndarray:
        array = np.asarray(x)
        given = self._check_controls(conditions, len(np.atleast_1d(array)), *self._extent(array))
        array, names = self._as_batch(array, next(iter(given.values()), None)), tuple(given)
        function = self._compiled(
            "log_prob",
            lambda x, *values: self._log_prob_of(self.averaged_network, x, False, **dict(zip(names, values, strict=True))),
        )
        return self._in_chunks(function, [array, *given.values()], batch_size)

    def call(self, inputs: tf.Tensor, training: bool = False, **conditions: tf.Tensor) -> tf.Tensor:
        """Predicts each pixel from those before it: the mean of `p(x[i] | x[<i])`, (batch, height, width, channels) in [0,
        1]; a conditional model needs `label`, (batch,)."""
        network = self.network if training else self.averaged_network
        outputs = self._run(network, tf.cast(inputs, tf.float32), training, **conditions)
        return self.likelihood.mean(self._parameters(outputs), inputs)

    # ---- sampling ----

    def _draw(self, outputs: tf.Tensor, channel: int, x: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        return self.likelihood.draw_channel(self._parameters(outputs), channel, x, u, temperature)

    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor]) -> tf.Tensor:
        observed = tf.zeros((tf.size(seeds), *self.event_shape))
        return self._complete_rows(observed, tf.zeros_like(observed), seeds, controls)

    def _complete_rows(
        self, images: tf.Tensor, observed: tf.Tensor, seeds: tf.Tensor, controls: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        uniforms = random.uniform(seeds, self.event_shape, stream=_PIXELS)
        temperature = self._temperature(controls, tf.size(seeds))
        given = self._conditions(controls.get("label"))
        network = self.averaged_network
        if isinstance(network, CausalNetwork):
            return raster.cached(network, self._draw, images, observed, uniforms, temperature, conditions=given)
        run = functools.partial(self._run, network, **given)
        return raster.naive(run, self._draw, images, observed, uniforms, temperature)

    def complete(
        self,
        images: Any,
        observed_mask: Any,
        *,
        seed: int | Sequence[int] | None = None,
        label: Any = None,
        temperature: float | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Fills in the pixels that are missing, in raster order.

        Each missing pixel is drawn given all pixels above and to its left, observed or drawn. What lies below or to the right
        of it cannot be taken into account by a model that factorises in raster order.

        Args:
          images: (n, height, width, channels); what stands at missing pixels is ignored.
          observed_mask: (n, height, width, channels), or any shape that broadcasts to it; true, or above 0, where a pixel is known.
          seed: one integer for the call, or one per row, or None.
          label: conditional models only: one class for all rows, or one each.
          temperature: positive; below 1 draws likelier pixels.
          batch_size: rows computed at once.

        Returns:
          images: (n, height, width, channels) float32, equal to `images` where observed.

        Raises:
          ValueError: wrong shape or range.
        """
        return self._fill_in(images, observed_mask, seed, {"label": label, "temperature": temperature}, batch_size)

    def _fill_in(self, images: Any, observed_mask: Any, seed: Any, given: dict[str, Any], batch_size: int) -> np.ndarray:
        array = np.asarray(images)
        mask, extent = _check_mask(observed_mask, array.shape), self._extent(array)
        controls = self._check_controls(given, len(np.atleast_1d(array)), *extent)
        conditions = {name: value for name, value in controls.items() if name != "temperature"}
        array = self._as_batch(np.where(mask, array, 0), next(iter(conditions.values()), None))
        seeds = random.as_row_seeds(seed, len(array))
        names = tuple(controls)
        function = self._compiled(
            ":".join(["complete", ",".join(names), *map(str, extent)]),
            lambda x, m, s, *values: self._complete_rows(x, m, s, dict(zip(names, values, strict=True))),
        )
        return self._in_chunks(function, [array, mask.astype(np.float32), seeds, *controls.values()], batch_size)

    # ---- serving ----

    def signatures(self) -> dict[str, Signature]:
        """See `GenerativeModel.signatures`; adds `log_prob` and `complete`."""

        name = self.output_name

        def log_prob(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            given = self._conditions(next((inputs[key] for key in self._condition_names()), None))
            return {"log_prob": self._log_prob_of(self.averaged_network, inputs[name], False, **given)}

        def complete(observed: tf.Tensor, seed: tf.Tensor, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            known = tf.cast(observed > 0, tf.float32)
            return {name: self._complete_rows(inputs.pop(name) * known, known, seed, inputs)}

        x = signatures.batch_of(self.event_shape, tf.float32, name)
        observed = signatures.batch_of(self.event_shape, tf.float32, "observed")
        conditions = [self._control_spec(key) for key in self._condition_names()]
        seed = signatures.batch_of((), tf.int64, "seed")
        return {
            **super().signatures(),
            "log_prob": Signature(log_prob, [x, *conditions]),
            "complete": Signature(complete, [x, observed, seed, *conditions]),
        }

    def export_metadata(self) -> dict[str, Any]:
        """See `GenerativeModel.export_metadata`; adds the kind of likelihood."""
        kind = {"likelihood": type(self.likelihood).__name__, "log_prob": "exact, nats"}
        return {**super().export_metadata(), **kind}

    def default_optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(1e-3)


def _check_mask(observed_mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a mask of a shape, true where something is known, or says why it is none."""
    mask = np.asarray(observed_mask)
    numbers = mask.dtype == bool or np.issubdtype(mask.dtype, np.number)
    if not numbers or not np.isfinite(mask).all() or (mask < 0).any():
        raise ValueError(
            "Expected `observed_mask` to be true and false, or numbers that are above 0 where something is known and 0 elsewhere. "
            f"Received: observed_mask={observed_mask!r}"
        )
    try:
        return np.broadcast_to(mask > 0, shape)
    except ValueError:
        raise ValueError(
            f"Expected `observed_mask` of a shape that broadcasts to that of `images`, {shape}. Received: {mask.shape}"
        ) from None
