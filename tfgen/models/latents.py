"""What can be done with latents, in both families that have them: decode, walk, lay out, and, where a model infers them, encode."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks, random
from tfgen.distributions import Prior
from tfgen.models import operations
from tfgen.models.hooks import hook
from tfgen.models.operations import Operation
from tfgen.models.signatures import batch_of

__all__ = ["Decodes", "Encodes"]


class Decodes(abc.ABC):
    """Methods of models that turn one flat vector of latents, (batch, latent_dim), into an example. A part of a base class.

    Hooks:
      draw_latents: one draw of the prior a row.
      decoded: the example of each latent vector, in the data's range; the family gives it.
    """

    latent_dim: int
    prior: Prior
    _own_latents: Any = None  # a method of seeds, of classes that were written before priors were objects

    @abc.abstractmethod
    def decoded(self, latents: tf.Tensor, condition: Any) -> tf.Tensor:
        """Computes the example of each latent vector, with the weights that are in use.

        Args:
          latents: (batch, latent_dim) float32.
          condition: one a row, or None.

        Returns:
          examples: (batch, *event_shape) float32 in the data's range.
        """

    @hook
    def draw_latents(self: Any, u: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        """Draws latents from the prior, one draw a row.

        Args:
          u: (batch, num_uniforms) in (0, 1), as many as the prior takes.
          condition: one a row, or None.
          controls: (batch,) each; `temperature` or `truncation` where they are given.
          training: whether a training step asks.

        Returns:
          latents: (batch, latent_dim) float32.
        """
        prior = self.in_use("prior", training) if "prior" in self._averaged_names() else self.prior
        latents = prior.draw(u, condition)
        return prior.restrained(latents, **controls) if controls else latents

    def drawn_latents(
        self: Any, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], *, training: bool = False
    ) -> tf.Tensor:
        """Draws latents of the prior, row by row from its seed.

        Args:
          seeds: (batch,) int64.
          condition: one a row, or None.
          controls: (batch,) each.
          training: whether a training step asks.

        Returns:
          latents: (batch, latent_dim) float32.
        """
        if self._own_latents is not None:
            latents = self._own_latents(seeds)
            return self.prior.restrained(latents, **controls) if controls else latents
        u = random.uniform(seeds, (self.prior.num_uniforms,), stream=random.Stream.LATENTS)
        return self.draw_latents(u, condition, controls, training)

    def draw(self, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], extent: int | None) -> tf.Tensor:
        """Draws latents of the prior, and decodes them; see `GenerativeModel.draw`.

        Args:
          seeds: (batch,) int64.
          condition: one a row, or None.
          controls: (batch,) float32 each.
          extent: of no meaning here.

        Returns:
          examples: (batch, *event_shape) float32.
        """
        return self.decoded(self.drawn_latents(seeds, condition, controls), condition)

    def latent_operations(self: Any) -> dict[str, Operation]:
        """Lists `decode`, and what finds the latents of seeds.

        Returns:
          operations: by name.
        """

        def decode(latent: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
            return {self.medium: self.decoded(latent, self.take_condition(given))}

        def latents_of(seed: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"latent": self.drawn_latents(seed, self.take_condition(given), {})}

        named = [] if self.condition is None else [self.condition.spec()]
        latent, seed = batch_of((self.latent_dim,), tf.float32, "latent"), batch_of((), tf.int64, "seed")
        return {"decode": Operation(decode, [latent, *named]), "latents": Operation(latents_of, [seed, *named], served=False)}

    def decode(self: Any, latents: Any, batch_size: int = 256, **given: Any) -> Any:
        """Computes the example of each latent vector: of models with a likelihood its mean.

        Args:
          latents: (n, latent_dim); of a tensor the result is a tensor, and gradients flow through it.
          batch_size: rows computed at once.
          **given: `label` of conditional models: one class for all rows, or one each.

        Returns:
          examples: (n, *event_shape) float32 in the data's range.

        Raises:
          ValueError: wrong shape, values that are not finite, or a label missing or wrong.
        """
        given_tensor = operations.is_tensor(latents)
        values: Any = tf.cast(tf.convert_to_tensor(latents), tf.float32) if given_tensor else np.asarray(latents, np.float32)
        if len(values.shape) != 2 or values.shape[1] != self.latent_dim:
            raise ValueError(f"Expected `latents` of shape (n, {self.latent_dim}). Received: shape {tuple(values.shape)}")
        if given_tensor:
            values = operations.finite(values, "latents")
        elif not np.isfinite(values).all():
            raise ValueError("Expected `latents` of finite numbers. Received: NaN or infinity")
        rows = operations.rows_of(values) if given_tensor else len(values)
        inputs = self.condition_rows(given, rows)
        return self.run("decode", {"latent": values, **inputs}, batch_size=batch_size)[self.medium]

    def latents_at(self: Any, ends: Any, **given: Any) -> np.ndarray:
        """Finds the latents where a walk begins or ends: of examples where the model infers them, else of row seeds.

        Args:
          ends: examples, or row seeds.
          **given: `label` of conditional models.

        Returns:
          latents: (n, latent_dim) float32.
        """
        if isinstance(self, Encodes):
            return np.asarray(self.encode(ends, **given)[0])
        seeds = random.as_row_seeds(np.atleast_1d(ends))
        return self.run("latents", {"seed": seeds, **self.condition_rows(given, len(seeds))})["latent"]

    def interpolate(self: Any, a: Any, b: Any, steps: int = 8, *, spherical: bool = False, **given: Any) -> np.ndarray:
        """Walks through latent space from some examples to others.

        Args:
          a: where the walks begin: (n, *event_shape) examples of models that encode; row seeds of others, one or several.
          b: as many, where they end.
          steps: examples a walk, ends included, at least 2.
          spherical: along a great circle and not a straight line: the latents between keep the length of Gaussian ones.
          **given: `label` of conditional models: one class for all walks, or one each.

        Returns:
          examples: (n, steps, *event_shape) float32 in the data's range.

        Raises:
          ValueError: fewer than 2 steps, wrong shapes, different numbers of ends, or a seed out of range.
        """
        if checks.integer(steps, "steps") < 2:
            raise ValueError(f"`steps` must be at least 2, both ends included. Received: steps={steps}")
        counts = [len(np.atleast_1d(ends)) for ends in (a, b)]
        if counts[0] != counts[1]:
            raise ValueError(
                f"Expected as many ends in `b` as in `a`: one walk for each pair. Received: {counts[0]} and {counts[1]}"
            )
        start, end = (self.latents_at(ends, **given) for ends in (a, b))
        path = _path(start, end, np.linspace(0, 1, steps, dtype=np.float32), spherical)  # (n, steps, latent_dim)
        each = {name: np.repeat(value, steps, axis=0) for name, value in self.condition_rows(given, len(start)).items()}
        return self.decode(path.reshape(-1, self.latent_dim), **each).reshape(-1, steps, *self.event_shape)

    def manifold(self: Any, steps: int = 10, *, axes: Sequence[int] = (0, 1), **given: Any) -> np.ndarray:
        """Lays out two latents over a square: their quantiles from 0.05 to 0.95 under N(0, 1), all other latents at 0.

        Args:
          steps: examples a side, at least 2.
          axes: which two latents; the first one runs downward, the second to the right. A model of one latent lays it out alone.
          **given: `label` of conditional models, one class.

        Returns:
          examples: (steps, steps, *event_shape) float32 in the data's range; (1, steps, *event_shape) of one latent.

        Raises:
          ValueError: fewer than 2 steps, or axes that the model has not.
        """
        checks.integer(steps, "steps", least=2)
        if self.latent_dim == 1:
            axes = (0,)
        if len({*axes}) != len(axes) or len(axes) > 2 or not all(0 <= axis < self.latent_dim for axis in axes):
            raise ValueError(f"Expected two different latents in [0, {self.latent_dim}). Received: axes={axes}")
        levels = tf.math.ndtri(np.linspace(0.05, 0.95, steps, dtype=np.float32)).numpy()
        latents = np.zeros((steps if len(axes) == 2 else 1, steps, self.latent_dim), np.float32)
        latents[..., axes[-1]] = levels
        if len(axes) == 2:
            latents[..., axes[0]] = levels[:, None]
        flat = latents.reshape(-1, self.latent_dim)
        return self.decode(flat, **given).reshape(*latents.shape[:2], *self.event_shape)

    def invert(self: Any, x: Any, *, steps: int = 300, rate: float = 0.1, seed: int = 0, **given: Any) -> tuple[Any, Any]:
        """Looks for the latents of given examples by descent on the squared error, from draws of the prior.

        Args:
          x: (n, *event_shape) in the data's range.
          steps: steps of Adam.
          rate: its learning rate, which falls to 0 along a cosine.
          seed: of the latents that it begins from.
          **given: `label` of conditional models: one class for all rows, or one each.

        Returns:
          latents: (n, latent_dim) float32.
          errors: (n,) float32, the mean squared error of each row at the end.

        Raises:
          ValueError: examples that the model cannot take, or `steps` below 1.
        """
        target = tf.constant(np.asarray(x), tf.float32)
        inputs = self.condition_rows(given, len(target))
        self.check_examples(target.numpy())
        checks.integer(steps, "steps", least=1)
        condition = None if self.condition is None else self.condition.tensor(inputs[self.condition.name])
        seeds = tf.constant(random.row_seeds(seed, len(target)))
        axes = list(range(1, target.shape.rank))

        @tf.function(autograph=False)
        def step(latents: Any, first: Any, second: Any, count: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(latents)
                errors = tf.reduce_mean(tf.square(self.decoded(latents, condition) - target), axes)
            gradient: Any = tape.gradient(errors, latents)
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * tf.square(gradient)
            scaled = first / (1.0 - 0.9**count) / (tf.sqrt(second / (1.0 - 0.999**count)) + 1e-8)
            now = rate * 0.5 * (1.0 + tf.cos(np.pi * (count - 1.0) / steps))
            return latents - now * scaled, first, second, errors

        latents = self.drawn_latents(seeds, condition, {})
        first = second = tf.zeros_like(latents)
        for count in range(1, steps + 1):
            latents, first, second, _ = step(latents, first, second, tf.constant(count, tf.float32))
        return latents.numpy(), step(latents, first, second, tf.constant(1.0))[3].numpy()


class Encodes(Decodes):
    """Methods of models that infer latents: `encode`, `reconstruct`. A part of a base class; it asks for `inferred(x, condition)`."""

    @abc.abstractmethod
    def inferred(self, x: tf.Tensor, condition: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Infers latents, with the weights that are in use.

        Args:
          x: (batch, *event_shape) float32.
          condition: one a row, or None.

        Returns:
          loc: (batch, latent_dim) float32, the means.
          scale: the same shape, standard deviations.
        """

    def latent_operations(self: Any) -> dict[str, Operation]:
        """Lists `encode`, `decode` and `reconstruct`.

        Returns:
          operations: by name.
        """

        def encode(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            x = given.pop(self.medium)
            return dict(zip(("latent", "scale"), self.inferred(x, self.take_condition(given)), strict=True))

        def reconstruct(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            x, condition = given.pop(self.medium), self.take_condition(given)
            return {self.medium: self.decoded(self.inferred(x, condition)[0], condition)}

        named = [] if self.condition is None else [self.condition.spec()]
        x = batch_of(self.event_shape, tf.float32, self.medium)
        found = {"encode": Operation(encode, [x, *named]), **super().latent_operations()}
        return {**found, "reconstruct": Operation(reconstruct, [x, *named])}

    def encode(self: Any, x: Any, batch_size: int = 256, **given: Any) -> tuple[Any, Any]:
        """Infers the latents of each example.

        Args:
          x: (n, *event_shape) in the data's range; of a tensor the result are tensors, and gradients flow through them.
          batch_size: rows computed at once.
          **given: `label` of conditional models: one class for all rows, or one each.

        Returns:
          loc: (n, latent_dim) float32, the posterior's mean.
          scale: (n, latent_dim) float32, its standard deviation; 0 where the posterior is a point.

        Raises:
          ValueError: wrong shape or range, or NaN; a label missing or wrong.
        """
        found = self.run("encode", self.example_inputs(x, given), batch_size=batch_size)
        return found["latent"], found["scale"]

    def reconstruct(self: Any, x: Any, batch_size: int = 256, **given: Any) -> Any:
        """Decodes the posterior's mean of each example.

        Args:
          x: (n, *event_shape) in the data's range; of a tensor the result is a tensor, and gradients flow through it.
          batch_size: rows computed at once.
          **given: `label` of conditional models: one class for all rows, or one each.

        Returns:
          examples: (n, *event_shape) float32 in the data's range.

        Raises:
          ValueError: wrong shape or range, or NaN; a label missing or wrong.
        """
        return self.run("reconstruct", self.example_inputs(x, given), batch_size=batch_size)[self.medium]


def _path(start: np.ndarray, end: np.ndarray, weights: np.ndarray, spherical: bool) -> np.ndarray:
    """Lays points between two rows of vectors: (n, d), (n, d) and (steps,) to (n, steps, d)."""
    a, b, t = start[:, None], end[:, None], weights[None, :, None]
    if not spherical:
        return (1 - t) * a + t * b
    lengths = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    cosine = np.sum(a * b, -1, keepdims=True) / np.maximum(lengths, 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    sine = np.sin(angle)
    straight = sine < 1e-4  # along one line there is no great circle to follow
    safe = np.where(straight, 1.0, sine)
    first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / safe)
    second = np.where(straight, t, np.sin(t * angle) / safe)
    return (first * a + second * b).astype(np.float32)
