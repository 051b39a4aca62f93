"""Drawing images pixel by pixel: with caches for about the cost of one pass, or one pass per pixel to check against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfgen.layers.stacks import stacked
from tfgen.networks import CausalNetwork

__all__ = ["cached", "naive"]

Draw = Callable[[tf.Tensor, int, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def cached(
    network: CausalNetwork,
    draw: Draw,
    images: tf.Tensor,
    observed: tf.Tensor,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    *,
    conditions: Mapping[str, tf.Tensor] | None = None,
) -> tf.Tensor:
    """Draws the missing pixels with the network's caches.

    Args:
      network: runs one position at a time.
      draw: turns (outputs, channel, the pixel's values so far, uniforms, temperature) of one position into values.
      images: (batch, height, width, channels), any value where missing.
      observed: the same shape, 1 where a pixel is known.
      uniforms: the same shape, in (0, 1): all the randomness there is.
      temperature: (batch,).
      conditions: what a conditional network's `initial_state` takes beside, `label` for example.

    Returns:
      images: (batch, height, width, channels) float32.
    """
    height, width, channels = map(int, images.shape.as_list()[1:])
    batch = tf.shape(images)[0]
    stacks, restored = stacked(network.prepare_step())
    # time-major, so that a position's slice is contiguous
    streams = [
        tf.reshape(tf.transpose(t, (1, 2, 0, 3)), (height * width, batch, channels)) for t in (images, observed, uniforms)
    ]

    blank = tf.zeros((batch, channels))

    def pixel(position: tf.Tensor, column: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        x, prepared = blank, restored(stacks)
        outputs, new = network.step(x, state, column, prepared)
        with tf.control_dependencies([outputs]):  # not before: handing it to another thread takes longer than doing it
            given, known, u = (stream[position] for stream in streams)
        values: list[tf.Tensor] = []
        for channel in range(channels):
            if channel and network.ordered:  # else the outputs do not depend on the pixel's own channels
                outputs, new = network.step(x, state, column, prepared)
            value = draw(outputs, channel, x, u[:, channel], temperature)
            values.append(tf.where(known[:, channel] > 0, given[:, channel], value))
            x = tf.stack(values + [tf.zeros((batch,))] * (channels - 1 - channel), -1)
        # the last pass has not seen the last channel: only the caches of inputs need it
        return x, network.commit(x, new, column)

    def row_body(row: tf.Tensor, state: Any, output: tf.TensorArray) -> tuple[tf.Tensor, Any, tf.TensorArray]:
        def column_body(column: tf.Tensor, state: Any, output: tf.TensorArray) -> tuple[tf.Tensor, Any, tf.TensorArray]:
            position = row * width + column
            x, state = pixel(position, column, state)
            return column + 1, state, output.write(position, x)

        loop = (tf.constant(0), network.start_row(state), output)
        _, state, output = tf.while_loop(lambda column, *_: column < width, column_body, loop, maximum_iterations=width)
        return row + 1, network.end_row(state), output

    output = tf.TensorArray(tf.float32, size=height * width, element_shape=(None, channels))
    loop = (tf.constant(0), network.initial_state(batch, width, **(conditions or {})), output)
    _, _, output = tf.while_loop(lambda row, *_: row < height, row_body, loop, maximum_iterations=height)
    drawn = tf.reshape(output.stack(), (height, width, batch, channels))
    return tf.transpose(drawn, (2, 0, 1, 3))


def naive(
    network: Any, draw: Draw, images: tf.Tensor, observed: tf.Tensor, uniforms: tf.Tensor, temperature: tf.Tensor
) -> tf.Tensor:
    """Draws the missing pixels with one pass of the whole network for each colour value: what `cached` must agree with.

    Args:
      network: any causal network from images to outputs.
      draw: turns (outputs, channel, the pixel's values so far, uniforms, temperature) of one position into values.
      images: (batch, height, width, channels), any value where missing.
      observed: the same shape, 1 where a pixel is known.
      uniforms: the same shape, in (0, 1).
      temperature: (batch,).

    Returns:
      images: (batch, height, width, channels) float32.
    """
    height, width, channels = map(int, images.shape.as_list()[1:])

    def body(position: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        row, column = position // width, position % width
        here = tf.reshape(tf.one_hot(position, height * width), (1, height, width))
        for channel in range(channels):
            outputs = tf.cast(network(x, training=False), tf.float32)[:, row, column]
            value = draw(outputs, channel, x[:, row, column], uniforms[:, row, column, channel], temperature)
            plane = x[..., channel] * (1.0 - here) + value[:, None, None] * here
            plane = tf.where(observed[..., channel] > 0, images[..., channel], plane)
            x = tf.concat([x[..., :channel], plane[..., None], x[..., channel + 1 :]], -1)
        return position + 1, x

    start = tf.where(observed > 0, images, 0.0)
    _, drawn = tf.while_loop(
        lambda position, _: position < height * width, body, (tf.constant(0), start), maximum_iterations=height * width
    )
    return drawn
