"""Mu-law codes against the formula, at their boundaries and back; WAV files against the standard library and TensorFlow."""

from __future__ import annotations

import os
import wave

import numpy as np
import pytest
import tensorflow as tf

from tfgen.audio import mu_law_decode, mu_law_edges, mu_law_encode, read_wav, write_wav


def formula(x: np.ndarray, levels: int) -> np.ndarray:
    """The codes as the recommendation writes them, in float64."""
    x = x.astype(np.float64)
    companded = np.sign(x) * np.log1p((levels - 1) * np.abs(x)) / np.log(levels)
    return np.clip(np.floor((companded + 1) / 2 * levels), 0, levels - 1).astype(int)


@pytest.mark.parametrize("levels", [2, 3, 4, 256, 1000])
def test_codes_are_a_bijection_with_their_values(levels):
    codes = np.arange(levels)
    values = mu_law_decode(codes, levels=levels).numpy()
    assert values.dtype == np.float32 and (np.diff(values) > 0).all() and np.abs(values).max() < 1
    np.testing.assert_array_equal(mu_law_encode(values, levels=levels), codes)
    np.testing.assert_allclose(values, -values[::-1], atol=1e-7)


@pytest.mark.parametrize("levels", [3, 4, 256])
def test_codes_follow_the_formula(levels):
    x = np.random.default_rng(0).uniform(-1, 1, (500, 7)).astype(np.float32)
    x[:100] *= 1e-3
    np.testing.assert_array_equal(mu_law_encode(x, levels=levels), formula(x, levels))
    error = np.abs(mu_law_decode(mu_law_encode(x, levels=levels), levels=levels) - x)
    edges = np.concatenate([[-1], mu_law_edges(levels), [1]])
    assert (error <= np.diff(edges)[formula(x, levels)]).all()


def test_a_code_begins_at_its_edge():
    edges = mu_law_edges()
    np.testing.assert_array_equal(mu_law_encode(edges), np.arange(1, 256))
    below = edges - np.maximum(np.abs(edges) * 1e-6, 1e-30).astype(np.float32)  # smaller numbers than that count as 0
    np.testing.assert_array_equal(mu_law_encode(below), np.arange(255))
    assert mu_law_encode([-1.0, -1e-9, 0.0, 1.0]).numpy().tolist() == [0, 127, 128, 255]


def test_graphs_and_xla_give_the_same_codes():
    x = np.concatenate([mu_law_edges(), np.linspace(-1, 1, 1001, dtype=np.float32)])
    for compiled in (False, True):
        function = tf.function(lambda v: mu_law_decode(mu_law_encode(v)), jit_compile=compiled)
        np.testing.assert_array_equal(function(x), mu_law_decode(mu_law_encode(x)))


@pytest.mark.parametrize("levels", [1, 0, 2.0, True, 10**6])
def test_wrong_numbers_of_codes_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        mu_law_encode([0.0], levels=levels)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_file_comes_back(tmp_path, channels):
    values = np.random.default_rng(1).integers(-32768, 32768, (50, channels))
    write_wav(tmp_path / "a.wav", values / 32768, sample_rate=11025)
    waveform, rate = read_wav(tmp_path / "a.wav")
    assert rate == 11025 and waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform * 32768, values)
    decoded, decoded_rate = tf.audio.decode_wav(tf.io.read_file(str(tmp_path / "a.wav")))
    np.testing.assert_array_equal(decoded, waveform)
    assert int(decoded_rate) == rate and os.listdir(tmp_path) == ["a.wav"]


def test_the_loudest_value_is_kept_in_range(tmp_path):
    write_wav(tmp_path / "a.wav", [1.0, -1.0, 0.4 / 32768, 0.6 / 32768], sample_rate=8000)
    assert (read_wav(tmp_path / "a.wav")[0][:, 0] * 32768).tolist() == [32767, -32768, 0, 1]


@pytest.mark.parametrize("waveform", [np.zeros((2, 2, 2)), [0.0, 1.5], [np.nan], 0.0])
def test_what_is_no_waveform_is_refused_and_leaves_no_file(tmp_path, waveform):
    with pytest.raises(ValueError, match="Expected a"):
        write_wav(tmp_path / "a.wav", waveform, sample_rate=8000)
    with pytest.raises(ValueError, match="sample_rate"):
        write_wav(tmp_path / "a.wav", [0.0], sample_rate=0)
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write_wav(tmp_path / "a.wav", [0.5], sample_rate=8000)

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(wave.Wave_write, "writeframes", fail)
    with pytest.raises(OSError, match="full"):
        write_wav(tmp_path / "a.wav", [0.25], sample_rate=8000)
    monkeypatch.undo()
    assert read_wav(tmp_path / "a.wav")[0].tolist() == [[0.5]] and os.listdir(tmp_path) == ["a.wav"]


def test_files_that_are_no_wav_are_refused(tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    write_wav(tmp_path / "cut.wav", np.zeros(100), sample_rate=8000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:-7])
    for name in ("text", "cut"):
        with pytest.raises(ValueError, match=r"Expected a whole WAV file that is not compressed\. Received"):
            read_wav(tmp_path / f"{name}.wav")
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "nowhere.wav")
