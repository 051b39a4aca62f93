"""The loop of a `Trio` written by hand, with plain gradient descent: what `fit` must equal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.models.adversarial.toy import CLASSES, LATENTS, Trio, dense
from tfgen import random

__all__ = ["PLAYERS", "SHAPE", "agree", "compiled", "data", "losses", "networks", "play", "round_of", "weights_of"]

SHAPE, PLAYERS = (4, 4, 1), ("generator", "discriminator", "encoder")
RATES = {"generator": 0.2, "discriminator": 0.1, "encoder": 0.15}


def networks(*normalised: str) -> dict[str, Any]:
    """Three networks, the same each time; some of them normalise by batch, as one batch on all replicas."""
    keras.utils.set_random_seed(5)
    found = {
        "generator": dense((LATENTS,), SHAPE, label=True, last="sigmoid", normalised="generator" in normalised),
        "discriminator": dense(SHAPE, (1 + CLASSES,), normalised="discriminator" in normalised),
        "encoder": dense(SHAPE, (LATENTS,), normalised="encoder" in normalised),
    }
    for network in found.values():
        network.set_weights([2 * value if value.ndim > 1 else value for value in network.get_weights()])
    return found


def compiled(model: Trio, **keywords: Any) -> Trio:
    model.compile(*(keras.optimizers.SGD(RATES[player]) for player in PLAYERS), **keywords)
    return model


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(3)
    return noise.random((n, *SHAPE)).astype(np.float32), noise.integers(0, CLASSES, n)


def weights_of(model: Trio) -> dict[str, list[np.ndarray]]:
    return {player: getattr(model, player).get_weights() for player in PLAYERS}


def agree(model: Trio, expected: dict[str, list[np.ndarray]], tolerance: float = 1e-5) -> None:
    for player, values in expected.items():
        for weight, value in zip(getattr(model, player).weights, values, strict=True):
            np.testing.assert_allclose(
                tf.convert_to_tensor(weight.value), value, atol=tolerance, err_msg=f"{player} {weight.path}"
            )


def round_of(model: Trio, number: int, real: Any, label: Any) -> tuple[Any, ...]:
    """Real images, classes, latents and the uniform numbers of the penalty in a move."""
    seeds = random.row_keys(model.seed, 0, number, tf.range(len(real)))
    latents = tf.math.ndtri(random.uniform(seeds, (LATENTS,), stream=0))
    return tf.constant(real), tf.constant(label), latents, random.uniform(seeds, (1,), stream=4)


def _crossed(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    return -tf.gather(tf.nn.log_softmax(logits), label, batch_dims=1)


def losses(model: Trio, seen: tuple[Any, ...], generated: tf.Tensor, weight: float, training: bool = True) -> dict[str, Any]:
    """What each player pays, (batch,) each, of what the three networks say when they are asked."""
    real, label, latents, u = seen
    judge = model.discriminator

    def discriminator() -> tf.Tensor:
        truth, fake = (tf.cast(judge(images, training=training), tf.float32) for images in (real, generated))
        rows = -tf.math.log(tf.sigmoid(truth[:, 0])) - tf.math.log(1.0 - tf.sigmoid(fake[:, 0]))
        rows += 0.5 * (_crossed(truth[:, 1:], label) + _crossed(fake[:, 1:], label))
        if weight:
            between = u[:, :, None, None] * real + (1.0 - u[:, :, None, None]) * tf.stop_gradient(generated)
            with tf.GradientTape() as tape:
                tape.watch(between)
                score = judge(between, training=training)[:, 0]
            slope = tf.norm(tf.reshape(tape.gradient(score, between), (len(real), -1)), axis=1)
            rows += weight * (slope - 1.0) ** 2
        return rows

    def encoder() -> tf.Tensor:
        return tf.reduce_mean((model.encoder(generated, training=training) - latents) ** 2, 1)

    def generator() -> tf.Tensor:
        fake = judge(generated, training=training)
        return -tf.math.log(tf.sigmoid(fake[:, 0])) + 0.5 * _crossed(fake[:, 1:], label) + encoder()

    return {"discriminator": discriminator, "encoder": encoder, "generator": generator}


@contextlib.contextmanager
def _others_still(model: Trio, player: str) -> Iterator[None]:
    """Sets back what batches have moved in the networks of others."""
    kept = [(v, v.numpy()) for other in PLAYERS if other != player for v in getattr(model, other).non_trainable_weights]
    yield
    for variable, value in kept:
        variable.assign(value)


def _descend(model: Trio, player: str, loss: Callable[[], tf.Tensor], bound: float | None = None) -> None:
    weights = getattr(model, player).trainable_weights
    with _others_still(model, player), tf.GradientTape() as tape:
        mean = tf.reduce_mean(loss())
    for weight, gradient in zip(weights, tape.gradient(mean, weights), strict=True):
        weight.assign(weight - RATES[player] * tf.convert_to_tensor(gradient))
        if bound is not None:
            weight.assign(tf.clip_by_value(weight.value, -bound, bound))


def _move(model: Trio, seen: tuple[Any, ...], weight: float, bound: float | None, last: bool) -> None:
    """The discriminator, the encoder, and last, with the images drawn anew by the very same weights, the generator."""

    def drawn() -> tf.Tensor:
        return model.generator([seen[2], seen[1]], training=True)

    with _others_still(model, "nobody"):
        each = losses(model, seen, drawn(), weight)
    _descend(model, "discriminator", each["discriminator"], bound)
    _descend(model, "encoder", each["encoder"])
    if last:
        _descend(model, "generator", lambda: losses(model, seen, drawn(), 0.0)["generator"]())


def play(
    model: Trio,
    x: np.ndarray,
    y: np.ndarray,
    rows: int,
    *,
    steps: int,
    moves: int = 1,
    weight: Callable[[int], float] = lambda number: 0.0,
    bound: float | None = None,
) -> dict[str, list[np.ndarray]]:
    """Moves the networks of a model; returns their weights. `weight` is the penalty's, by the number of the move."""
    for number in range(steps * moves):
        part = slice(number * rows, (number + 1) * rows)
        seen = round_of(model, number, x[part], y[part])
        _move(model, seen, weight(number), bound, number % moves == moves - 1)
    return weights_of(model)
