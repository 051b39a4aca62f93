"""What the zoo asks of a model, in one place: what it is conditional on, what it draws, what its likelihood is."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import models
from tfgen.models.conditions import in_turn
from tfgen.models.trainable import TrainableModel

__all__ = [
    "condition_name",
    "condition_spec",
    "conditions_in_turn",
    "find_model_class",
    "get_averages",
    "get_likelihood_kind",
    "get_medium",
    "is_binary",
    "is_discrete",
]


def condition_name(model: Any) -> str | None:
    """Names what every draw of a conditional model needs.

    Args:
      model: a `GenerativeModel`.

    Returns:
      name: the keyword of `sample`, "label" or "features"; None for an unconditional model.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.abilities import condition_name
      >>> condition_name(tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)) is None
      True
    """
    condition = getattr(model, "condition", None)
    return None if condition is None else condition.name


def condition_spec(model: Any) -> tf.TensorSpec:
    """Says what the condition of a conditional model looks like.

    Args:
      model: a `GenerativeModel` whose `condition_name` is not None.

    Returns:
      spec: shape, batch first, and dtype.
    """
    return model.condition.spec()


def conditions_in_turn(model: Any, n: int) -> dict[str, np.ndarray] | None:
    """Chooses the conditions of samples that nobody chose: all classes in turn.

    Args:
      model: a `GenerativeModel`, or anything that draws.
      n: number of rows.

    Returns:
      keywords: for `sample` and its like: {"label": (n,) int64}, empty for an unconditional model; None where nobody can
        choose, as of features.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.abilities import conditions_in_turn
      >>> conditions_in_turn(tfgen.GatedPixelCNN((4, 4, 1), filters=2, blocks=1, num_classes=3), 4)["label"].tolist()
      [0, 1, 2, 0]
    """
    condition = getattr(model, "condition", None)
    return None if condition is not None and condition.turn(n) is None else in_turn(model, n)


def find_model_class(name: Any) -> Any:
    """Finds a class of `tfgen.models` that can be built, by the name that a recipe or a card calls it.

    Args:
      name: what stands there.

    Returns:
      cls: a final class; None for anything else.

    Example:
      >>> from tfgen.zoo.abilities import find_model_class
      >>> find_model_class("VAE").__name__, find_model_class("AdversarialModel"), find_model_class("__builtins__")
      ('VAE', None, None)
    """
    cls = getattr(models, name, None) if isinstance(name, str) else None
    return cls if inspect.isclass(cls) and issubclass(cls, TrainableModel) and getattr(cls, "__final__", False) else None


def get_medium(model: Any) -> str:
    """Says what a model draws.

    Args:
      model: a `GenerativeModel`, or a class of them.

    Returns:
      medium: "image" or "audio"; what does not say so is taken for one of images.
    """
    return getattr(model, "medium", "image")


def get_likelihood_kind(model: Any) -> str | None:
    """Says what a model knows of its likelihood.

    Args:
      model: a Keras model.

    Returns:
      kind: "exact" (`log_prob`), "bound" (`elbo`, `log_prob_bound`) or None.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.abilities import get_likelihood_kind
      >>> get_likelihood_kind(tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4))
      'bound'
    """
    return getattr(model, "likelihood_kind", None)


def is_discrete(model: Any) -> bool:
    """Tells whether a model's likelihood is a probability: a density's bits depend on the unit of the data.

    Args:
      model: a Keras model.

    Returns:
      answer: False also for a model without likelihood.
    """
    return bool(getattr(getattr(model, "likelihood", None), "discrete", False))


def is_binary(model: Any) -> bool:
    """Tells whether a model's likelihood is one of zeros and ones.

    Args:
      model: a Keras model.

    Returns:
      answer: False also for a model without likelihood.
    """
    return bool(getattr(model, "is_binary", False))


def get_averages(model: Any) -> list[tuple[Any, Any]]:
    """Lists the networks of which a model keeps an average.

    Args:
      model: a `GenerativeModel`.

    Returns:
      pairs: (network, averaged copy); empty without `ema`.
    """
    return [(network, average) for network, average in model.averaged_pairs() if average is not network]
