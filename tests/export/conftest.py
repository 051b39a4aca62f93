"""One small exported model for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfgen.export import saved_model

from .small_model import SmallModel


@pytest.fixture(scope="session")
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture(scope="session")
def exported(model: SmallModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of version 1."""
    return saved_model(model, tmp_path_factory.mktemp("exported") / "small-model")
