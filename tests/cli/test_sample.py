"""`tfgen sample` of a model of sound: WAV files, lengths, local conditions, and endings that do not suit a model."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import tfgen
from tfgen.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands write where they are started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wavenet(**arguments) -> tfgen.WaveNet:
    """Saves a small model of sound as sound.keras."""
    keras.utils.set_random_seed(4)
    model = tfgen.WaveNet(8, dilations=(1, 2), blocks=1, filters=2, skip=2, sample_rate=10, **arguments)
    model.save("sound.keras")
    return model


def refused(capsys: Captured, *arguments: str) -> str:
    """Runs a command that must fail, and returns the one line that it says."""
    capsys.readouterr()
    assert main(("sample", *arguments)) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


def test_sounds_stand_one_after_the_other_with_silence_between_them(capsys: Captured):
    model = wavenet()
    assert main(["sample", "sound.keras", "-n", "3", "--seed", "7", "--length", "20", "--output", "deep/a.wav"]) == 0
    assert capsys.readouterr().out == "Wrote 3 sounds of seed 7 to deep/a.wav\n"
    waveform, rate = tfgen.audio.read_wav("deep/a.wav")
    assert rate == 10 and waveform.shape == (3 * 20 + 2 * 5, 1)
    drawn = model.sample(3, seed=7, length=20)
    for row, start in enumerate((0, 25, 50)):
        np.testing.assert_allclose(waveform[start : start + 20], drawn[row], atol=1 / 32768)
    assert not waveform[20:25].any() and not waveform[45:50].any()


def test_without_an_output_sound_becomes_a_wav_file_of_the_models_own_length(folder: Path):
    model = wavenet(num_classes=3)
    assert main(["sample", "sound.keras"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["samples.wav", "sound.keras"]
    assert len(tfgen.audio.read_wav("samples.wav")[0]) == 4 * 8 + 3 * 5
    assert main(["sample", "sound.keras", "--label", "2", "1", "--output", "x.npy"]) == 0
    np.testing.assert_array_equal(np.load("x.npy"), model.sample(seed=tfgen.random.row_seeds(0, 2), label=[2, 1]))


def test_features_come_from_a_file(folder: Path, capsys: Captured):
    model = wavenet(local_channels=2, hop=4)
    features = np.random.default_rng(0).normal(size=(3, 2, 2))
    np.save("features.npy", features)
    assert main(["sample", "sound.keras", "--features", "features.npy", "--output", "x.npy"]) == 0
    np.testing.assert_array_equal(np.load("x.npy"), model.sample(3, seed=0, features=features))
    assert "Expected --features FILE, a .npy file (n, frames, channels)" in refused(capsys, "sound.keras")
    assert "3 rows of features" in refused(capsys, "sound.keras", "--features", "features.npy", "-n", "2")
    assert "(batch, 4, 2)" in refused(capsys, "sound.keras", "--features", "features.npy", "--length", "16")
    assert "which is not there" in refused(capsys, "sound.keras", "--features", "none.npy")
    (folder / "bad.npy").write_text("")
    assert "Expected a .npy file of numbers" in refused(capsys, "sound.keras", "--features", "bad.npy")
    np.savez("many.npz", a=features)
    assert "which holds something else" in refused(capsys, "sound.keras", "--features", "many.npz")


def test_what_does_not_suit_a_model_is_refused_and_writes_nothing(entry: Path, folder: Path, capsys: Captured):
    wavenet()
    assert "end in .wav or .npy, because sound.keras draws sound" in refused(capsys, "sound.keras", "--output", "a.png")
    assert "end in .png or .npy, because" in refused(capsys, str(entry), "--output", "a.wav")
    assert "end in .png, .wav or .npy" in refused(capsys, str(entry), "--output", "a.mp3")
    assert "has one size. Received: --length 9" in refused(capsys, str(entry), "--length", "9", "--output", "a.npy")
    assert "Expected no --features" in refused(capsys, "sound.keras", "--features", "f.npy")
    assert "takes no `label`" in refused(capsys, "sound.keras", "--label", "1")
    assert [path.name for path in folder.iterdir()] == ["sound.keras"]
