"""A tiny trained entry for the commands, and a way to run them in a process of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.house import ROOT
from tests.zoo.tiny import recipe_values, write_recipe
from tfgen import zoo


def pytest_itemcollected(item: pytest.Item) -> None:
    """Runs in one process what shares the trained entry, whatever its file."""
    if "entry" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.group("the commands' tiny entry"))


@pytest.fixture(scope="session")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE's entry, trained for a moment."""
    folder = tmp_path_factory.mktemp("cli")
    recipe = write_recipe(folder / "recipe", recipe_values("latent", name="tiny-vae"))
    zoo.fit_recipe(recipe, folder / "training")
    return zoo.pack(recipe, folder / "training", folder / "tiny-vae")


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Starts `python ...` in `tmp_path`, as a user would who has the library on the path; stops it when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_CPP")}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # where the tests themselves run in the background, Ctrl-C is ignored, and children inherit that
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


Start = Callable[..., "subprocess.Popen[str]"]
