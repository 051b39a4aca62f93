"""The latent-variable family: a prior, a posterior, a likelihood given latents, and bounds on the likelihood of data."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, objectives, random
from tfgen.distributions import Posterior, Prior, get_posterior, get_prior
from tfgen.models import configuration
from tfgen.models.batch import Batch
from tfgen.models.hooks import hook
from tfgen.models.latents import Encodes
from tfgen.models.likelihood import LikelihoodModel
from tfgen.models.operations import Operation
from tfgen.models.players import Player
from tfgen.models.signatures import batch_of
from tfgen.objectives import Bound, Inference
from tfgen.random import Stream

__all__ = ["LatentVariableModel"]

_DECODES_AT_ONCE = 2048
_DRAWS_AT_ONCE = 512  # of one row: more are drawn part by part, in constant memory
_EXPORTED_SAMPLES = 64


class LatentVariableModel(Encodes, LikelihoodModel, abc.ABC):
    """Abstract base of models `p(x) = integral of p(x | z) p(z)`, with a posterior `q(z | x)` that is trained beside them.

    A subclass builds `self.encoder` and `self.decoder` (with a label they take [x or z, label]), sets `self.likelihood` and calls
    `self.finish_latents(event_shape, prior=..., posterior=..., bound=...)`. Latents are one flat vector (batch, latent_dim) for
    everybody outside, whatever the class does inside.

    Hooks, each a function of tensors that works with the raw weights in training and with the averages elsewhere:
      summarise: what the encoder says of x, computed once however many draws follow.
      infer: one draw of the posterior for each row of a summary.
      generate: from latents to the likelihood's parameters.
    """

    sampling_controls: ClassVar[tuple[str, ...]] = ("temperature",)
    likelihood_kind: ClassVar[Any] = "bound"
    needs_zeros_and_ones: ClassVar[bool] = False
    encoder: Any
    decoder: Any
    posterior: Posterior
    settable: ClassVar[tuple[str, ...]] = ("bound",)
    _bound: Bound | None = None

    def finish_latents(
        self,
        event_shape: Sequence[int],
        *,
        prior: Prior,
        posterior: Posterior,
        bound: Bound | None,
        networks: Sequence[str] = ("encoder", "decoder"),
        metrics: Sequence[str] = (),
    ) -> None:
        """Ends construction: checks what the default hooks ask of the networks, and makes averaged copies.

        Args:
          event_shape: shape of one example.
          prior: p(z); `latent_dim` is its.
          posterior: q(z | x).
          bound: what training descends; None for the reconstruction alone.
          networks: attributes that the one player trains; with "encoder" and "decoder" among them these are checked.
          metrics: further numbers that a subclass's `per_example` gives.
        """
        self.event_shape, self._numbers, self._form = tuple(event_shape), {}, None
        self.prior, self.posterior, self.bound, self.latent_dim = prior, posterior, bound, prior.latent_dim
        self._checks_pair = {"encoder", "decoder"} <= {*networks}
        self.check_networks()
        names = ["loss", "reconstruction", *metrics]
        if bound is not None:
            names = ["loss", "elbo", "reconstruction", "kl", *(["bits_per_dim"] if self.likelihood.discrete else []), *metrics]
        layers = [name for name in ("prior", "posterior") if isinstance(getattr(self, name), keras.Layer)]
        player = Player("", averaged=tuple([*networks, *layers]))
        self.finish(event_shape, players=[player], metrics=names)

    @property
    def bound(self) -> Bound | None:
        """What training descends; None for a model without an elbo, an autoencoder for example.

        Where the constructor takes one, another may be set at any time, while `fit` runs too: a graph is traced again only where it
        is of another form.
        """
        return self._bound

    @bound.setter
    def bound(self, bound: Bound | None) -> None:
        if not isinstance(bound, Bound) and (bound is not None or self._bound is not None):
            raise ValueError(f"Expected `bound` to be a `tfgen.objectives.Bound`. Received: bound={bound!r}")
        numbers = {} if bound is None else bound.numbers()
        form = None if bound is None else bound.holding(**dict.fromkeys(numbers))
        with self.distribute_strategy.scope():
            self._numbers |= {
                name: tf.Variable(0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
                for name in numbers
                if name not in self._numbers
            }
        for name, value in numbers.items():
            self._numbers[name].assign(value)
        self._bound = bound
        self._live_bound = None if bound is None else bound.holding(**{name: self._numbers[name] for name in numbers})
        # ours is said in configs by its numbers, where the constructor takes those
        by_numbers = isinstance(bound, (objectives.ELBO, objectives.ImportanceWeighted)) and "beta" in self.arguments
        others = tuple(name for name in self.default_networks if name != "bound")
        self.default_networks = (*others, "bound") if by_numbers else others
        if form != self._form:
            self._form = form
            self.forget_graphs()

    def check_networks(self) -> None:
        if self._checks_pair:
            label, shape = None if self.condition is None else self.condition.spec(), self.event_shape
            outputs = (*shape[:-1], self.likelihood.num_outputs(shape[-1]))
            configuration.check_network(self.encoder, "encoder", shape, (self.posterior.num_parameters,), label=label)
            configuration.check_network(self.decoder, "decoder", (self.latent_dim,), outputs, label=label)

    # ---- hooks ----

    @hook
    def summarise(self, x: tf.Tensor, condition: Any, training: bool, *, seeds: tf.Tensor | None = None) -> Any:
        """Computes what the posterior's parameters are read from.

        Args:
          x: (batch, *event_shape) float32.
          condition: as `Condition.tensor` gives it, or None.
          training: whether a training step asks.
          seeds: (batch,) int64, for noise on what is to be restored; None where none is wanted.

        Returns:
          summary: a tensor, or a nested structure of tensors, batch first.
        """
        del seeds
        inputs = x if condition is None else [x, condition]
        return self.in_use("encoder", training)(inputs, training=training)

    @hook
    def infer(self, summary: Any, x: tf.Tensor, condition: Any, u: tf.Tensor, training: bool) -> Inference:
        """Draws latents from the posterior, one draw a row.

        Args:
          summary: what `summarise` returned, each row as often as draws are wanted of it.
          x: (rows, *event_shape) float32, prepared for the likelihood.
          condition: one a row, or None.
          u: (rows, latent_dim) in (0, 1); 0.5 everywhere asks for the middle of the posterior.
          training: whether a training step asks.

        Returns:
          inference: latents, their densities, the KL of each latent where it has a closed form; `extra` holds "loc", and "scale"
            where the posterior has one.
        """
        del x
        prior, posterior = self._distribution("prior", training), self._distribution("posterior", training)
        parameters = posterior.split(summary)
        latents, log_q = posterior.draw(parameters, u)
        kl = posterior.kl(parameters, prior)
        return Inference(latents, log_q, prior.log_prob(latents, condition), kl, dict(parameters))

    @hook
    def generate(self, latents: tf.Tensor, condition: Any, training: bool) -> tf.Tensor:
        """Decodes latents.

        Args:
          latents: (rows, latent_dim) float32.
          condition: one a row, or None.
          training: whether a training step asks.

        Returns:
          parameters: of the likelihood, as its `split` gives them.
        """
        inputs = latents if condition is None else [latents, condition]
        outputs = self.in_use("decoder", training)(inputs, training=training)
        return self.likelihood.split(outputs, self.event_shape[-1])

    def _distribution(self, name: str, training: bool) -> Any:
        """The prior, or the posterior: its averages, where it has weights of its own."""
        return self.in_use(name, training) if name in self._averaged_names() else getattr(self, name)

    def _finish_networks(self, image_shape: Sequence[int]) -> None:
        warnings.warn("`_finish_networks` is public now: call `finish_latents`.", DeprecationWarning, stacklevel=2)
        scalars = {name: getattr(self, name) for name in ("beta", "kl_warmup_steps", "free_bits", "importance_samples")}
        prior, posterior = get_prior(None, self.latent_dim), get_posterior(None, self.latent_dim)
        self.finish_latents(image_shape, prior=prior, posterior=posterior, bound=objectives.make_bound(**scalars))

    # ---- objectives ----

    def _log_likelihood(self, x: tf.Tensor, latents: tf.Tensor, condition: Any, training: bool) -> tf.Tensor:
        log_prob = self.likelihood.log_prob(self.generate(latents, condition, training), x)
        return tf.reduce_sum(log_prob, axis=list(range(1, log_prob.shape.rank)))

    def _draws(self, summary: Any, x: tf.Tensor, condition: Any, u: tf.Tensor, training: bool) -> tuple[Any, ...]:
        """Returns log p(x | z), log q(z | x) and log p(z) at K draws, (batch, K) each, and the inference: u is (batch, K, size)."""
        count = u.shape[1]

        def repeated(tensor: Any) -> Any:
            return tensor if count == 1 else tf.repeat(tensor, count, axis=0)

        rows, given = repeated(x), None if condition is None else repeated(condition)
        uniforms = tf.reshape(u, (-1, u.shape[2]))  # (batch, K, size) -> (batch * K, size)
        found = self.infer(keras.tree.map_structure(repeated, summary), rows, given, uniforms, training)
        log_likelihood = self._log_likelihood(rows, found.latents, given, training)
        parts = (log_likelihood, found.log_q, found.log_prior)
        return (*(None if part is None else tf.reshape(part, (-1, count)) for part in parts), found)

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        summary = self.summarise(batch.x, batch.condition, batch.training, seeds=batch.seeds)
        bound = self._live_bound
        count = 1 if bound is None else bound.num_samples
        u = random.uniform(batch.seeds, (count, self.num_posterior_uniforms), stream=Stream.POSTERIOR)
        x = self.likelihood.prepare(batch.x, batch.seeds)
        log_likelihood, log_q, log_prior, found = self._draws(summary, x, batch.condition, u, batch.training)
        if bound is None:
            return {"loss": -log_likelihood[:, 0], "reconstruction": -log_likelihood[:, 0]}
        kl = found.kl if count == 1 else None
        values = bound(log_likelihood, log_q, log_prior, kl, step=self.step, training=batch.training)
        return self.with_bits(values, -values["elbo"])

    def look_at(self, batch: Batch) -> dict[str, tf.Tensor]:
        summary = self.summarise(batch.x, batch.condition, True)
        return {**super().look_at(batch), "posterior_loc": self._middle(summary, batch.x, batch.condition, True)["loc"]}

    def _middle(self, summary: Any, x: tf.Tensor, condition: Any, training: bool) -> dict[str, tf.Tensor]:
        half = tf.fill((tf.shape(x)[0], self.num_posterior_uniforms), 0.5)
        return self.infer(summary, x, condition, half, training).extra

    @property
    def num_posterior_uniforms(self) -> int:
        """How many uniform numbers one draw of the posterior takes."""
        return self.latent_dim

    def inferred(self, x: tf.Tensor, condition: Any) -> tuple[tf.Tensor, tf.Tensor]:
        found = self._middle(self.summarise(x, condition, False), x, condition, False)
        return found["loc"], found.get("scale", tf.zeros_like(found["loc"]))

    def decoded(self, latents: tf.Tensor, condition: Any) -> tf.Tensor:
        return self.likelihood.mean(self.generate(latents, condition, False))

    def call(self, inputs: tf.Tensor, training: bool = False, **given: Any) -> tf.Tensor:
        """Reconstructs images from the posterior's mean: (batch, *event_shape) in the data's range; a conditional model needs
        `label`, (batch,)."""
        x, condition = tf.cast(inputs, tf.float32), self.take_condition(given)
        found = self._middle(self.summarise(x, condition, training), x, condition, training)
        return self.likelihood.mean(self.generate(found["loc"], condition, training))

    # ---- bounds ----

    def operations(self) -> dict[str, Operation]:
        named = [] if self.condition is None else [self.condition.spec()]
        seed, x = batch_of((), tf.int64, "seed"), batch_of(self.event_shape, tf.float32, self.medium)
        found = {**super().operations(), **self.latent_operations()}
        if self.bound is not None:
            found["elbo"] = Operation(self._elbo, [x, seed, *named], served=False)
            settings = {"num_samples": _EXPORTED_SAMPLES}
            found["log_prob_bound"] = Operation(self._log_prob_bound, [x, seed, *named], settings=settings)
        return found

    def _elbo(self, seed: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        x, condition = given.pop(self.medium), self.take_condition(given)
        u = random.uniform(seed, (1, self.num_posterior_uniforms), stream=Stream.POSTERIOR)
        prepared = self.likelihood.prepare(x, seed)
        log_likelihood, log_q, log_prior, found = self._draws(
            self.summarise(x, condition, False), prepared, condition, u, False
        )
        values = objectives.ELBO()(log_likelihood, log_q, log_prior, found.kl, step=0, training=False)
        return {"elbo": values["elbo"]}

    def _log_prob_bound(self, seed: tf.Tensor, num_samples: int, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        x, condition = given.pop(self.medium), self.take_condition(given)
        summary, prepared = self.summarise(x, condition, False), self.likelihood.prepare(x, seed)
        u = random.uniform(seed, (num_samples, self.num_posterior_uniforms), stream=Stream.POSTERIOR)

        def log_weights(uniforms: tf.Tensor) -> tf.Tensor:
            log_likelihood, log_q, log_prior, _ = self._draws(summary, prepared, condition, uniforms, False)
            return log_likelihood + log_prior - log_q

        if num_samples <= _DRAWS_AT_ONCE:
            return {"log_prob_bound": objectives.importance_weighted_bound(log_weights(u))}
        return {"log_prob_bound": _in_parts(log_weights, u, num_samples)}

    def elbo(self, x: Any, seed: Any = None, batch_size: int = 256, **given: Any) -> Any:
        """Computes the evidence lower bound of each image, `log p(x) >= log p(x | z) - KL(q(z | x) || p(z))` at one draw of z.

        Args:
          x: (n, *event_shape) in the data's range; of a tensor the result is a tensor, and gradients flow through it.
          seed: one integer for the call, one per row, or None for a fresh one.
          batch_size: rows computed at once; it does not change the result.
          **given: `label` of conditional models: one class for all rows, or one each; the bound is one on `log p(x | label)`.

        Returns:
          elbo: (n,) float32, nats, of discrete data where the likelihood is discrete or dequantised.

        Raises:
          ValueError: wrong shape or range, or NaN; a label missing or wrong.
        """
        inputs = self.example_inputs(x, given)
        return self.run("elbo", {**inputs, "seed": self._seeds_for(inputs, seed)}, batch_size=batch_size)["elbo"]

    def log_prob_bound(
        self, x: Any, num_samples: int = 100, seed: Any = None, *, batch_size: int | None = None, **given: Any
    ) -> Any:
        """Computes the importance-weighted bound of each image, `log p(x) >= log( mean{ p(x, z[k]) / q(z[k] | x) : k =
        1...K } )`.

        Args:
          x: (n, *event_shape) in the data's range; of a tensor the result is a tensor, and gradients flow through it.
          num_samples: K, at least 1; the bound rises with it. However many, they are drawn in constant memory.
          seed: one integer for the call, one per row, or None for a fresh one.
          batch_size: rows computed at once; None chooses by memory. It does not change the result.
          **given: `label` of conditional models: one class for all rows, or one each.

        Returns:
          bound: (n,) float32, nats.

        Raises:
          ValueError: wrong shape or range, NaN, or `num_samples` below 1; a label missing or wrong.

        Reference: Burda, Grosse, Salakhutdinov, 2016, Importance weighted autoencoders, arXiv 1509.00519.
        """
        count = checks.integer(num_samples, "num_samples", least=1)
        inputs = self.example_inputs(x, given)
        inputs["seed"] = self._seeds_for(inputs, seed)
        rows = batch_size or max(1, _DECODES_AT_ONCE // min(count, _DRAWS_AT_ONCE))
        return self.run("log_prob_bound", inputs, batch_size=rows, num_samples=count)["log_prob_bound"]

    def _seeds_for(self, inputs: dict[str, Any], seed: Any) -> Any:
        rows = inputs[self.medium].shape[0]
        if seed is None and not tf.executing_eagerly():  # a fresh number would be drawn once, while a graph is traced
            return tf.random.uniform(tf.shape(inputs[self.medium])[:1], maxval=random.MAX_SEED, dtype=tf.int64)
        if rows is not None or np.ndim(seed):
            return random.as_row_seeds(seed, rows)
        return random.row_seeds_in_graph(random.fresh_seed() if seed is None else seed, tf.shape(inputs[self.medium])[0])

    def facts(self) -> dict[str, Any]:
        bound = {"log_prob_bound": f"importance-weighted lower bound, {_EXPORTED_SAMPLES} samples, nats"}
        return {"latent_dim": self.latent_dim, **super().facts(), **({} if self.bound is None else bound)}


def _in_parts(log_weights: Any, u: tf.Tensor, num_samples: int) -> tf.Tensor:
    """Computes the importance-weighted bound from K draws a row, some at a time."""
    parts = -(-num_samples // _DRAWS_AT_ONCE)
    padded = tf.pad(u, ((0, 0), (0, parts * _DRAWS_AT_ONCE - num_samples), (0, 0)), constant_values=0.5)

    def body(part: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        here = tf.ensure_shape(
            padded[:, part * _DRAWS_AT_ONCE : (part + 1) * _DRAWS_AT_ONCE], (None, _DRAWS_AT_ONCE, u.shape[2])
        )
        kept = part * _DRAWS_AT_ONCE + tf.range(_DRAWS_AT_ONCE) < num_samples
        weights = tf.where(kept, log_weights(here), -np.inf)
        return part + 1, tf.reduce_logsumexp(tf.stack([total, tf.reduce_logsumexp(weights, -1)], -1), -1)

    start = (tf.constant(0), tf.fill((tf.shape(u)[0],), -np.inf))
    total = tf.while_loop(lambda part, _: part < parts, body, start, maximum_iterations=parts, parallel_iterations=1)[1]
    return total - np.log(num_samples).astype(np.float32)
