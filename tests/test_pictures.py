"""Grids of images, neighbours, points, training curves, and the files they are written to."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfgen.pictures import envelopes, grid, save_curves, save_grid, save_neighbours, save_points


def numbered(n, height=2, width=3, channels=1):
    """Images of one grey value each: 0, 1/255, 2/255 and so on."""
    return np.broadcast_to(np.arange(n).reshape(n, 1, 1, 1) / 255, (n, height, width, channels))


def test_a_grid_by_hand():
    picture = grid(numbered(3), columns=2)
    gap = 128
    expected = [
        [0, 0, 0, gap, 1, 1, 1],
        [0, 0, 0, gap, 1, 1, 1],
        [gap] * 7,
        [2, 2, 2, gap, gap, gap, gap],
        [2, 2, 2, gap, gap, gap, gap],
    ]
    assert picture.dtype == np.uint8
    assert picture[..., 0].tolist() == expected


def test_what_lies_between_images_with_alpha_is_opaque():
    assert grid(np.zeros((2, 1, 1, 4)))[0].tolist() == [[0, 0, 0, 0], [128, 128, 128, 255], [0, 0, 0, 0]]


@pytest.mark.parametrize(("n", "shape"), [(1, (2, 3)), (2, (2, 7)), (4, (5, 7)), (5, (5, 11)), (9, (8, 11)), (10, (8, 15))])
def test_a_grid_is_about_square(n, shape):
    assert grid(numbered(n)).shape == (*shape, 1)


def test_columns_and_gaps_are_as_asked():
    assert grid(numbered(4), columns=4, gap=0)[0, :, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert grid(numbered(4), columns=1, gap=3).shape == (4 * 2 + 3 * 3, 3, 1)
    assert grid(numbered(2), columns=5).shape == (2, 5 * 3 + 4, 1)


def test_values_are_rounded_to_levels_and_cut_off_beyond_the_range():
    row = np.array([-1.0, 0.0, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 1.0, 7.0], np.float32).reshape(1, 1, 7, 1)
    assert grid(row)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]
    levels = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 255
    np.testing.assert_array_equal(grid(levels)[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_file_holds_the_grids_pixels(channels, tmp_path):
    images = np.random.default_rng(0).random((5, 4, 3, channels))
    path = save_grid(images, tmp_path / "new" / "folder" / "grid.png", columns=2, zoom=3)
    assert path == tmp_path / "new" / "folder" / "grid.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", {1: "L", 3: "RGB", 4: "RGBA"}[channels])
        pixels = np.asarray(picture).reshape(*np.asarray(picture).shape[:2], channels)
    expected = grid(images, columns=2)
    np.testing.assert_array_equal(pixels[::3, ::3], expected)
    np.testing.assert_array_equal(pixels, expected.repeat(3, 0).repeat(3, 1))


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path):
    save_grid(numbered(4), tmp_path / "grid.png")
    save_grid(numbered(1), str(tmp_path / "grid.png"), zoom=1)
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (3, 2)


def test_a_failure_leaves_what_was_there(tmp_path):
    (tmp_path / "grid.png").mkdir()  # no file can take the place of a folder
    with pytest.raises(OSError):
        save_grid(numbered(1), tmp_path / "grid.png")
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    old = save_grid(numbered(1), tmp_path / "old.png").read_bytes()
    with pytest.raises(ValueError):
        save_grid(numbered(1, channels=2), tmp_path / "old.png")
    assert (tmp_path / "old.png").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.png", "old.png"]


@pytest.mark.parametrize("function", [grid, lambda images: save_grid(images, "never-written.png")])
@pytest.mark.parametrize(
    ("images", "received"),
    [(np.zeros((3, 4, 1)), r"shape \(3, 4, 1\)"), (np.zeros((0, 4, 4, 1)), r"shape \(0, 4, 4, 1\)")],
)
def test_what_is_no_batch_of_images_is_refused(function, images, received):
    with pytest.raises(ValueError, match=f"at least one. Received: {received}"):
        function(images)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [({"columns": 0}, "columns=0"), ({"columns": -2}, "columns=-2"), ({"zoom": 0}, "zoom=0")],
)
def test_sizes_below_one_are_refused(arguments, received, tmp_path):
    with pytest.raises(ValueError, match=f"at least 1. Received: {received}"):
        save_grid(numbered(4), tmp_path / "grid.png", **arguments)
    assert not list(tmp_path.iterdir())


def test_channels_that_no_picture_has_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1, 3 or 4 channels. Received: 2 channels"):
        save_grid(numbered(1, channels=2), tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn_one_for_each_column(tmp_path):
    log = tmp_path / "history.csv"
    sizes = []
    for text in ("epoch,loss\n0,2.0\n1,1.0\n", "epoch,kl,loss\n0,1.0,2.0\n1,NA,1.5\n2,0.5,1.0\n"):
        log.write_text(text)
        path = save_curves(log, tmp_path / "new" / "curves.png")
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert np.asarray(picture.convert("L")).std() > 1  # something stands on the white
            sizes.append(picture.size)
    assert sizes[1] == (2 * sizes[0][0], sizes[0][1])
    assert [found.name for found in (tmp_path / "new").iterdir()] == ["curves.png"]


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch\n0\n", "step,loss\n0,1.0\n"])
def test_a_log_without_curves_is_refused(text, tmp_path):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=r"Expected a log with a column `epoch`.*Received: .*history\.csv"):
        save_curves(tmp_path / "history.csv", tmp_path / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sample_stands_left_of_its_neighbours(channels, tmp_path):
    samples = numbered(3, channels=channels)
    neighbours = (numbered(12, channels=channels) + 10 / 255).reshape(3, 4, 2, 3, channels)
    path = save_neighbours(samples, neighbours, tmp_path / "new" / "neighbours.png", zoom=2)
    with Image.open(path) as picture:
        assert picture.mode == ("L" if channels == 1 else "RGB")
        pixels = np.asarray(picture)[::2, ::2].reshape(8, -1, channels)
    np.testing.assert_array_equal(pixels[:, :3], grid(samples, 1))
    assert (pixels[:, 3:6] == 255).all()
    np.testing.assert_array_equal(pixels[:, 6:], grid(neighbours.reshape(12, 2, 3, channels), 4))
    for row in range(3):
        assert pixels[3 * row, 6::4, 0].tolist() == [10 + 4 * row + k for k in range(4)]


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (2, 1, 4, 5, 1), (3, 1, 5, 4, 1), (3, 0, 4, 5, 1)])
def test_neighbours_of_other_images_are_refused(shape, tmp_path):
    with pytest.raises(ValueError, match=r"Expected neighbours of shape .*Received: samples.shape=\(3, 4, 5, 1\)"):
        save_neighbours(np.zeros((3, 4, 5, 1)), np.zeros(shape), tmp_path / "never.png")
    assert not list(tmp_path.iterdir())


def colours(path):
    """How many pixels are bluer than red, and redder than blue."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    difference = pixels[..., 2] - pixels[..., 0]
    return int((difference > 30).sum()), int((difference < -30).sum())


def test_points_and_centres_are_drawn(tmp_path):
    points = np.random.default_rng(0).normal(size=(200, 2))
    blue, red = colours(save_points(points, tmp_path / "new" / "points.png"))
    assert blue > 300 and red == 0
    centres = [[-1.0, -1.0], [1.0, 1.0]]
    blue, red = colours(save_points(points, tmp_path / "points.png", centres=centres))
    assert blue > 300 and red > 50
    outside = colours(save_points(points + 99.0, tmp_path / "points.png", centres=centres))
    assert outside[0] == 0 and outside[1] >= red  # the frame is that of the centres
    colours(save_points([[3.0, 4.0]], tmp_path / "one.png", centres=[[3.0, 4.0]]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "one.png", "points.png"]


@pytest.mark.parametrize(
    ("points", "centres", "received"),
    [
        (np.zeros((3, 3)), None, r"`points` of shape \(n, 2\), at least one. Received: points.shape=\(3, 3\)"),
        (np.zeros((0, 2)), None, r"Received: points.shape=\(0, 2\)"),
        (np.full((1, 2), np.nan), None, "Expected finite `points`"),
        (np.zeros((1, 2)), np.zeros(2), r"`centres` of shape .*Received: centres.shape=\(2,\)"),
    ],
)
def test_what_is_no_set_of_points_is_refused(points, centres, received, tmp_path):
    with pytest.raises(ValueError, match=received):
        save_points(points, tmp_path / "never.png", centres=centres)
    assert not list(tmp_path.iterdir())


def test_waveforms_are_drawn_as_envelopes():
    quiet, loud = np.zeros((400, 1)), np.concatenate([np.zeros((200, 1)), np.tile([[0.5], [-0.5]], (100, 1))])
    images = envelopes([quiet, loud], height=5, width=4)  # rows stand for 1, 1/2, 0, -1/2 and -1
    assert images.dtype == np.float32 and images.shape == (2, 5, 4, 1)
    assert images[0, :, :, 0].tolist() == [[1.0] * 4, [1.0] * 4, [0.0] * 4, [1.0] * 4, [1.0] * 4]
    assert images[1, :, 2, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0] and images[1, :, 1, 0].tolist() == [1.0, 1.0, 0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="Expected waveforms"):
        envelopes(np.zeros((2, 5)))
