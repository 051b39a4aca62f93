"""Constructor arguments and random states, to and from Keras files."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.distributions.base import Configured
from tfgen.models.place import PLACE, load_place, save_place
from tfgen.models.saving import SavingMixin

__all__ = [
    "RANDOM_STATE",
    "StoredMixin",
    "check_network",
    "check_policy",
    "check_precision",
    "default_configs",
    "from_config",
    "load_random_states",
    "save_random_states",
    "seed_generators",
    "to_config",
    "with_precision",
]

RANDOM_STATE = "random_state_"
_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# Where networks are compared: what is kept elsewhere, what loading adds, what saving adds.
_PASSED_OVER = ("trainable", "build_config", "compile_config", "shared_object_id")
_LATER = ("frozen", "began")  # in a config beside the constructor's arguments: what was set since


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


def check_precision(policy: Any) -> None:
    """Refuses number formats in which weights, densities or samples would not be float32.

    Args:
      policy: a model's dtype policy.

    Raises:
      ValueError: it is another one than "float32", "mixed_bfloat16" and "mixed_float16".
    """
    if policy.name not in _PRECISIONS:
        raise ValueError(
            f"Expected `dtype` to be one of {', '.join(map(repr, _PRECISIONS))}: weights, densities and samples are float32 in each of "
            f"them. None takes Keras's global policy. Received: dtype={policy.name!r}"
        )


def check_policy(network: Any, name: str, policy: Any) -> None:
    """Refuses a network of another dtype policy than its model's, which would ignore the model's, or compute more roughly.

    Args:
      network: a Keras layer.
      name: what the caller calls it.
      policy: the model's dtype policy.

    Raises:
      ValueError: a layer computes in a format that is neither the policy's nor float32, or none with weights in the policy's.
    """
    if isinstance(network, Configured):
        return  # priors and posteriors compute in float32 always
    policies = [layer.dtype_policy for layer in network._flatten_layers() if layer._trainable_variables]
    compute = {each.compute_dtype for each in policies}
    right = {each.variable_dtype for each in policies} <= {"float32"} and compute <= {policy.compute_dtype, "float32"}
    if policies and not (right and policy.compute_dtype in compute):
        raise ValueError(
            f"Expected `{name}` to be of the model's dtype policy: give its layers `dtype={policy.name!r}`, in a constructor "
            f"`dtype=self.dtype_policy`. Received: layers of {', '.join(sorted({each.name for each in policies}))}"
        )


def with_precision(config: dict[str, Any], precision: str) -> dict[str, Any]:
    """Says a model of another number format, its own networks included.

    Args:
      config: what `get_config` returned.
      precision: the other model's dtype policy.

    Returns:
      config: a copy.
    """
    old = config["dtype"]["config"]["name"]

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("class_name") == "DTypePolicy" and value["config"]["name"] == old:
                return {**value, "config": {"name": precision}}
            return {key: changed(inner) for key, inner in value.items()}
        return [changed(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    return changed(config)


def default_configs(model: Any) -> dict[str, str | None]:
    """Keeps what a model's default networks are, to tell later whether they are so still.

    Args:
      model: whose `default_networks` are made.

    Returns:
      configs: JSON by name; None of a network that has no config.
    """
    return {name: _described(getattr(model, name)) for name in model.default_networks if hasattr(model, name)}


def _described(network: Any) -> str | None:
    """What a network is, but for what trains in it, which is kept elsewhere."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in _PASSED_OVER}
        return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    if not isinstance(network, keras.Layer):
        return None
    try:
        return json.dumps([type(network).__name__, plain(network.get_config())], sort_keys=True, default=str)
    except NotImplementedError:
        return None


def to_config(model: Any) -> dict[str, Any]:
    """Collects a model's constructor arguments from the attributes of the same names.

    Args:
      model: a `GenerativeModel`.

    Returns:
      config: JSON-able; networks and likelihoods in Keras's serialised form.
    """
    config: dict[str, Any] = {"name": model.name, "dtype": keras.dtype_policies.serialize(model.dtype_policy)}
    configs = default_configs(model)
    for name in (*model.arguments, "seed", "ema"):
        # a default network is rebuilt from the other arguments, a user's own, and a changed one, travels in the file
        rebuilt = name in model.default_networks and configs.get(name) == model.default_configs.get(name)
        config[name] = keras.saving.serialize_keras_object(None if rebuilt else getattr(model, name))
    if model.frozen or model.built_frozen:
        config["frozen"] = model.frozen
    if model.began not in (None, model.settings()):
        config["began"] = model.began
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
        """Returns the constructor's arguments, and what was set since; `from_config` takes them back."""
        return to_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds the model, untrained, from what `get_config` returned."""
        model = cls(**from_config({name: config[name] for name in config if name not in _LATER}, custom_objects))
        if "frozen" in config:
            model.frozen, model.built_frozen = config["frozen"], True
        model.began = config.get("began")
        return model

    def get_compile_config(self: Any) -> dict[str, Any]:
        """Returns what `compile` was given, optimizers included; and what was frozen then, where that is not so any more."""
        if not self.compiled:
            return {}
        found = {name: keras.saving.serialize_keras_object(value) for name, value in self.optimizers.items()}
        then = list(self.compiled_frozen)
        return {**found, **self._compile_arguments, **({} if then == self.frozen else {"frozen": then})}

    def compile_from_config(self: Any, config: dict[str, Any]) -> None:
        """Compiles with what `get_compile_config` returned; the optimizers' slots are loaded by Keras afterwards."""
        given = {
            name: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            for name, value in config.items()
            if name != "frozen"
        }
        frozen = self.frozen
        self.frozen = config.get("frozen", frozen)  # an optimizer has slots for what trained when it was made
        self.compile(**given)
        self.frozen = frozen

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)  # type: ignore[misc]
        save_random_states(self, store)
        save_place(self, store)

    def load_own_variables(self, store: Any) -> None:
        load_random_states(self, store)
        load_place(self, store)
        others = (RANDOM_STATE, PLACE)
        super().load_own_variables({key: store[key] for key in store.keys() if not key.startswith(others)})
