"""Small FVBNs, NADEs and MADEs whose weights are large enough that every dependence shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfgen
from tfgen.distributions import Categorical, DiscretizedLogistic, DiscretizedLogisticMixture
from tfgen.models.autoregressive import ordered
from tfgen.models.autoregressive.ordered import OrderedModel

from .small import randomise, traced_once

Shape = tuple[int, int, int]

# Every kind, at any shape: tests choose the shape.
KINDS: dict[str, Callable[[Shape], OrderedModel]] = {
    "fvbn": lambda shape: tfgen.FVBN(shape),
    "fvbn, random order": lambda shape: tfgen.FVBN(shape, ordering="random", ordering_seed=3),
    "fvbn, three levels": lambda shape: tfgen.FVBN(shape, likelihood=Categorical(3)),
    "nade": lambda shape: tfgen.NADE(shape, hidden=7),
    "nade, relu, random order": lambda shape: tfgen.NADE(shape, hidden=9, activation="relu", ordering="random"),
    "nade, logistic": lambda shape: tfgen.NADE(shape, hidden=5, likelihood=DiscretizedLogistic(3)),
    "made": lambda shape: tfgen.MADE(shape, hidden=(11,), direct=False),
    "made, two layers, direct": lambda shape: tfgen.MADE(shape, hidden=(13, 9), activation="tanh"),
    "made, one unit, random order": lambda shape: tfgen.MADE(
        shape, hidden=(1,), ordering="random", direct=False, activation="elu"
    ),
    "made, three orders": lambda shape: tfgen.MADE(shape, hidden=(11,), ordering="random", num_masks=3),
    "made, three masks in raster order": lambda shape: tfgen.MADE(
        shape, hidden=(8, 8), num_masks=3, direct=False, activation="elu"
    ),
    "made, mixture of logistics": lambda shape: tfgen.MADE(
        (shape[0], shape[1] * shape[2], 1), hidden=(9,), likelihood=DiscretizedLogisticMixture(2, levels=3)
    ),
    "made, two orders, three levels": lambda shape: tfgen.MADE(
        shape, hidden=(9,), ordering="random", num_masks=2, likelihood=Categorical(3)
    ),
}


def small(kind: str, shape: Shape, seed: int = 0) -> OrderedModel:
    """Builds a model with random weights and biases."""
    keras.utils.set_random_seed(seed)
    model = KINDS[kind](shape)
    randomise(model.network, seed)
    return model


def draw(model: OrderedModel, how: Any, uniforms: tf.Tensor, ordering: int = 0, *given: Any) -> np.ndarray:
    """Runs one of the two samplers, `ordered.cached` or `ordered.naive`, traced once a model."""
    images, observed = given or (None, None)
    temperature = tf.constant([1.0, 0.5, 2.0, 0.8, 1.0])

    def run(uniforms: tf.Tensor, ordering: tf.Tensor, *tensors: tf.Tensor) -> tf.Tensor:
        images, observed = tensors or (None, None)
        return how(model.network, model.draw_value, images, observed, uniforms, temperature, ordering=ordering)

    tensors = () if images is None else (tf.constant(images), tf.constant(observed))
    sampler = traced_once(model, f"{how.__name__} {len(tensors)}", run)
    return sampler(uniforms, tf.constant(ordering), *tensors).numpy()


def log_prob_in_order(model: OrderedModel, x: np.ndarray, ordering: int) -> np.ndarray:
    """Evaluates one order of a mixture."""
    parameters = model.parameters_of(model.network(tf.constant(x), ordering=ordering))
    return model.likelihood.log_prob(parameters, tf.constant(x)).numpy().sum(axis=(1, 2, 3))


def by_steps(model: OrderedModel, x: np.ndarray, ordering: int = 0) -> np.ndarray:
    """Sums log p(x[i] | x[<i]) as the sampler meets them: what is not yet drawn is handed to the network as nonsense."""
    network: Any = model.network
    values = x.reshape(len(x), -1).T[network.orderings[ordering]]
    state, total, length = network.initial_state(tf.constant(len(x))), np.zeros(len(x)), network.block_size
    for block in range(network.size // length):
        context = network.start_block(state, tf.constant(block), ordering)
        own = values[block * length : (block + 1) * length]
        for number in range(length):
            known = np.where(np.arange(length)[:, None] < number, own, np.float32(7.0))
            parameters = model.likelihood.split(network.block_outputs(tf.constant(known), context)[number], 1)
            total += model.likelihood.log_prob(parameters, tf.constant(own[number][:, None])).numpy()[:, 0]
        state = network.end_block(tf.constant(own), state, context)
    return total


__all__ = ["KINDS", "by_steps", "draw", "log_prob_in_order", "ordered", "small"]
