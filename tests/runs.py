"""Runs pytest, with the plugins of these tests, over a few tests written for the occasion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.house import ROOT

SETTINGS = """
[tool.pytest.ini_options]
testpaths = ["small"]
addopts = "-q -p no:cacheprovider --dist loadscope --no-loadscope-reorder"
markers = ["slow: takes minutes"]
"""


def write_tests(folder: Path, **files: str) -> None:
    """Writes test files into a tree of their own."""
    (folder / "small").mkdir()
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "small" / "conftest.py").write_text('pytest_plugins = ("tests.ledger", "tests.groups", "tests.rota")\n')
    for name, text in files.items():
        (folder / "small" / f"{name}.py").write_text(text)


def run(folder: Path, *arguments: str) -> str:
    """Runs the tests of a tree; returns what was printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
