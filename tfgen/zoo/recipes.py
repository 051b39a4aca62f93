"""Recipes: everything that training a zoo model again takes, as data. YAML is read with the safe loader and never executed."""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfgen import checks, models
from tfgen import precision as formats
from tfgen.zoo.entries import locate
from tfgen.zoo.protocols import Protocol

__all__ = ["Recipe", "read_recipe"]

_KEYS = {
    "name": str,
    "system": str,
    "description": str,
    "paper": dict,
    "model": dict,
    "optimizers": dict,
    "data": dict,
    "batch_size": int,
    "epochs": int,
    "precision": str,
    "seed": int,
    "tags": list,
    "licence": str,
    "limits": list,
    "evaluation": dict,
    "reference": list,
}
_OPTIONAL = {"tags", "limits", "reference"}
_REQUIRED = {"model": {"class", "arguments"}, "data": {"name", "split"}, "paper": {"title"}, "evaluation": {"split"}}
_INNER = {
    "model": {"class", "arguments"},
    "data": {"name", "split", "view", "labels", "image_size"},
    "paper": {"authors", "year", "title", "arxiv"},
    "evaluation": {"split", "view", "num_samples", "seed", "n"},
}


_RENAMED = {"image_classifier": "Classifier"}  # class names of older recipes


@dataclass(frozen=True)
class Recipe:
    """A recipe, checked.

    Args:
      values: the YAML file's content.
      path: the file it came from.

    Example:
      >>> import tfgen
      >>> recipe = tfgen.zoo.read_recipe("vae-fashion-mnist")
      >>> recipe.values["model"]["class"]
      'VAE'
    """

    values: dict[str, Any]
    path: Path

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def steps_per_epoch(self, examples: int) -> int:
        """Counts the steps of one epoch.

        Args:
          examples: size of the training set.

        Returns:
          steps: a short last batch included.
        """
        return math.ceil(examples / self["batch_size"])

    @property
    def model_class(self) -> Any:
        """The class of `tfgen.models` that it names."""
        name = self["model"]["class"]
        return _lookup(models, _RENAMED.get(name, name), "model class")

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of that class; recipes of the old name of classifiers did not say that images are varied."""
        varied = {"augment": True} if self["model"]["class"] in _RENAMED else {}
        return {**varied, **self["model"]["arguments"]}

    def build(self, *, precision: str | None = None) -> Any:
        """Builds the untrained model, compiled with the recipe's optimizers, its initial weights fixed by the recipe's seed.

        Args:
          precision: "auto", "float32", "mixed_bfloat16" or "mixed_float16"; None takes the recipe's.

        Returns:
          model: a concrete `GenerativeModel`, or a `Classifier`.

        Raises:
          ValueError: the recipe names an unknown class, or an argument is wrong.
        """
        cls, arguments = self.model_class, self.arguments
        _check_keys(arguments, {*cls.arguments, "seed", "ema", "name"}, f"`model.arguments` of {self.path}")
        keras.utils.set_random_seed(self["seed"])
        policy = formats.fastest_policy(precision or self["precision"])
        try:
            model = cls(**arguments, dtype=policy)
        except TypeError as error:
            raise ValueError(f"{self.path}: the arguments of {cls.__name__} do not fit. Received: {error}") from error
        model.compile(**self.optimizers())
        return model

    def protocol(self) -> Protocol:
        """Says on which data the model's numbers are computed.

        Returns:
          protocol: from `evaluation`, and from `data` what is not said there.
        """
        data, evaluation = self["data"], self["evaluation"]
        return Protocol(
            data=data["name"],
            split=evaluation["split"],
            view=evaluation.get("view", data.get("view", "8bit")),
            image_size=data.get("image_size"),
            num_samples=evaluation.get("num_samples", 100),
            seed=evaluation.get("seed", 0),
            n=evaluation.get("n", 10_000),
        )

    def optimizers(self) -> dict[str, Any]:
        """Makes the recipe's optimizers, by `compile`'s keyword.

        Returns:
          optimizers: keyword -> a fresh Keras optimizer.

        Raises:
          ValueError: an unknown optimizer, schedule or setting.
        """
        return {name: _make_optimizer(spec, self.path) for name, spec in self["optimizers"].items()}


def _lookup(module: Any, name: str, what: str) -> Any:
    if not isinstance(name, str) or not hasattr(module, name):
        near = difflib.get_close_matches(str(name), dir(module), 1)
        raise ValueError(f"Unknown {what}{': did you mean ' + near[0] + '?' if near else '.'} Received: {name!r}")
    return getattr(module, name)


def _make_optimizer(spec: dict[str, Any], path: Path) -> Any:
    settings = dict(spec)
    rate = settings.get("learning_rate")
    try:
        if isinstance(rate, dict):
            rate = dict(rate)
            settings["learning_rate"] = _lookup(keras.optimizers.schedules, rate.pop("schedule", None), "schedule")(**rate)
        return _lookup(keras.optimizers, settings.pop("class", None), "optimizer")(**settings)
    except TypeError as error:
        raise ValueError(f"{path}: an optimizer's settings do not fit. Received: {spec}: {error}") from error


def _check_keys(values: dict[str, Any], known: set[str], where: str) -> None:
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), sorted(known), 1)
            hint = f" Did you mean `{near[0]}`?" if near else f" Known keys: {sorted(known)}."
            raise ValueError(f"Unknown key in {where}.{hint} Received: {key}")


def read_recipe(source: str | os.PathLike[str]) -> Recipe:
    """Reads and checks a recipe.

    Args:
      source: a zoo name, a folder that holds `recipe.yaml`, or a YAML file's path.

    Returns:
      recipe: its content, checked.

    Raises:
      FileNotFoundError: there is no such recipe; the nearest zoo name is suggested.
      ValueError: the file is no YAML mapping, a key is unknown or missing, or a value has the wrong type.

    Example:
      >>> import tfgen
      >>> tfgen.zoo.read_recipe("vae-fashion-mnist")["batch_size"] > 0
      True
    """
    import yaml

    path = checks.path(source, "source")
    if path.suffix not in (".yaml", ".yml"):
        path = locate(source) / "recipe.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"Expected a zoo name, a folder with recipe.yaml, or a YAML file. Received: {source}")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"Expected YAML in {path}. Received: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"Expected a YAML mapping in {path}. Received: {type(values).__name__}")
    _check_values(values, path)
    return Recipe(values, path)


def _check_values(values: dict[str, Any], path: Path) -> None:
    """Refuses a key that is unknown or missing, and a value of the wrong type."""
    _check_keys(values, set(_KEYS), str(path))
    missing = sorted(set(_KEYS) - _OPTIONAL - set(values))
    if missing:
        raise ValueError(f"Expected all of the recipe's keys in {path}. Received: no {', '.join(missing)}")
    for key, value in values.items():
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise ValueError(f"Expected `{key}` in {path} to be {_KEYS[key].__name__}. Received: {key}={value!r}")
        if key in _INNER:
            _check_keys(value, _INNER[key], f"`{key}` of {path}")
            missing = sorted(_REQUIRED[key] - set(value))
            if missing:
                raise ValueError(
                    f"Expected `{key}` in {path} to hold {', '.join(sorted(_REQUIRED[key]))}. Received: no {missing[0]}"
                )
        if isinstance(value, int) and value < (0 if key == "seed" else 1):
            raise ValueError(f"Expected `{key}` in {path} to be positive. Received: {key}={value}")
