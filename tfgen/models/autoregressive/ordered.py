"""What FVBN, NADE and MADE share: values in an order of their own, drawn block by block, and mixtures over several orders."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen import random
from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.networks import OrderedNetwork
from tfgen.random import Stream

__all__ = ["OrderedModel", "cached", "naive"]

Draw = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class OrderedModel(AutoregressiveModel, abc.ABC):
    """Abstract base of models whose `network` is an `OrderedNetwork`.

    With several orders the model is their mixture, `log p(x) = logsumexp{ log p_k(x) : k = 1...K } - log K`. Training step t
    descends `-log p_k(x)` with `k = t mod K`; everything else is exact. A row's seed draws its order first.
    """

    image_shape: tuple[int, ...]
    network: OrderedNetwork
    averaged_network: OrderedNetwork

    @property
    def whole_pixels(self) -> bool:  # type: ignore[override]
        """Whether a pixel's channels are drawn one after the other: a random order mixes them."""
        return self.image_shape[-1] == 1

    def log_prob_of(
        self, network: Any, x: tf.Tensor, condition: Any, training: bool, *, seeds: tf.Tensor | None = None
    ) -> tf.Tensor:
        def in_order(ordering: Any) -> tf.Tensor:
            log_prob = self.likelihood.log_prob(self.parameters_of(network(x, ordering=ordering)), x)
            return tf.reduce_sum(log_prob, axis=[1, 2, 3])

        count = network.num_orderings
        if count == 1:
            return in_order(0)
        if training:
            return in_order(tf.cast(self.step % count, tf.int32))
        each = tf.map_fn(in_order, tf.range(count), fn_output_signature=tf.TensorSpec((None,), tf.float32))
        return tf.reduce_logsumexp(each, axis=0) - math.log(count)

    # ---- sampling ----

    def draw_value(self, outputs: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        """Draws values, each as the one channel of a pixel.

        Args:
          outputs: (..., num_parameters).
          u: (...) in (0, 1).
          temperature: broadcast against `u`.

        Returns:
          values: (...) float32.
        """
        return self.likelihood.draw_channel(self.likelihood.split(outputs, 1), 0, u[..., None], u, temperature)

    def fill(
        self, images: tf.Tensor | None, observed: tf.Tensor | None, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor],
        *, extent: int | None = None,
    ) -> tf.Tensor:  # fmt: skip
        uniforms = random.uniform(seeds, self.event_shape, stream=Stream.PIXELS)
        temperature = self.temperature_of(controls, tf.size(seeds))
        network, count = self.averaged_network, self.averaged_network.num_orderings

        def in_order(ordering: Any) -> tf.Tensor:
            return cached(network, self.draw_value, images, observed, uniforms, temperature, ordering=ordering)

        if count == 1:
            return in_order(0)
        chosen = tf.cast(random.uniform(seeds, (), stream=Stream.ORDERING) * count, tf.int32)

        def body(ordering: Any, drawn: Any) -> tuple[Any, Any]:
            mine = chosen == ordering
            new = tf.cond(tf.reduce_any(mine), lambda: in_order(ordering), lambda: drawn)
            return ordering + 1, tf.where(mine[:, None, None, None], new, drawn)

        start = (tf.constant(0), tf.zeros_like(uniforms))
        return tf.while_loop(lambda ordering, _: ordering < count, body, start, maximum_iterations=count)[1]


def _in_order(network: OrderedNetwork, ordering: Any, *tensors: Any) -> Any:
    """Lays (batch, height, width, channels) tensors out as (size, batch) in the order of drawing; None stays None."""
    order = network.order(ordering)
    return [None if t is None else tf.gather(tf.transpose(tf.reshape(t, (-1, network.size))), order) for t in tensors]


def cached(
    network: OrderedNetwork,
    draw: Draw,
    images: tf.Tensor | None,
    observed: tf.Tensor | None,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    *,
    ordering: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Draws the missing values block by block, for about the cost of one pass.

    The values of a block are all drawn at once, again and again, until none of them changes: with the uniforms fixed, the
    first value is right after one round, the second after two, and most blocks are done within a few. What stops changing is
    what drawing them one by one gives.

    Args:
      network: runs block by block.
      draw: turns (outputs, uniforms, temperature) of values into values.
      images: (batch, height, width, channels), any value where missing; None where nothing is observed.
      observed: the same shape, 1 where a value is known; None where nothing is.
      uniforms: the same shape, in (0, 1), one for each place of the image: all the randomness there is.
      temperature: (batch,).
      ordering: the number of the network's order, a scalar.

    Returns:
      images: (batch, height, width, channels) float32.
    """
    size, batch, length = network.size, tf.shape(uniforms)[0], network.block_size
    streams: Any = _in_order(network, ordering, images, observed, uniforms)

    def one_block(block: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        parts: Any = [t if t is None else tf.slice(t, [block * length, 0], [length, -1]) for t in streams]
        given, known, u = parts
        context = network.start_block(state, block, ordering)

        def redraw(values: tf.Tensor) -> tf.Tensor:
            drawn = draw(network.block_outputs(values, context), u, temperature)
            return drawn if known is None else tf.where(known > 0, given, drawn)

        def again(values: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            values = redraw(values)  # two rounds for each look at whether anything changes, which costs as much as a round
            new = redraw(values)
            return new, tf.reduce_any(new != values)

        values = redraw(tf.zeros_like(u))
        if length > 1:
            start = (values, tf.constant(True))
            values, _ = tf.while_loop(lambda _, changed: changed, again, start, maximum_iterations=length)
        return values, network.end_block(values, state, context)

    def body(block: tf.Tensor, state: Any, output: tf.TensorArray) -> tuple[tf.Tensor, Any, tf.TensorArray]:
        values, state = one_block(block, state)
        return block + 1, state, output.write(block, values)

    output = tf.TensorArray(tf.float32, size=size // length, element_shape=(length, None))
    loop = (tf.constant(0), network.initial_state(batch), output)
    _, _, output = tf.while_loop(lambda block, *_: block < size // length, body, loop, maximum_iterations=size // length)
    drawn = tf.reshape(output.stack(), (size, batch))
    places = tf.math.invert_permutation(network.order(ordering))
    return tf.reshape(tf.transpose(tf.gather(drawn, places)), (batch, *network.image_shape))


def naive(
    network: OrderedNetwork,
    draw: Draw,
    images: tf.Tensor | None,
    observed: tf.Tensor | None,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    *,
    ordering: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Draws the missing values with one pass of the whole network for each: what `cached` must agree with.

    Args:
      network: the network; only its `call` is used.
      draw: turns (outputs, uniforms, temperature) of values into values.
      images: (batch, height, width, channels), any value where missing; None where nothing is observed.
      observed: the same shape, 1 where a value is known; None where nothing is.
      uniforms: the same shape, in (0, 1).
      temperature: (batch,).
      ordering: the number of the network's order, a scalar.

    Returns:
      images: (batch, height, width, channels) float32.
    """
    size, shape = network.size, tf.shape(uniforms)
    order, u = network.order(ordering), tf.reshape(uniforms, (-1, size))
    known = None if observed is None else tf.reshape(observed, (-1, size)) > 0

    def body(number: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        place = order[number]
        outputs = tf.reshape(network(tf.reshape(x, shape), ordering=ordering), (-1, size, network.num_parameters))
        drawn = draw(outputs[:, place], u[:, place], temperature)
        new = tf.where(tf.range(size) == place, drawn[:, None], x)
        return number + 1, new if known is None else tf.where(known, x, new)

    start = tf.zeros_like(u) if known is None else tf.where(known, tf.reshape(images, (-1, size)), 0.0)
    loop = (tf.constant(0), start)
    return tf.reshape(tf.while_loop(lambda number, _: number < size, body, loop, maximum_iterations=size)[1], shape)
