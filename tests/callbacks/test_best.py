"""The best model and its number are of the same moment, whoever is killed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.kills import each_kill
from tfgen.callbacks._best import BestModel

PROTOCOL = {"metric": "distance", "n": 3}


class Content:
    """What saves itself as a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def save(self, path: Path) -> None:
        path.write_text(self.text)


def offer(folder: Path, value: float) -> bool:
    return BestModel(folder, PROTOCOL, largest=False).offer(Content(f"model {value}"), {"distance": value}, epoch=1)


def test_a_kill_at_any_moment_leaves_a_model_and_its_own_number(tmp_path: Path):
    def start() -> None:
        (tmp_path / "best.json").unlink(missing_ok=True)
        offer(tmp_path, 2.0)

    seen = []
    for _ in each_kill(lambda: offer(tmp_path, 1.0), start):
        best = BestModel(tmp_path, PROTOCOL, largest=False)  # the training that goes on
        seen.append(best.value)
        stored = json.loads((tmp_path / "best.json").read_text())
        assert (tmp_path / "best.keras").read_text() == f"model {best.value}"
        assert stored["model_sha256"] == hashlib.sha256((tmp_path / "best.keras").read_bytes()).hexdigest()
    assert seen == sorted(seen, reverse=True) and set(seen) == {1.0, 2.0}
    assert not offer(tmp_path, 1.5) and offer(tmp_path, 0.5)
    assert sorted(os.listdir(tmp_path)) == ["best.json", "best.keras"]


@pytest.mark.parametrize("text", ["{", "[]", '{"metric": "distance", "n": 3}', '{"metric": "distance", "n": 3, "value": "a"}'])
def test_a_number_that_is_none_is_one_sentence(text: str, tmp_path: Path):
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(ValueError, match=r"Expected the best number so far in .*best.json"):
        BestModel(tmp_path, PROTOCOL, largest=False)
