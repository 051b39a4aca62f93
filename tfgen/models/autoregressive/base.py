"""The autoregressive family: exact likelihood, one network pass to train, cached steps to sample."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.models.autoregressive import raster
from tfgen.models.batch import Batch
from tfgen.models.hooks import hook, renamed
from tfgen.models.likelihood import LikelihoodModel
from tfgen.models.operations import Operation
from tfgen.models.players import Player
from tfgen.models.signatures import batch_of
from tfgen.networks import CausalNetwork, OrderedNetwork
from tfgen.random import Stream

__all__ = ["AutoregressiveModel"]


class AutoregressiveModel(LikelihoodModel, abc.ABC):
    """Abstract base of models that factorise `log p(x) = sum{ log p(x[i] | x[<i]) : i = 1...D }` in raster order.

    A subclass builds `self.network`, a causal network from images (batch, height, width, channels) to
    (batch, height, width, channels * num_parameters), and calls `self.finish_network(image_shape)`. A conditional model calls
    `self.condition_on(class_label(num_classes))` before; its causal network takes `label=`, any other Keras model takes
    [image, label].

    Hooks:
      outputs_of: what a network says of each value, given those before it.
      log_prob_of: the log-probability of each example.
      fill: draws what is missing; nothing is known of a sample.
    """

    sampling_controls: ClassVar[tuple[str, ...]] = ("temperature",)
    likelihood_kind: ClassVar[str] = "exact"
    whole_pixels: bool = True  # whether a pixel's channels are drawn one after the other, as a coupled likelihood needs
    rows_at_once: ClassVar[int] = 256  # by `log_prob`, which keeps all activations of a row
    network: Any
    averaged_network: Any

    def finish_network(self, image_shape: Sequence[int]) -> None:
        """Ends construction: builds the network, and checks what it returns and that it is causal.

        Args:
          image_shape: height, width and channels.

        Raises:
          TypeError: the network is no Keras model.
          ValueError: the network or the likelihood does not fit.
        """
        self._check_likelihood()
        self.event_shape = tuple(image_shape)
        self.check_networks()
        self.finish_exact(image_shape)

    _finish_network = renamed("_finish_network", "finish_network")

    def finish_exact(self, event_shape: Sequence[int]) -> None:
        """Ends construction where the class has checked its network itself.

        Args:
          event_shape: shape of one example.
        """
        discrete = ["bits_per_dim"] if self.likelihood.discrete else []
        self.finish(event_shape, players=[Player("", averaged=("network",))], metrics=["loss", "nll", *discrete])

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

    def check_networks(self) -> None:
        self._check_network((None, *self.event_shape))
        if not isinstance(self.network, (CausalNetwork, OrderedNetwork)):  # the library's own are causal by construction
            self._check_causality(self.event_shape)

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
        condition = None if self.condition is None else self.condition.tensor(np.zeros(3, np.int64))  # any class will do
        outputs = np.asarray(self.outputs_of(self.network, tf.constant(images), condition, False), np.float32)
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

    # ---- hooks ----

    @hook
    def outputs_of(
        self, network: Any, x: tf.Tensor, condition: Any, training: bool, *, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Runs a network on images and what they are conditional on.

        Args:
          network: the raw one, or its average.
          x: (batch, *event_shape) float32.
          condition: one a row, or None.
          training: whether a training step asks.
          seeds: (batch,) int64, of the noise of a network that `takes_seeds`.

        Returns:
          outputs: (..., num_outputs), as the likelihood counts them.
        """
        if isinstance(network, CausalNetwork):
            given = self._named(condition)
            if seeds is not None and getattr(network, "takes_seeds", False):
                given["seeds"] = seeds
            return network(x, training=training, **given)
        return network(x if condition is None else [x, condition], training=training)

    @hook
    def log_prob_of(
        self, network: Any, x: tf.Tensor, condition: Any, training: bool, *, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the log-probability of each example.

        Args:
          network: the raw one, or its average.
          x: (batch, *event_shape) float32.
          condition: one a row, or None.
          training: whether a training step asks.
          seeds: (batch,) int64, of the noise of training.

        Returns:
          log_prob: (batch,) nats.
        """
        parameters = self.parameters_of(self.outputs_of(network, x, condition, training, seeds=seeds))
        log_prob = self.likelihood.log_prob(parameters, x)
        return tf.reduce_sum(log_prob, axis=list(range(1, log_prob.shape.rank)))

    @hook
    def fill(
        self, images: tf.Tensor | None, observed: tf.Tensor | None, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor],
        *, extent: int | None = None,
    ) -> tf.Tensor:  # fmt: skip
        """Draws what is missing, each value given all before it.

        Args:
          images: (batch, *event_shape), any value where missing; None where nothing is observed.
          observed: the same shape, 1 where a value is known; None where nothing is.
          seeds: (batch,) int64.
          condition: one a row, or None.
          controls: (batch,) each; `temperature` where it is given.
          extent: length of the first axis; None for the model's own.

        Returns:
          examples: (batch, *event_shape) float32.
        """
        del extent
        uniforms = random.uniform(seeds, self.event_shape, stream=Stream.PIXELS)
        given, known = (tf.zeros_like(uniforms) if part is None else part for part in (images, observed))
        temperature, network = self.temperature_of(controls, tf.size(seeds)), self.averaged_network
        if isinstance(network, CausalNetwork):
            conditions = self._named(condition)
            return raster.cached(network, self.draw_channel, given, known, uniforms, temperature, conditions=conditions)

        def run(x: tf.Tensor, training: bool) -> tf.Tensor:
            return self.outputs_of(network, x, condition, training)

        return raster.naive(run, self.draw_channel, given, known, uniforms, temperature)

    def _named(self, condition: Any) -> dict[str, Any]:
        return {} if condition is None or self.condition is None else {self.condition.name: condition}

    def parameters_of(self, outputs: tf.Tensor) -> tf.Tensor:
        """Splits a network's outputs into the likelihood's parameters.

        Args:
          outputs: (..., num_outputs).

        Returns:
          parameters: as the likelihood takes them.
        """
        return self.likelihood.split(outputs, self.event_shape[-1])

    def draw_channel(self, outputs: tf.Tensor, channel: int, x: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Draws one channel of a pixel from a network's outputs, given the channels before it.

        Args:
          outputs: (batch, num_outputs).
          channel: which one.
          x: (batch, channels), of which those before `channel` are known.
          u: (batch,) in (0, 1).
          temperature: (batch,).

        Returns:
          values: (batch,) float32.
        """
        return self.likelihood.draw_channel(self.parameters_of(outputs), channel, x, u, temperature)

    # ---- likelihood ----

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        network, seeds = self.in_use("network", batch.training), batch.seeds if batch.training else None
        nll = -self.log_prob_of(network, batch.x, batch.condition, batch.training, seeds=seeds)
        return self.with_bits({"loss": nll, "nll": nll}, nll)

    def log_prob(self, x: Any, label: Any = None, *, batch_size: int | None = None, **given: Any) -> Any:
        """Computes the exact log-probability of each example, `sum{ log p(x[i] | x[<i]) : i = 1...D }`.

        Args:
          x: (n, *event_shape) on the likelihood's grid of levels in [0, 1]; {0, 1} for Bernoulli pixels. Waveforms (n, time, 1) in
            [-1, 1] may be of any length; where the likelihood tells fewer values apart than they hold, it is that of the rounded ones.
            Of a tensor the result is a tensor, and gradients flow through it; its values may lie between the levels.
          label: conditional models only: one class for all examples, or one each; the result is `log p(x | label)`.
          batch_size: rows computed at once; it does not change the result.
          **given: `features` of models that are conditional on those: (n, frames, channels).

        Returns:
          log_prob: (n,) float32, nats.

        Raises:
          ValueError: wrong shape or range, NaN, or values off the grid; labels or features missing or wrong.
        """
        given = given if label is None else {**given, "label": label}
        return self.run("log_prob", self.example_inputs(x, given), batch_size=batch_size or self.rows_at_once)["log_prob"]

    def call(self, inputs: tf.Tensor, training: bool = False, **given: Any) -> tf.Tensor:
        """Predicts each value from those before it: the mean of `p(x[i] | x[<i])`, (batch, *event_shape) in the data's range; a
        conditional model needs `label`, (batch,), or `features`."""
        x, condition = tf.cast(inputs, tf.float32), self.take_condition(given)
        outputs = self.outputs_of(self.in_use("network", training), x, condition, training)
        return self.likelihood.mean(self.parameters_of(outputs), inputs)

    # ---- sampling ----

    def draw(self, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], extent: int | None) -> tf.Tensor:
        return self.fill(None, None, seeds, condition, controls, extent=extent)

    def complete(
        self,
        images: Any,
        observed_mask: Any,
        *,
        seed: int | Sequence[int] | None = None,
        temperature: float | None = None,
        batch_size: int | None = None,
        **given: Any,
    ) -> np.ndarray:
        """Fills in the values that are missing, in the order of drawing.

        Each missing pixel is drawn given all pixels above and to its left, observed or drawn; a sample of sound given all before it.
        What comes later in the order cannot be taken into account by a model that factorises so.

        Args:
          images: (n, *event_shape), waveforms of any length; what stands at missing values is ignored.
          observed_mask: (n, *event_shape), or any shape that broadcasts to it; true, or above 0, where a value is known.
          seed: one integer for the call, or one per row, or None.
          temperature: positive; below 1 draws likelier values.
          batch_size: rows computed at once.
          **given: `label` of conditional models, one class for all rows or one each, or `features`.

        Returns:
          examples: (n, *event_shape) float32, equal to `images` where observed.

        Raises:
          ValueError: wrong shape or range; labels or features missing or wrong.
        """
        array = np.asarray(images)
        mask = _check_mask(observed_mask, array.shape)
        inputs = self.example_inputs(np.where(mask, array, 0), given)
        rows = len(inputs[self.medium])
        controls = self.check_controls({"temperature": temperature}, rows)
        inputs |= {"temperature": np.ones(rows, np.float32), **controls, "observed": mask.astype(np.float32)}
        inputs["seed"] = random.as_row_seeds(seed, rows)
        return self.run("complete_with_controls", inputs, batch_size=batch_size)[self.medium]

    # ---- what the family computes ----

    def operations(self) -> dict[str, Operation]:
        def log_prob(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            x, condition = inputs.pop(self.medium), self.take_condition(inputs)
            return {"log_prob": self.log_prob_of(self.averaged_network, x, condition, False)}

        def complete(observed: tf.Tensor, seed: tf.Tensor, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            known = tf.cast(observed > 0, tf.float32)
            x, condition = tf.where(observed > 0, inputs.pop(self.medium), 0.0), self.take_condition(inputs)
            return {
                self.medium: self.fill(x, known, seed, condition, self.take_controls(inputs), extent=self._extent_of(x.shape))
            }

        named = [] if self.condition is None else [self.condition.spec()]
        x, observed = (batch_of(self.event_shape, tf.float32, name) for name in (self.medium, "observed"))
        specs = [x, observed, batch_of((), tf.int64, "seed"), *named]
        temperature = batch_of((), tf.float32, "temperature")
        return {
            **super().operations(),
            "log_prob": Operation(log_prob, [x, *named]),
            "complete": Operation(complete, specs),
            "complete_with_controls": Operation(complete, [*specs, temperature], served=False),
        }

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "log_prob": "exact, nats"}


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
