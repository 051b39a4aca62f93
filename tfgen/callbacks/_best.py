"""Keeps the best model of a training on disk, with the number that makes it the best and how that was computed."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from tfgen import reading, writing

__all__ = ["BestModel"]


class BestModel:
    """`best.keras`, and `best.json` beside it: both are of the same moment, whoever is killed.

    Args:
      directory: where both live.
      protocol: what fixes the number: two numbers of different protocols are never compared.
      largest: whether more is better.
    """

    def __init__(self, directory: Path, protocol: dict[str, Any], largest: bool) -> None:
        self.directory, self.protocol, self.largest = directory, protocol, largest
        self.value = self._stored()

    def _stored(self) -> float:
        """Reads back the best number so far, for a training that goes on."""
        path = self.directory / "best.json"
        with writing.settled(self.directory):
            stored = (
                reading.read_json(path, "the best number so far") if path.exists() else {"value": math.nan, **self.protocol}
            )
        for name, value in json.loads(json.dumps(self.protocol)).items():
            if stored.get(name) != value:
                raise ValueError(
                    f"{path} holds a number of another protocol, which cannot be compared: score into another directory, or "
                    f"delete it. Expected {name}={value!r}. Received: {name}={stored.get(name)!r}"
                )
        value = stored.get("value")
        if not isinstance(value, (int, float)):
            raise ValueError(f"Expected the best number so far in {path}; delete it to begin anew. Received: value={value!r}")
        return float(value)

    def offer(self, model: Any, scores: dict[str, float], epoch: int) -> bool:
        """Saves the model if its number is the best so far; a number that is not finite never is."""
        value = scores[self.protocol["metric"]]
        better = value > self.value if self.largest else value < self.value
        if not math.isfinite(value) or not (better or math.isnan(self.value)):
            return False
        kept = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        with writing.whole_files(self.directory) as aside:
            model.save(aside / "best.keras")
            checksum = hashlib.sha256((aside / "best.keras").read_bytes()).hexdigest()
            found = {**self.protocol, "value": value, "epoch": epoch, "scores": kept, "model_sha256": checksum}
            writing.write_json(aside / "best.json", found)
        self.value = value
        return True
