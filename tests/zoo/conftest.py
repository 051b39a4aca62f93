"""One tiny trained entry of each family, for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.tiny import FAMILIES, recipe_values, write_recipe
from tfgen import zoo


def pytest_itemcollected(item: pytest.Item) -> None:
    """Runs in one process what shares the trained entries, whatever its file."""
    if "trained" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.group("the zoo's tiny entries"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Family -> (entry's folder, the model as it came out of training, with its average)."""
    found = {}
    for family in FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        recipe = write_recipe(folder / "recipe", recipe_values(family))
        model = zoo.fit_recipe(recipe, folder / "training")
        found[family] = zoo.pack(recipe, folder / "training", folder / "entry"), model
    return found


@pytest.fixture
def entry(trained: dict[str, tuple[Path, Any]], tmp_path: Path) -> Callable[[str], Path]:
    """Copies a family's entry, for a test to spoil."""

    def copied(family: str = "autoregressive") -> Path:
        return Path(shutil.copytree(trained[family][0], tmp_path / family))

    return copied
