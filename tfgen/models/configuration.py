"""Constructor arguments and random states, to and from Keras files."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.models.saving import SavingMixin

__all__ = [
    "RANDOM_STATE",
    "StoredMixin",
    "check_network",
    "from_config",
    "load_random_states",
    "save_random_states",
    "seed_generators",
    "to_config",
]

RANDOM_STATE = "random_state_"


def check_network(
    network: Any, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...], *, label: Any = None, which: str = ""
) -> None:
    """Says what a user's own network should take and return, and builds it if it is not built yet.

    Args:
      network: a Keras model.
      name: what the caller calls it.
      inputs: shape of one row of its input.
      outputs: shape of one row of its output.
      label: spec of what the network is conditional on, its second input; None where it takes one input alone.
      which: what the outputs are, for the message.

    Raises:
      TypeError: it is no Keras model.
      ValueError: the network's shapes differ.
    """
    if not isinstance(network, keras.Layer):
        raise TypeError(f"Expected `{name}` to be a Keras model. Received: {name}={network!r}")
    given: Any = keras.Input(inputs)
    what = f"{inputs}"
    if label is not None:
        given = [given, keras.Input(tuple(label.shape[1:]), dtype=label.dtype.name)]
        what = f"[{inputs}, {label.name} {tuple(label.shape[1:])}]"
    expected = f"Expected `{name}` to go from {what} to {outputs} for each row{which}."
    try:
        received = keras.tree.map_structure(lambda tensor: tuple(tensor.shape[1:]), network(given))
    except (ValueError, TypeError, IndexError, AttributeError, tf.errors.InvalidArgumentError) as error:
        told = " ".join(str(error).split())[:300]
        raise ValueError(f"{expected} Received: a network that cannot take {what}: {told}") from error
    if received != outputs:
        raise ValueError(f"{expected} Received: from {what} to {received}")


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


class StoredMixin(SavingMixin):
    """Config and random states of every model, to and from Keras files."""

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; `from_config` takes them back."""
        return to_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds the model, untrained, from what `get_config` returned."""
        return cls(**from_config(config, custom_objects))

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)  # type: ignore[misc]
        save_random_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        load_random_states(self, store)
        super().load_own_variables({key: store[key] for key in store.keys() if not key.startswith(RANDOM_STATE)})
