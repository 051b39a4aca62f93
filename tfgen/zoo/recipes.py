"""Recipes: everything that training a zoo model again takes, as data. YAML is read with the safe loader and never executed."""

from __future__ import annotations

import difflib
import inspect
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tfgen import checks, models, reading
from tfgen import precision as formats
from tfgen.zoo.abilities import find_model_class
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
_SCALAR = (str, int, float)
_INNER = {
    "model": {"class": str, "arguments": dict},
    "data": {"name": str, "split": str, "view": str, "labels": bool, "image_size": (int, list)},
    "paper": {"authors": str, "year": int, "title": str, "arxiv": _SCALAR},
    "evaluation": {"split": str, "view": str, "num_samples": int, "seed": int, "n": int},
}
_LISTED = {"tags": str, "limits": str, "reference": dict}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label: it names folders, and what servers call a model
_LARGEST, _DEEPEST = 10_000, 20  # values of a recipe, and how they may be nested: a few lines of aliases can stand for millions

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
        cls = find_model_class(_RENAMED.get(name, name))
        return cls if cls is not None else _unknown(name, models.__all__, "model class")

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


def _lookup(module: Any, name: Any, kind: type, what: str) -> Any:
    """Finds a class of a module, and nothing else that stands there."""
    cls = getattr(module, name, None) if isinstance(name, str) else None
    known = inspect.isclass(cls) and issubclass(cls, kind) and cls is not kind
    return cls if known else _unknown(name, dir(module), what)


def _unknown(name: Any, known: list[str], what: str) -> Any:
    near = difflib.get_close_matches(str(name), known, 1)
    raise ValueError(f"Unknown {what}{': did you mean ' + near[0] + '?' if near else '.'} Received: {name!r:.100}")


def _make_optimizer(spec: dict[str, Any], path: Path) -> Any:
    settings = dict(spec)
    rate = settings.get("learning_rate")
    try:
        if isinstance(rate, dict):
            rate, schedules = dict(rate), keras.optimizers.schedules
            schedule = _lookup(schedules, rate.pop("schedule", None), schedules.LearningRateSchedule, "schedule")
            settings["learning_rate"] = schedule(**rate)
        return _lookup(keras.optimizers, settings.pop("class", None), keras.optimizers.Optimizer, "optimizer")(**settings)
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
    text = reading.read_text(path, "YAML")
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected YAML in {path}. Received: {type(error).__name__}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"Expected a YAML mapping in {path}. Received: {type(values).__name__}")
    _check_size(values, path)
    _check_values(values, path)
    return Recipe(values, path)


def _check_size(values: dict[str, Any], path: Path) -> None:
    """Counts the values, those that aliases repeat included."""
    left: list[tuple[Any, int]] = [(values, 1)]
    count = 0
    while left:
        value, depth = left.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        count += len(inner)
        if count > _LARGEST or depth > _DEEPEST:
            raise ValueError(f"Expected at most {_LARGEST} values in {path}, nested {_DEEPEST} deep. Received: more")
        left += [(each, depth + 1) for each in inner]


def _check_values(values: dict[str, Any], path: Path) -> None:
    """Refuses a key that is unknown or missing, and a value of the wrong type."""
    _check_keys(values, set(_KEYS), str(path))
    missing = sorted(set(_KEYS) - _OPTIONAL - set(values))
    if missing:
        raise ValueError(f"Expected all of the recipe's keys in {path}. Received: no {', '.join(missing)}")
    for key, value in values.items():
        _check_kind(value, _KEYS[key], key, path)
        if key in _INNER:
            _check_keys(value, set(_INNER[key]), f"`{key}` of {path}")
            missing = sorted(_REQUIRED[key] - set(value))
            if missing:
                raise ValueError(
                    f"Expected `{key}` in {path} to hold {', '.join(sorted(_REQUIRED[key]))}. Received: no {missing[0]}"
                )
            for name, inner in value.items():
                _check_kind(inner, _INNER[key][name], f"{key}.{name}", path)
        for inner in value if key in _LISTED else ():
            _check_kind(inner, _LISTED[key], f"{key}", path)
        for name, inner in value.items() if key == "optimizers" else ():
            _check_kind(inner, dict, f"{key}.{name}", path)
        if isinstance(value, int) and value < (0 if key == "seed" else 1):
            raise ValueError(f"Expected `{key}` in {path} to be positive. Received: {key}={value}")
    if not _NAME.fullmatch(values["name"]):
        raise ValueError(
            f"Expected `name` in {path} to be at most 63 lower-case letters, digits and hyphens, with a letter or digit at both "
            f"ends: folders and servers are called so. Received: name={values['name']!r:.100}"
        )


def _check_kind(value: Any, kinds: Any, name: str, path: Path) -> None:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"Expected `{name}` in {path} to be {wanted}. Received: {name}={value!r:.100}")
