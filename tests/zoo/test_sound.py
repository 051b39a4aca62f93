"""The numbers and files of a model of sound: nats a sample beside the two marks, a picture and a WAV file."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tfgen import audio, metrics
from tfgen.data.audio import is_held_out
from tfgen.zoo.cards import render_card
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
    assert found["nll"]["split"] == found["order_1_nll"]["split"] == f"{speech} test"  # sound has no view
    assert found["pinned_seed_0"]["unit"] == "value in [-1, 1]"
    faster = tfgen.WaveNet(20, dilations=(1,), blocks=1, filters=1, skip=1, sample_rate=16000)
    with pytest.raises(ValueError, match=r"Received: data at 8000 Hz, a model at 16000 Hz"):
        measure(faster, Protocol(data=speech), metrics=["nll"])


def test_an_entry_of_sound_has_a_picture_and_a_wav_file(tmp_path):
    model = tfgen.WaveNet(16, dilations=(1, 2), blocks=1, filters=2, skip=2, sample_rate=30)
    folder = tfgen.zoo.save(model, tmp_path / "tiny")
    waveform, rate = audio.read_wav(folder / "samples.wav")
    assert rate == 30 and (folder / "samples.png").stat().st_size > 0
    np.testing.assert_allclose(waveform, model.sample(1, seed=0, length=120)[0], atol=1 / 32768)
    assert "sound = model.sample(1, seed=0, length=4 * model.sample_rate)" in (folder / "README.md").read_text()
    assert tfgen.zoo.load(folder).sample(1, seed=0, length=120).shape == (1, 120, 1)


def test_the_card_of_sound_speaks_of_clips():
    folder = tfgen.paths.zoo_folder() / "wavenet-speech-8khz"
    text = render_card(folder, folder.name)
    assert text == (folder / "README.md").read_text()
    assert "of 8 clips |" in text and "| data | asterisk_speech_8khz/4096 train |" in text
    assert "image" not in text.split("## Files")[0].replace("wavenet-speech", "") and "8bit" not in text


def test_units_say_what_a_pinned_pass_computes():
    images = {"filters": 2, "blocks": 1}
    for model, unit in (
        (tfgen.PixelCNN((4, 4, 1), **images), "probability"),
        (tfgen.PixelCNN((4, 4, 1), likelihood="categorical", **images), "value in [0, 1]"),
        (tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4), "value in [0, 1]"),
    ):
        assert {number["unit"] for number in measure(model)} == {unit}


def test_an_entry_of_a_model_with_features(tmp_path, speech):
    model = tfgen.WaveNet(20, dilations=(1, 2), blocks=1, filters=2, skip=2, local_channels=2, hop=4)
    folder = tfgen.zoo.save(model, tmp_path / "tiny")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "metrics.json", "model.keras"]
    assert "model.sample(features=features, seed=0)" in (folder / "README.md").read_text()
    assert all(result["holds"] for result in tfgen.zoo.verify(folder))
    pinned = tfgen.zoo.card(folder)["metrics"][1]
    assert "features = uniform(seed, stream=1)" in pinned["protocol"]
    x = np.asarray(tfgen.random.uniform([1], (20, 1)) < 0.5, np.float32)
    expected = tfgen.zoo.load(folder).predict(x, y=np.asarray(tfgen.random.uniform([1], (5, 2), stream=1)), verbose=0)
    assert pinned["value"][0] == pytest.approx(expected.mean(), abs=1e-6)
    with pytest.raises(ValueError, match=r"features that the model is conditional on, of which there is none"):
        measure(model, Protocol(data=speech))
