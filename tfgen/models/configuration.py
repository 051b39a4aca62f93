"""Constructor arguments and random states, to and from Keras files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = [
    "RANDOM_STATE",
    "as_integers",
    "check_image_shape",
    "check_integers",
    "check_network",
    "from_config",
    "load_random_states",
    "save_random_states",
    "seed_generators",
    "to_config",
]

RANDOM_STATE = "random_state_"


def check_image_shape(image_shape: Any) -> tuple[int, int, int]:
    """Checks the shape of one image.

    Args:
      image_shape: height, width and channels.

    Returns:
      image_shape: three positive integers.

    Raises:
      ValueError: it is anything else.
    """
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(isinstance(size, (int, np.integer)) and size > 0 for size in shape):
        raise ValueError(f"`image_shape` must be (height, width, channels), all positive. Received: image_shape={image_shape}")
    return tuple(int(size) for size in shape)  # type: ignore[return-value]


def check_integers(least: int, **values: Any) -> None:
    """Checks arguments that are numbers of something: maps, blocks, samples.

    Args:
      least: the smallest number that makes sense.
      **values: the arguments by name.

    Raises:
      ValueError: one is no integer, or smaller.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={value!r}")


def as_integers(value: Any, name: str) -> tuple[int, ...]:
    """Checks an argument that lists positive integers: units of layers, dilations.

    Args:
      value: one integer, or any number of them.
      name: what the caller calls it.

    Returns:
      integers: all positive; one stands for a list of one.

    Raises:
      ValueError: it is anything else.
    """
    given = (value,) if isinstance(value, (int, np.integer)) else value
    listed = isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str)
    if not listed or any(isinstance(i, bool) or not isinstance(i, (int, np.integer)) or i < 1 for i in given):
        raise ValueError(f"Expected `{name}` to be a list of positive integers. Received: {name}={value!r}")
    return tuple(int(i) for i in given)


def check_network(network: Any, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    """Says what a user's own network should take and return, and builds it if it is not built yet.

    Args:
      network: a Keras model.
      name: what the caller calls it.
      inputs: shape of one row of its input.
      outputs: shape of one row of its output.

    Raises:
      TypeError: it is no Keras model.
      ValueError: the network's shapes differ.
    """
    if not isinstance(network, keras.Layer):
        raise TypeError(f"Expected `{name}` to be a Keras model. Received: {name}={network!r}")
    expected = f"Expected `{name}` to go from {inputs} to {outputs} for each row."
    try:
        received = keras.tree.map_structure(lambda tensor: tuple(tensor.shape[1:]), network(keras.Input(inputs)))
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(f"{expected} Received: a network that cannot take {inputs}: {error}") from error
    if received != outputs:
        raise ValueError(f"{expected} Received: from {inputs} to {received}")


def to_config(model: Any) -> dict[str, Any]:
    """Collects a model's constructor arguments from the attributes of the same names.

    Args:
      model: a `GenerativeModel`.

    Returns:
      config: JSON-able; networks and likelihoods in Keras's serialised form.
    """
    config: dict[str, Any] = {"name": model.name, "dtype": keras.dtype_policies.serialize(model.dtype_policy)}
    for name in (*model.arguments, "seed", "ema"):
        # a default network is rebuilt from the other arguments, a user's own travels in the file
        value = None if name in model.default_networks else getattr(model, name)
        config[name] = keras.saving.serialize_keras_object(value)
    return config


def from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> dict[str, Any]:
    """Turns what `to_config` returned back into constructor arguments.

    Args:
      config: what `to_config` returned.
      custom_objects: a user's own classes by name, as Keras takes them.

    Returns:
      arguments: keyword arguments of the constructor.
    """

    def revive(value: Any) -> Any:
        if isinstance(value, dict) and "class_name" in value:
            return keras.saving.deserialize_keras_object(value, custom_objects=custom_objects)
        return value

    return {name: revive(value) for name, value in config.items()}


def seed_generators(model: Any) -> list[Any]:
    """Lists the seed generators of all layers, a user's Dropout for example: Keras does not save their states.

    Args:
      model: a Keras model.

    Returns:
      generators: each once, in the order of the layers.
    """
    found: list[Any] = []
    for layer in model._flatten_layers():
        for value in getattr(layer, "_seed_generators", []):
            if not any(value is other for other in found):
                found.append(value)
    return found


def save_random_states(model: Any, store: Any) -> None:
    """Writes the states of all seed generators, so that a resumed run does not repeat its first noise.

    Args:
      model: the model whose layers may hold seed generators.
      store: Keras's store of the model's own variables.
    """
    for number, generator in enumerate(seed_generators(model)):
        store[f"{RANDOM_STATE}{number}"] = np.asarray(generator.state)


def load_random_states(model: Any, store: Any) -> None:
    """Reads back what `save_random_states` wrote.

    Args:
      model: the model whose layers may hold seed generators.
      store: Keras's store of the model's own variables.
    """
    for number, generator in enumerate(seed_generators(model)):
        key = f"{RANDOM_STATE}{number}"
        if key in store.keys():
            generator.state.assign(np.asarray(store[key]))
