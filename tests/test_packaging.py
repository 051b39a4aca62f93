"""Builds the wheel from a clean copy of the tree, installs it in a fresh environment and uses it from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INGREDIENTS = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
FOLDERS = ("tfgen", "zoo", "export", "tests", "benchmarks")
LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.py[cod]", "*.egg-info", "*.tmp")


def run(*command: str | Path, folder: Path) -> str:
    """Runs a command in a folder, without this clone on any path; returns its output, or fails with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP"))}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(source: Path, folder: Path) -> Path:
    """Builds without the network: setuptools and wheel come from this environment."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder / "wheels", source, folder=folder)
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with nothing in it that git would not know."""
    folder = tmp_path_factory.mktemp("tree")
    for name in INGREDIENTS:
        shutil.copy(ROOT / name, folder / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFTOVERS)
    return folder


@pytest.fixture(scope="module")
def content(tree: Path) -> dict[str, set[str]]:
    """The files of the tree by folder, listed before a build can add any."""
    return {name: files_under(tree / name) for name in FOLDERS}


@pytest.fixture(scope="module")
def wheel(tree: Path, content: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tree, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, which sees the libraries of this one behind its own."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file comes after the environment's own packages, and .pth files inside it are not read, so neither an
    # installed nor an editable tfgen of this environment can stand in for the wheel's.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")
    return folder


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheels_only_top_level_name_is_tfgen(wheel: Path):
    assert wheel.name.startswith("tfgen_zoo-")
    tops = {name.split("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tfgen"}
    assert len(tops) == 2


@pytest.mark.parametrize(("folder", "place"), [("tfgen", "tfgen"), ("zoo", "tfgen/_zoo"), ("export", "tfgen/_export")])
def test_the_wheel_carries_every_file(wheel: Path, content: dict[str, set[str]], folder: str, place: str):
    assert content[folder], f"{folder}/ is empty"
    assert {f"{place}/{name}" for name in content[folder]} - names_in(wheel) == set()


def test_the_wheel_carries_nothing_else(wheel: Path, content: dict[str, set[str]]):
    expected = {f"tfgen/{name}" for name in content["tfgen"]}
    expected |= {f"tfgen/_{folder}/{name}" for folder in ("zoo", "export") for name in content[folder]}
    assert {name for name in names_in(wheel) if ".dist-info/" not in name} == expected


def test_the_source_distribution_builds_the_same_wheel(tree: Path, wheel: Path, tmp_path: Path):
    hook = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", hook, tmp_path, folder=tree)
    (sdist,) = tmp_path.glob("*.tar.gz")
    again = build_wheel(sdist, tmp_path)
    assert again.name == wheel.name
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        sums = [
            {entry.filename: entry.CRC for entry in archive.infolist() if "RECORD" not in entry.filename}
            for archive in (first, second)
        ]
    assert sums[0] == sums[1]


def test_the_installed_package_is_the_one_that_is_imported(environment: Path, tmp_path: Path):
    lines = "import tfgen; print(tfgen.__file__); print(*tfgen.zoo.names()); print(tfgen.paths.export_folder())"
    where, names, kit = run(environment / "bin" / "python", "-c", lines, folder=tmp_path).splitlines()
    assert Path(where).is_relative_to(environment)
    assert Path(kit).is_relative_to(environment)
    assert names.split() == sorted(path.parent.name for path in (ROOT / "zoo").glob("*/recipe.yaml"))
    assert names.split()


def test_the_command_is_installed(environment: Path, tmp_path: Path):
    printed = run(environment / "bin" / "tfgen", "list", folder=tmp_path)
    for recipe in (ROOT / "zoo").glob("*/recipe.yaml"):
        assert recipe.parent.name in printed


def test_the_requirements_are_bounded(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    requirements = {
        line.split()[1].split("<")[0].split(">")[0].split(";")[0]: line for line in lines if line.startswith("Requires-Dist:")
    }
    for name in ("tensorflow", "keras", "tensorflow-probability[tf]", "tensorflow-serving-api"):
        assert "<" in requirements[name] and ">=" in requirements[name], requirements
    assert "Requires-Python: >=3.11" in lines
