"""Drawing waveforms sample by sample: with queues, at a cost that does not grow with what the network sees, or naively."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.layers.stacks import stacked
from tfgen.networks import WaveNetNetwork

__all__ = ["at_each_time", "naive", "queued"]

Draw = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def at_each_time(conditions: tf.Tensor | None, hop: int, time: tf.Tensor) -> tf.Tensor | None:
    """Repeats each frame of local conditions for `hop` samples.

    Args:
      conditions: (batch, features) of the whole clip, which stay as they are, (batch, frames, features), or None.
      hop: samples of a frame.
      time: number of samples wanted, at most frames * hop.

    Returns:
      conditions: (batch, features), (batch, time, features), or None.
    """
    if conditions is None or conditions.shape.rank == 2:
        return conditions
    return tf.repeat(conditions, hop, axis=1)[:, :time]


def queued(
    network: WaveNetNetwork,
    draw: Draw,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    *,
    audio: tf.Tensor | None = None,
    observed: tf.Tensor | None = None,
    conditions: tf.Tensor | None = None,
    hop: int = 1,
) -> tf.Tensor:
    """Draws the missing samples one after the other with the network's queues.

    Args:
      network: runs one sample at a time.
      draw: turns (outputs, uniforms, temperature) of one time into values.
      uniforms: (batch, time, 1) in (0, 1), one for each sample: all the randomness there is.
      temperature: (batch,).
      audio: (batch, time, 1), any value where missing; None where nothing is observed.
      observed: the same shape, 1 where a sample is known; None where nothing is.
      conditions: (batch, features) of the whole clip, (batch, frames, features) of frames, or None.
      hop: samples of a frame.

    Returns:
      audio: (batch, time, 1) float32.
    """
    length, batch = int(uniforms.shape[1]), tf.shape(uniforms)[0]
    stacks, restored = stacked(network.prepare_step())
    streams = [None if t is None else tf.transpose(t[..., 0]) for t in (uniforms, audio, observed)]  # time-major
    frames = side = None
    if conditions is not None and conditions.shape.rank == 3:
        frames = tf.transpose(conditions, (1, 0, 2))
    else:
        side = network.beside(batch, conditions)

    def body(time: tf.Tensor, state: Any, output: tf.TensorArray) -> tuple[tf.Tensor, Any, tf.TensorArray]:
        prepared = restored(stacks)
        beside = side if frames is None else network.beside(batch, frames[time // hop])
        outputs, state = network.step(state, time, prepared, beside)
        u, given, known = (None if stream is None else stream[time] for stream in streams)
        x = draw(outputs, u, temperature)
        x = x if known is None else tf.where(known > 0, given, x)
        return time + 1, network.push(x, state, prepared), output.write(time, x)

    output = tf.TensorArray(tf.float32, size=length, element_shape=(None,))
    loop = (tf.constant(0), network.initial_state(batch), output)
    # a step waits for the one before: beginning it early only hands work from thread to thread
    _, _, output = tf.while_loop(lambda time, *_: time < length, body, loop, maximum_iterations=length, parallel_iterations=1)
    return tf.reshape(tf.transpose(output.stack()), (batch, length, 1))


def naive(
    network: Any,
    draw: Draw,
    uniforms: tf.Tensor,
    temperature: tf.Tensor,
    *,
    audio: tf.Tensor | None = None,
    observed: tf.Tensor | None = None,
    conditions: tf.Tensor | None = None,
    hop: int = 1,
) -> tf.Tensor:
    """Draws the missing samples with one pass of the whole network for each: what `queued` must agree with.

    Args:
      network: the network; only its `call` is used.
      draw: turns (outputs, uniforms, temperature) of one time into values.
      uniforms: (batch, time, 1) in (0, 1).
      temperature: (batch,).
      audio: (batch, time, 1), any value where missing; None where nothing is observed.
      observed: the same shape, 1 where a sample is known; None where nothing is.
      conditions: (batch, features) of the whole clip, (batch, frames, features) of frames, or None.
      hop: samples of a frame.

    Returns:
      audio: (batch, time, 1) float32.
    """
    length = int(uniforms.shape[1])
    beside = at_each_time(conditions, hop, length)

    def body(time: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = network(x) if beside is None else network(x, conditions=beside)
        drawn = draw(outputs[:, time], uniforms[:, time, 0], temperature)[:, None, None]
        new = tf.where(tf.range(length)[None, :, None] == time, drawn, x)
        return time + 1, new if observed is None else tf.where(observed > 0, x, new)

    start = tf.zeros_like(uniforms) if observed is None else tf.where(observed > 0, audio, 0.0)
    return tf.while_loop(lambda time, _: time < length, body, (tf.constant(0), start), maximum_iterations=length)[1]
