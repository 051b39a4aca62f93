"""Where the zoo and the serving kit are found: in a clone, and in an installed wheel."""

from __future__ import annotations

import pytest

from tests.house import ROOT
from tfgen import paths

FINDERS = [("zoo", paths.zoo_folder), ("export", paths.export_folder)]


@pytest.mark.parametrize(("name", "find"), FINDERS)
def test_in_this_clone_they_are_beside_the_package(name, find):
    assert find() == ROOT / name
    assert find().is_dir()


@pytest.mark.parametrize(("name", "find"), FINDERS)
def test_in_a_clone_they_are_beside_the_package(name, find, tmp_path, monkeypatch):
    package = tmp_path / "tfgen"
    package.mkdir()
    (tmp_path / name).mkdir()
    monkeypatch.setattr(paths, "_PACKAGE", package)
    assert find() == tmp_path / name


@pytest.mark.parametrize(("name", "find"), FINDERS)
def test_in_a_wheel_they_are_inside_the_package(name, find, tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "tfgen"
    (package / f"_{name}").mkdir(parents=True)
    (tmp_path / "site-packages" / name).mkdir()  # somebody else's package of that name
    monkeypatch.setattr(paths, "_PACKAGE", package)
    assert find() == package / f"_{name}"


@pytest.mark.parametrize(("name", "find"), FINDERS)
def test_the_working_directory_does_not_matter(name, find, tmp_path, monkeypatch):
    before = find()
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert find() == before
    assert find().is_absolute()
