"""Every odd file is read as what it holds, or refused by name; folders of them by one rule for pictures and sounds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfgen
from tests.data.odd_files import pictures, sounds
from tests.data.odd_files.pictures import COLOURS, PICTURES
from tests.data.odd_files.sounds import MONO, RATE, SOUNDS
from tfgen.data import class_names, from_folder, from_wav_folder, get_sample_rate
from tfgen.data.folder import read_picture


def put(folder: Path, content: bytes, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


# ---- pictures ----


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_holds_its_pixels(name: str, tmp_path: Path):
    picture = PICTURES[name]
    file = put(tmp_path, picture.content, name) / name
    assert np.abs(read_picture(file, (2, 3), 3) - picture.pixels.astype(float)).max() <= picture.slack
    with_alpha = read_picture(file, (2, 3), 4).astype(int)
    if picture.with_alpha is not None:
        there = picture.with_alpha[..., 3:] > 0  # what is not to be seen has no colour
        assert (with_alpha[..., 3:] == picture.with_alpha[..., 3:]).all()
        assert (np.where(there, with_alpha, 0) == np.where(there, picture.with_alpha, 0)).all()


def test_a_folder_holds_them_all_in_order(tmp_path: Path):
    for name, picture in PICTURES.items():
        put(tmp_path, picture.content, name)
    [images] = from_folder(tmp_path, image_size=(2, 3), shuffle=False)
    expected = np.stack([PICTURES[name].pixels for name in sorted(PICTURES)])
    assert np.abs(images.numpy() * 255 - expected).max() <= 3.01


def test_alpha_shows_the_background_that_is_asked_for(tmp_path: Path):
    alpha = put(tmp_path, PICTURES["alpha.png"].content, "alpha.png") / "alpha.png"
    for background, level in (("black", 0), ("#404040", 64)):
        expected = pictures.on(level, COLOURS, pictures.ALPHA)
        assert np.abs(read_picture(alpha, (2, 3), 3, background=background) - expected).max() <= 1
    grey = read_picture(alpha, (2, 3), 1, background="black")[..., 0]
    assert np.abs(grey - pictures.on(0, COLOURS, pictures.ALPHA) @ [0.299, 0.587, 0.114]).max() <= 2
    [images] = from_folder(tmp_path, image_size=(2, 3), channels=4)
    assert images.shape == (1, 2, 3, 4) and (images[0, ..., 3].numpy() * 255).round().tolist() == pictures.ALPHA.tolist()
    for wrong in ("a colour", "#ff000080", 255):
        with pytest.raises(ValueError, match=r"Expected `background` as a colour.* Received: background="):
            from_folder(tmp_path, image_size=2, background=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", pictures.REFUSED)
def test_what_is_no_picture_is_refused_by_name(name: str, tmp_path: Path):
    put(tmp_path, pictures.REFUSED[name], name)
    with pytest.raises(
        ValueError, match=rf"Expected a picture that can be read. Received: .*{name}: .*Mend or remove the file"
    ):
        from_folder(tmp_path, image_size=2)


# ---- sounds ----


@pytest.mark.parametrize("name", SOUNDS)
def test_a_file_holds_its_sound(name: str, tmp_path: Path):
    sound = SOUNDS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        waveform, rate = tfgen.audio.read_wav(put(tmp_path, sound.content, name) / name)
    assert rate == RATE and waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, sound.waveform.astype(np.float32))


@pytest.mark.parametrize("name", sounds.REFUSED)
def test_what_is_no_sound_is_refused_by_name(name: str, tmp_path: Path):
    put(tmp_path, sounds.REFUSED[name], name)
    with pytest.raises(ValueError, match=rf"Expected a whole WAV file that is not compressed. Received: .*{name}: "):
        from_wav_folder(tmp_path, length=2)


def test_several_channels_are_mixed_down_on_request(tmp_path: Path):
    put(tmp_path, SOUNDS["stereo.wav"].content, "stereo.wav")
    with pytest.raises(ValueError, match=r"mono=True mixes them down. Received: .*stereo.wav with 2 channels"):
        from_wav_folder(tmp_path, length=6)
    [windows] = from_wav_folder(tmp_path, length=6, mono=True)
    np.testing.assert_allclose(windows[0], MONO / 4)


def test_sound_out_of_range_is_refused_by_name(tmp_path: Path):
    for value in (1.5, np.nan):
        put(tmp_path, sounds.wav(np.full(4, value, "<f4").tobytes(), 32, tag=3), "loud.wav")
        with pytest.raises(ValueError, match=r"Expected sound in \[-1, 1\].* Received: .*loud.wav with values up to"):
            from_wav_folder(tmp_path, length=2)


def test_rates_are_not_mixed_but_brought_to_one(tmp_path: Path):
    for rate, name in ((44100, "high"), (16000, "low")):
        (tmp_path / name).mkdir()
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 10) / rate)
        tfgen.audio.write_wav(tmp_path / name / "tone.wav", tone, sample_rate=rate)
    for labels in (False, True):
        with pytest.raises(
            ValueError, match=r"sample_rate=44100 brings them to one. Received: .*low/tone.wav at 16000 Hz after"
        ):
            from_wav_folder(tmp_path, length=100, labels=labels)
    data = from_wav_folder(tmp_path, length=1600, sample_rate=16000, labels=True, shuffle=False)
    [(windows, labels)] = data
    assert get_sample_rate(data) == 16000 and labels.numpy().tolist() == [0, 1]
    np.testing.assert_allclose(windows[0, 100:-100], windows[1, 100:-100], atol=2e-3)  # but where the filter has no past


def test_the_model_checks_the_rate_of_its_data(tmp_path: Path):
    put(tmp_path, SOUNDS["24-bits.wav"].content, "a.wav")
    data = from_wav_folder(tmp_path, length=3).map(lambda x: x).repeat(2)
    model = tfgen.WaveNet(3, dilations=(1,), blocks=1, filters=1, skip=1)
    model.compile(run_eagerly=True)
    for method in (model.fit, model.evaluate, model.predict, lambda x: model.fit(np.zeros((2, 3, 1)), validation_data=x)):
        with pytest.raises(
            ValueError, match=r"sample_rate=11025, or load.*sample_rate=8000. Received: data at 11025 Hz, a model at 8000"
        ):
            method(data)
    assert int(model.step) == 0
    right = tfgen.WaveNet(3, dilations=(1,), blocks=1, filters=1, skip=1, sample_rate=RATE)
    right.compile(run_eagerly=True)
    right.fit(data, verbose=0)
    assert right.export_metadata()["sample_rate"] == RATE


# ---- folders ----


def read_pictures(folder: Path | str, **options: Any) -> Any:
    return from_folder(folder, image_size=2, shuffle=False, **options)


def read_sounds(folder: Path | str, **options: Any) -> Any:
    return from_wav_folder(folder, length=2, shuffle=False, **options)


KINDS = {
    "pictures": (read_pictures, PICTURES["colour.png"].content, ".png", ".heic", 1),
    "sounds": (read_sounds, SOUNDS["16-bits.wav"].content, ".wav", ".mp3", 3),
}
Kind = tuple[Callable[..., Any], bytes, str, str, int]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """How a folder is read, a file's bytes, its ending, one that is not read, and the examples of a file."""
    return KINDS[request.param]


def labels_of(data: Any) -> list[int]:
    return np.concatenate([labels for _, labels in data]).tolist()


def test_hidden_nested_and_linked_files(kind: Kind, tmp_path: Path):
    read, content, ending, _, times = kind
    put(tmp_path, b"", ".hidden" + ending, "dog/.hidden" + ending, ".ipynb_checkpoints/x" + ending, "__MACOSX/cat/._a" + ending)
    put(tmp_path, content, *(name + ending for name in ("dog/a", "cat/deep/er/a", "cat/b")), "cat/c" + ending.upper())
    put(tmp_path, b"no example", "notes.txt", "cat/labels.csv", "dog/Thumbs.db")
    (tmp_path / "emu").symlink_to(tmp_path / "cat" / "deep")
    (tmp_path / "cat" / "deep" / "loop").symlink_to(tmp_path)
    assert class_names(str(tmp_path)) == ["cat", "dog", "emu"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert labels_of(read(tmp_path, labels=True)) == times * 3 * [0] + times * [1] + times * [2]


def test_loose_files_beside_classes_are_named(kind: Kind, tmp_path: Path):
    read, content, ending, _, _ = kind
    put(tmp_path, content, "cat/a" + ending, "loose" + ending)
    for method in (class_names, lambda path: read(path, labels=True), lambda path: read(path, class_names=["cat"])):
        with pytest.raises(ValueError, match=f"inside a subfolder named after its class. Received: loose{ending} directly in"):
            method(tmp_path)
    assert sum(len(batch) for batch in read(tmp_path)) == 2 * len(np.concatenate(list(read(tmp_path / "cat"))))


def test_an_empty_class_moves_no_number(kind: Kind, tmp_path: Path):
    read, content, ending, _, times = kind
    put(tmp_path, content, "cat/a" + ending, "emu/a" + ending)
    (tmp_path / "dog").mkdir()
    for method in (class_names, lambda path: read(path, labels=True)):
        with pytest.raises(ValueError, match=r"class_names=\['cat', 'emu', 'dog'\]. Received: .*dog without any"):
            method(tmp_path)
    for names in (["emu", "dog", "cat"], ("emu", "gnu", "cat")):
        assert sorted(labels_of(read(tmp_path, class_names=names))) == times * [0] + times * [2]
    for wrong, sentence in (
        (["emu"], "without 'cat'"),
        (["cat", "emu", "emu"], "once"),
        ("cat", "list of strings"),
        ([1], "list of"),
    ):
        with pytest.raises((ValueError, TypeError), match=rf"Expected `class_names`.*{sentence}"):
            read(tmp_path, class_names=wrong)


def test_what_is_left_out_is_named(kind: Kind, tmp_path: Path):
    read, content, ending, other, times = kind
    put(tmp_path, b"", "x" + other, "deep/y" + other.upper())
    with pytest.raises(ValueError, match=rf"which has none but 2 of {other}: convert them"):
        read(tmp_path)
    put(tmp_path, content, "a" + ending)
    with pytest.warns(
        UserWarning, match=rf"2 of 3 files, which cannot be read \({other}\), the first .*y{other.upper()}. Convert"
    ):
        assert sum(len(batch) for batch in read(tmp_path)) == times
    (tmp_path / ("x" + other)).unlink()
    (tmp_path / "deep" / ("y" + other.upper())).unlink()
    (tmp_path / ("gone" + ending)).symlink_to(tmp_path / "nowhere")
    with pytest.raises((ValueError, OSError), match="gone"):
        read(tmp_path)


def test_every_door_knows_the_way_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path, PICTURES["colour.png"].content, "pictures/cat/a.png")
    (tmp_path / "sounds").mkdir()
    tfgen.audio.write_wav("~/sounds/a.wav", np.zeros(4), sample_rate=8000)
    assert len(tfgen.audio.read_wav("~/sounds/a.wav")[0]) == 4 and len(list(read_sounds("~/sounds"))) == 1
    assert class_names("~/pictures") == ["cat"] and len(list(read_pictures("~/pictures", labels=True))) == 1
    assert tfgen.pictures.save_grid(np.zeros((1, 2, 2, 1)), "~/grid.png") == tmp_path / "grid.png"
    images = np.zeros((2, 4, 4, 1))
    for made in (
        tfgen.callbacks.Checkpoint("~/runs"),
        tfgen.callbacks.Samples("~/runs"),
        tfgen.callbacks.Score(images, directory="~/runs"),
    ):
        assert made.directory == tmp_path / "runs"
    assert tfgen.serving.Server("~/served").directory == tmp_path / "served"
    put(tmp_path, (tfgen.paths.zoo_folder() / "vae-fashion-mnist" / "recipe.yaml").read_bytes(), "entry/recipe.yaml")
    for place in ("~/entry", "~/entry/recipe.yaml"):
        assert tfgen.zoo.read_recipe(place).path == tmp_path / "entry" / "recipe.yaml"
    with pytest.raises(ValueError, match=f"{tmp_path}/served"):
        tfgen.export.serving_kit("~/served")
    assert not os.path.exists("~")
