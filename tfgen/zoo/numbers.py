"""A number and what it means: its unit, kind, data, protocol and tolerance. One without them is not a number of the zoo."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.metrics import features

__all__ = ["check_number", "make_number"]

# Another processor rounds float32 differently. A mean over a test set moves by about a thousandth of a nat, one pixel of a
# deep network by some 1e-5; the tolerances leave room for ten times that, and a wrong weight file misses them by far. Measures of
# samples move with each pixel that flips: their tolerances are shares of what they usually are.
_TOLERANCE = {
    "nats": 0.02,
    "bits/dim": 1e-4,
    "value in [0, 1]": 1e-3,
    "value in [-1, 1]": 1e-3,
    "value": 1e-3,
    "probability": 1e-3,
    "squared feature distance": 0.02,
    "kernel distance": 1e-4,
    "share": 5e-3,
    "spheres a sample": 0.02,
    "standard deviations": 0.5,
    "similarity": 5e-3,
    "nats a sample": 0.02,
    "modes": 2,
}
_NUMBER = (int, float)
_KINDS = {
    **dict.fromkeys(("metric", "unit", "kind", "protocol", "hardware", "command"), str),
    **dict.fromkeys(("n", "num_samples"), int),
    **dict.fromkeys(("versions", "extractor"), dict),
    "value": (*_NUMBER, list),
    "tolerance": _NUMBER,
    "std": (*_NUMBER, type(None)),
    "split": (str, type(None)),
    "seed": (int, type(None)),
    "data_sha256": (str, type(None)),
}
_WANTED = ("metric", "value", "unit", "kind", "n", "protocol", "tolerance", "hardware", "versions")


def make_number(metric: str, value: Any, unit: str, kind: str, protocol: str, **more: Any) -> dict[str, Any]:
    """Makes one number of a card.

    Args:
      metric: its name.
      value: a number, or a list of numbers.
      unit: one of the units with a tolerance.
      kind: "exact", "lower bound", "upper bound", "estimate", "moment of samples" or "pinned".
      protocol: how it was computed, in one sentence.
      **more: split, n, seed, std, data_sha256, extractor, num_samples (K of a bound), or another tolerance.

    Returns:
      number: a dict for `metrics.json`.
    """
    entry = {"metric": metric, "value": value, "unit": unit, "kind": kind, "split": None, "n": None, "seed": None}
    return {**entry, "protocol": protocol, "tolerance": _TOLERANCE[unit], "data_sha256": None, **more}


def check_number(number: Any, where: str) -> None:
    """Refuses a number without its protocol, and one that was computed in another feature space than the frozen one.

    Args:
      number: an entry of `metrics.json`.
      where: what the message calls its file.

    Raises:
      ValueError: something is missing or wrong.

    Example:
      >>> from tfgen.zoo.numbers import check_number
      >>> check_number({"metric": "fid", "value": 3.1}, "metrics.json")
      Traceback (most recent call last):
      ...
      ValueError: Expected every number of metrics.json with its unit, kind, n, protocol, tolerance, hardware, versions. ...
    """
    wanted = (*_WANTED, "num_samples") if isinstance(number, dict) and "bound" in str(number.get("kind")) else _WANTED
    missing = [key for key in wanted if not isinstance(number, dict) or number.get(key) in (None, "", {})]
    if missing:
        raise ValueError(
            f"Expected every number of {where} with its {', '.join(_WANTED[2:])}. Measure it again with `tfgen verify --update`. "
            f"Received: {number.get('metric', number) if isinstance(number, dict) else number} without {missing[0]}"
        )
    wrong = next((key for key, kinds in _KINDS.items() if key in number and not isinstance(number[key], kinds)), None)
    values = number["value"] if isinstance(number["value"], list) else [number["value"]]
    if wrong or not all(isinstance(value, _NUMBER) for value in values):
        wrong = wrong or "value"
        raise ValueError(f"Expected numbers of the zoo in {where}. Received: {wrong}={number[wrong]!r:.100}")
    if not np.isfinite(np.asarray(values, np.float64)).all():
        raise ValueError(f"Expected finite numbers in {where}. Received: {number['metric']}={number['value']}")
    extractor = number.get("extractor")
    if extractor is not None and extractor.get("sha256") != features.CLASSIFIER_SHA256:
        raise ValueError(
            f"Expected every distance of {where} in the feature space of {features.CLASSIFIER}, sha256 "
            f"{features.CLASSIFIER_SHA256}: one in another space cannot be compared with it. Measure it again with `tfgen verify "
            f"--update`. Received: {number['metric']} with {extractor}"
        )
