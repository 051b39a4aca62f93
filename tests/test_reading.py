"""Files of somebody else: damaged and hostile ones are one sentence, and cost neither time nor memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tfgen import reading


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"\xff\xfe{}", "byte 0xff at position 0"),
        (b"{", "Expecting property name"),
        (b"[" * 100_000, "RecursionError"),
        (b"[1]", "a list"),
        (b"1" * 5000, "digits"),
    ],
)
def test_json_that_is_none_is_one_sentence(content: bytes, received: str, tmp_path: Path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"Expected numbers.*a.json.*Received: .*{received}") as caught:
        reading.read_json(tmp_path / "a.json", "numbers")
    assert len(str(caught.value)) < 400


def test_a_text_that_is_too_long_is_not_read(tmp_path: Path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="Received: 1099511627776 bytes"):
        reading.read_text(tmp_path / "a.txt", "a recipe")


def weights(shape: tuple[int, ...], **options: object) -> bytes:
    """A file of HDF5 whose array was never written: it is full of zeros that take no place."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_dataset("layers/a/vars/0", shape=shape, dtype="float32", chunks=shape and (1024,), **options)
    return memory.getvalue()


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_weights_that_would_fill_the_memory_are_refused_by_what_they_declare(packed: int, tmp_path: Path):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", weights((2**29,)))
    with pytest.raises(ValueError, match=r"would unpack to 2,147,483,648"):
        reading.check_archive(path)


def test_an_archive_that_would_fill_the_memory_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("config.json", "w") as file:
        for _ in range(2**9):
            file.write(bytes(2**20))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"Expected a .keras file. Received: .*would unpack to 536,870,912"):
        reading.check_archive(path)


def test_what_is_well_or_otherwise_damaged_passes(tmp_path: Path):
    for name, content in {"a": b"", "b": b"PK", "c": b"no zip"}.items():
        (tmp_path / name).write_bytes(content)
        assert reading.check_archive(tmp_path / name) == tmp_path / name
    for content in (b"no HDF5", weights(()), weights((2**20,)), np.random.default_rng(0).bytes(2**20)):
        with zipfile.ZipFile(tmp_path / "d", "w") as archive:
            archive.writestr("model.weights.h5", content)
        reading.check_archive(tmp_path / "d")
