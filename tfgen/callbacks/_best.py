"""Keeps the best model of a training on disk, with the number that makes it the best and how that was computed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

__all__ = ["BestModel"]


class BestModel:
    """`best.keras`, and `best.json` beside it: each is written aside and renamed, so a kill leaves whole files.

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
        if not path.exists():
            return math.nan
        stored = json.loads(path.read_text())
        for name, value in json.loads(json.dumps(self.protocol)).items():
            if stored.get(name) != value:
                raise ValueError(
                    f"{path} holds a number of another protocol, which cannot be compared: score into another directory, or "
                    f"delete it. Expected {name}={value!r}. Received: {name}={stored.get(name)!r}"
                )
        return float(stored["value"])

    def offer(self, model: Any, scores: dict[str, float], epoch: int) -> bool:
        """Saves the model if its number is the best so far; a number that is not finite never is."""
        value = scores[self.protocol["metric"]]
        better = value > self.value if self.largest else value < self.value
        if not math.isfinite(value) or not (better or math.isnan(self.value)):
            return False
        self.value = value
        aside = self.directory / f".{os.getpid()}-best.keras"
        try:
            model.save(aside)
            checksum = hashlib.sha256(aside.read_bytes()).hexdigest()
            os.replace(aside, self.directory / "best.keras")
        finally:
            aside.unlink(missing_ok=True)
        kept = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        found = {**self.protocol, "value": value, "epoch": epoch, "scores": kept, "model_sha256": checksum}
        self._write(json.dumps(found, indent=2) + "\n")
        return True

    def _write(self, text: str) -> None:
        aside = self.directory / f".{os.getpid()}-best.json"
        try:
            aside.write_text(text)
            os.replace(aside, self.directory / "best.json")
        finally:
            aside.unlink(missing_ok=True)
