"""Which layers of a model do not train, as names that stand in its config: Keras keeps that of no layer that a constructor makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras

__all__ = ["freeze", "frozen_parts", "networks_of"]

_WHOLE = "*"  # the model itself


def networks_of(model: Any) -> dict[str, Any]:
    """Finds the layers that a model holds, but for averages, which never train.

    Args:
      model: a Keras model.

    Returns:
      networks: by the attribute that holds each, or by its number where a list does.

    Example:
      >>> import tfgen
      >>> from tfgen.models.frozen import networks_of
      >>> list(networks_of(tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4)))
      ['encoder', 'decoder']
    """
    held = {name: value for name, value in vars(model).items() if isinstance(value, keras.Layer)}
    names: dict[int, str] = {}
    for name, value in held.items():
        names.setdefault(id(value), name)  # of a model without averages both names are the network's
    found = {names.get(id(layer), str(number)): layer for number, layer in enumerate(model.layers)}
    return {name: layer for name, layer in found.items() if not name.startswith("averaged_")}


def frozen_parts(model: Any) -> list[str]:
    """Names what does not train.

    Args:
      model: a Keras model.

    Returns:
      names: "encoder" for all of a network, "encoder/3" for its layer number 3, those inside others counted too, "encoder/self" for
        itself where layers of it train, "encoder/3/0" for one weight of a layer; "*" first, where the whole model is frozen.

    Example:
      >>> import tfgen
      >>> from tfgen.models.frozen import frozen_parts
      >>> model = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4)
      >>> model.encoder.trainable = model.decoder.layers[1].trainable = False
      >>> frozen_parts(model)
      ['encoder', 'decoder/1']
    """
    found = [] if model.trainable else [_WHOLE]
    for name, network in networks_of(model).items():
        layers = _layers(network)
        if not any(layer.trainable for layer in layers.values()):
            found.append(name)
            continue
        for number, layer in layers.items():
            found += [f"{name}/{number}"] if not layer.trainable else []
            found += [
                f"{name}/{number}/{place}" for place, variable in _own(layer) if layer.trainable and not variable.trainable
            ]
    return found


def _layers(network: Any) -> dict[str, Any]:
    """A network and its layers by number, outer ones before those inside them."""
    numbered = enumerate(network._flatten_layers(include_self=False))
    return {"self": network, **{str(number): layer for number, layer in numbered}}


def _own(layer: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(layer._trainable_variables)  # Keras's list of what could train, whether it does or not


def freeze(model: Any, names: Iterable[str]) -> None:
    """Freezes the named parts of a model, and thaws all others.

    Args:
      model: a Keras model.
      names: as `frozen_parts` gives them.

    Raises:
      ValueError: the model has no such part.
    """
    names = set(names)
    known = {_WHOLE}
    model.trainable = _WHOLE not in names
    for name, network in networks_of(model).items():
        known.add(name)
        for number, layer in _layers(network).items():  # what is set on an outer one holds for its inner ones, which follow
            path = f"{name}/{number}"
            layer.trainable = not names & {name, path}
            for place, variable in _own(layer):
                variable.trainable = layer.trainable and f"{path}/{place}" not in names
            known |= {path, *(f"{path}/{place}" for place, _ in _own(layer))}
    if names - known:
        raise ValueError(
            f"Expected names of this model's networks, layers and weights: {', '.join(networks_of(model))}, or "
            f"'<network>/<number>' for one layer. Received: {sorted(names - known)}"
        )
