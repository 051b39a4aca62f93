"""A folder of pictures as a data set."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfgen.data import at_position, class_names, folder, from_folder, prepared


@pytest.fixture
def zoo(tmp_path):
    """Six pictures of two classes, several sizes, formats and modes; each of one grey level."""
    for name in ("dog", "cat", ".hidden"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (8, 8), (10, 10, 10)).save(tmp_path / "cat" / "a.png")
    Image.new("L", (12, 6), 20).save(tmp_path / "cat" / "b.bmp")
    Image.new("RGB", (9, 17), (30, 30, 30)).save(tmp_path / "cat" / "c.JPG", quality=95)
    Image.new("RGBA", (8, 8), (40, 40, 40, 255)).save(tmp_path / "dog" / "a.png")
    Image.fromarray(np.full((8, 8), 50 * 257, np.uint16)).save(tmp_path / "dog" / "b.png")
    Image.new("P", (8, 8), 0).save(tmp_path / "dog" / "c.png")
    Image.new("L", (8, 8)).save(tmp_path / ".hidden" / "d.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


LEVELS = [10, 20, 30, 40, 50, 0]
LABELS = [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_kind_are_read_in_order(zoo, channels):
    [(images, labels)] = from_folder(zoo, image_size=4, channels=channels, labels=True, shuffle=False)
    assert images.shape == (6, 4, 4, channels)
    levels = np.round(images.numpy() * 255).astype(int)
    assert (levels == np.array(LEVELS).reshape(6, 1, 1, 1)).all()
    assert labels.numpy().tolist() == LABELS
    assert class_names(zoo) == ["cat", "dog"]


def test_the_centre_is_cut_out(tmp_path):
    picture = np.zeros((4, 12), np.uint8)
    picture[:, 4:8] = 200
    Image.fromarray(picture).save(tmp_path / "wide.png")
    [images] = from_folder(tmp_path, image_size=(4, 4), channels=1)
    np.testing.assert_allclose(images.numpy() * 255, 200, atol=1e-3)


def test_a_large_folder_reads_what_a_small_one_reads(zoo, monkeypatch):
    options = {"image_size": 4, "labels": True, "batch_size": 4, "view": "binarized"}
    for epoch, skip in ((0, 0), (1, 0), (1, 1)):
        results = []
        for limit in (2**30, 0):
            monkeypatch.setattr(prepared, "MEMORY_LIMIT", limit)
            results.append(list(at_position(from_folder(zoo, **options), epoch, skip).as_numpy_iterator()))
        assert len(results[0]) == len(results[1]) == 2 - skip
        for (images, labels), (others, classes) in zip(*results, strict=True):
            np.testing.assert_array_equal(images, others)
            np.testing.assert_array_equal(labels, classes)


def test_a_flat_folder_needs_no_classes(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.png")
    [images] = from_folder(tmp_path, image_size=4)
    assert images.shape == (1, 4, 4, 3)
    with pytest.raises(ValueError, match=r"every file inside a subfolder named after its class. Received: a.png directly in"):
        from_folder(tmp_path, image_size=4, labels=True)


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_a_damaged_picture_is_named(zoo, content):
    file = zoo / "cat" / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:100] if content is None else content)
    with pytest.raises(
        ValueError, match=r"Expected a picture that can be read. Received: .*cat/a.png: .* Mend or remove the file"
    ):
        from_folder(zoo, image_size=4)


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"path": "/nowhere"}, FileNotFoundError, "path='/nowhere', which is no folder"),
        ({"channels": 2}, ValueError, "`channels` must be one of 1, 3, 4. Received: channels=2"),
        ({"image_size": None}, ValueError, "try image_size=64"),
        ({"image_size": -4}, ValueError, "`image_size` must be an integer of at least 1. Received: image_size=-4"),
        ({"view": "bits"}, ValueError, "Received: view='bits'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(zoo, options, kind, sentence):
    options = {"path": zoo, "image_size": 4, **options}
    with pytest.raises(kind, match=sentence):
        from_folder(options.pop("path"), **options)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected a folder with pictures"):
        from_folder(tmp_path, image_size=4)


def test_reading_large_folders_uses_the_limit_of_the_moment(zoo, monkeypatch):
    monkeypatch.setattr(prepared, "MEMORY_LIMIT", 0)
    dataset = folder.from_folder(zoo, image_size=4, shuffle=False)
    (zoo / "cat" / "a.png").write_bytes(b"damaged later")
    with pytest.raises(Exception, match="Expected a picture that can be read"):
        list(dataset)
