"""Finds the first number of a model that is NaN or infinite, by the name of its tensor."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.callbacks._diagnoses import Seen
from tfgen.callbacks._probing import Prober, is_loss_scaled

_ROWS = 16  # of noise
__all__ = ["ADVICE", "WeightWatch", "in_activations", "in_gradients", "in_logs"]

ADVICE = (
    "a lower learning rate or clipped gradients (`global_clipnorm=1.0`), float32 or bfloat16 in place of float16, a look at the "
    "data of this step for NaN, and a floor under every logarithm, root and scale of your own; go on from the last checkpoint."
)


def in_logs(logs: dict[str, float]) -> Seen | None:
    """Finds the first log that is not finite."""
    for name, value in sorted(logs.items(), key=lambda log: log[0] != "loss"):
        if not math.isfinite(value):
            return f"`{name}` is {value}.", {"where": "log", "tensor": name}
    return None


class WeightWatch:
    """Looks at all weights and optimizer slots at once, in one pass of a graph.

    Args:
      model: a Keras model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._function: Any = None
        self._places: list[tuple[str, Any]] = []

    def look(self) -> Seen | None:
        """Finds the first variable that is not finite, weights before the optimizers' slots."""
        places = [("weight", variable) for variable in self._model.weights] + [
            ("optimizer", variable) for variable in getattr(self._model.optimizer, "variables", [])
        ]
        for optimizer in getattr(self._model.optimizer, "optimizers", []):
            places += [("optimizer", variable) for variable in optimizer.variables]
        places = [(where, variable) for where, variable in places if tf.as_dtype(variable.dtype).is_floating]
        if self._function is None or [id(v) for _, v in places] != [id(v) for _, v in self._places]:
            self._places, self._function = places, tf.function(self._finite, autograph=False, reduce_retracing=True)
        if not self._places:
            return None
        broken = np.flatnonzero(~self._function().numpy())
        if not broken.size:
            return None
        where, variable = self._places[broken[0]]
        values = tf.convert_to_tensor(variable.value if isinstance(variable, keras.Variable) else variable).numpy()
        path = getattr(variable, "path", variable.name)
        share = f"{np.sum(~np.isfinite(values))} of its {values.size} numbers, and {len(broken)} of {len(self._places)} tensors"
        kind = "the weight" if where == "weight" else "the optimizer's"
        return f"{kind} `{path}` is not finite: {share}.", {
            "where": where, "tensor": path, "tensors": float(len(broken)), "of": float(len(self._places)),
        }  # fmt: skip

    def _finite(self) -> tf.Tensor:
        values = [tf.convert_to_tensor(getattr(variable, "value", variable)) for _, variable in self._places]
        return tf.stack([tf.reduce_all(tf.math.is_finite(value)) for value in values])


def in_gradients(prober: Prober) -> Seen | None:
    """Finds the first variable whose gradient on the real images is not finite; passes over float16's search for a scale."""
    model = prober.model
    if not prober.can_probe or is_loss_scaled(model):
        return None
    found = prober.probe()
    for name, norms in found.items():
        if not name.endswith("gradients") or np.isfinite(norms).all():
            continue
        player = getattr(model, name.removesuffix("_gradients"), model)
        path = player.trainable_variables[int(np.flatnonzero(~np.isfinite(norms))[0])].path
        return f"the gradient of `{path}` is not finite.", {"where": "gradient", "tensor": path}
    return None


def in_activations(prober: Prober) -> Seen | None:
    """Finds the first layer whose output is not finite, in the model's functional networks, on real images or on noise."""
    model = prober.model
    for network in (model, *model._flatten_layers(include_self=False, recursive=False)):
        if not isinstance(network, keras.Model) or len(getattr(network, "inputs", None) or ()) != 1:
            continue
        shape = tuple(network.inputs[0].shape[1:])
        if prober.images is not None and prober.images.shape[1:] == shape:
            given = tf.constant(prober.images, tf.float32)
        elif len(shape) == 1 and shape[0] is not None:
            given = random.normal(tf.range(_ROWS), shape)
        else:
            continue
        layers = [layer for layer in network.layers if len(layer._inbound_nodes) == 1]
        outputs = keras.Model(network.inputs, [layer.output for layer in layers])(given, training=False)
        for layer, output in zip(layers, outputs if isinstance(outputs, list) else [outputs], strict=True):
            if not all(np.isfinite(values).all() for values in keras.tree.flatten(output)):
                path = f"{network.name}/{layer.name}"
                return f"the output of layer `{path}` is not finite.", {"where": "activation", "tensor": path}
    return None
