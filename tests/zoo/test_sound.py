"""The numbers and files of a model of sound: nats a sample beside the two marks, a picture and a WAV file."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tfgen import audio, metrics
from tfgen.data.audio import is_held_out
from tfgen.zoo.measures import measure
from tfgen.zoo.protocols import Protocol


@pytest.fixture
def speech(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(30):
        waveform = np.sin(np.arange(60) * rng.uniform(0.1, 0.5)) * rng.uniform(0.2, 0.9)
        audio.write_wav(tmp_path / f"{number}.wav", waveform, sample_rate=8000)
    assert 0 < sum(is_held_out(f"{number}.wav") for number in range(30)) < 30
    monkeypatch.setenv("TFGEN_DATA_DIR", str(tmp_path))
    return "asterisk_speech_8khz/20"


def test_nats_a_sample_stand_beside_what_they_have_to_beat(speech):
    model = tfgen.WaveNet(20, dilations=(1, 2), blocks=1, filters=3, skip=4)
    found = {number["metric"]: number for number in measure(model, Protocol(data=speech))}
    x, training = (tfgen.data.arrays(speech, split)[0] for split in ("test", "train"))
    nll = -np.mean(model.log_prob(x), dtype=np.float64)
    assert found["nll"]["value"] == pytest.approx(nll, rel=1e-5)
    assert found["nll_per_sample"]["value"] == pytest.approx(nll / 20, rel=1e-5)
    codes, known = (np.asarray(audio.mu_law_encode(part[..., 0])) for part in (x, training))
    assert found["marginal_entropy"]["value"] == pytest.approx(metrics.code_entropy(codes))
    assert found["order_1_nll"]["value"] == pytest.approx(metrics.order_1_nll(known, codes))
    assert {found[name]["unit"] for name in ("nll_per_sample", "marginal_entropy", "order_1_nll")} == {"nats a sample"}
    assert found["nll"]["data_sha256"] == found["order_1_nll"]["data_sha256"] and found["nll"]["n"] == len(x)


def test_an_entry_of_sound_has_a_picture_and_a_wav_file(tmp_path):
    model = tfgen.WaveNet(16, dilations=(1, 2), blocks=1, filters=2, skip=2, sample_rate=30)
    folder = tfgen.zoo.save(model, tmp_path / "tiny")
    waveform, rate = audio.read_wav(folder / "samples.wav")
    assert rate == 30 and (folder / "samples.png").stat().st_size > 0
    np.testing.assert_allclose(waveform, model.sample(1, seed=0, length=120)[0], atol=1 / 32768)
    assert "sound = model.sample(1, seed=0, length=4 * model.sample_rate)" in (folder / "README.md").read_text()
    assert tfgen.zoo.load(folder).sample(1, seed=0, length=120).shape == (1, 120, 1)
