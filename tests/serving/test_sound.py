"""Sound from a server: WAV files, and local conditions that travel beside the seeds."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfgen
from tfgen.serving import Client, Server, ServingError

FEATURES = np.random.default_rng(1).normal(size=(3, 4, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> tfgen.WaveNet:
    keras.utils.set_random_seed(3)
    return tfgen.WaveNet(8, dilations=(1, 2), blocks=1, filters=3, skip=4, local_channels=2, hop=2, sample_rate=50)


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported") / "sound"
    tfgen.export.saved_model(model, directory)
    with Server(directory, rest_port=0, grpc_port=0) as running:
        yield running


@pytest.fixture(params=["rest", "grpc"])
def client(server, request):
    with Client(model="sound", protocol=request.param, rest_port=server.rest_port, grpc_port=server.grpc_port) as made:
        yield made


def test_samples_with_features_are_those_of_python(client, model):
    expected = model.sample(3, seed=5, features=FEATURES)
    np.testing.assert_allclose(client.sample(3, seed=5, features=FEATURES), expected, atol=1e-6)
    np.testing.assert_allclose(client.sample(seed=5, features=FEATURES.tolist()), expected, atol=1e-6)
    seeds = tfgen.random.row_seeds(5, 3)
    np.testing.assert_allclose(client.sample(seed=seeds[1:], features=FEATURES[1:]), expected[1:], atol=1e-6)
    cold = model.sample(3, seed=5, features=FEATURES, temperature=0.5)
    np.testing.assert_allclose(client.sample(3, seed=5, features=FEATURES, temperature=0.5), cold, atol=1e-6)


def test_likelihoods_with_features_are_those_of_python(client, model):
    x = model.sample(3, seed=1, features=FEATURES)
    np.testing.assert_allclose(client.log_prob(x, features=FEATURES), model.log_prob(x, features=FEATURES), rtol=1e-5)


def test_wav_files(client, model, tmp_path):
    files = client.sample_wav(3, seed=5, features=FEATURES)
    for file, waveform in zip(files, model.sample(3, seed=5, features=FEATURES), strict=True):
        (tmp_path / "a.wav").write_bytes(file)
        received, rate = tfgen.audio.read_wav(tmp_path / "a.wav")
        assert rate == 50
        np.testing.assert_allclose(received, waveform, atol=1.5 / 32768)
    with pytest.raises(ServingError, match="sample_png"):
        client.sample_png(1, seed=0)


def test_features_that_do_not_fit_are_refused(client):
    with pytest.raises(ValueError, match=r"Expected 3 entries. Received: features.shape=\(2, 4, 2\)"):
        client.sample(3, seed=0, features=FEATURES[:2])
    with pytest.raises(ServingError, match="features"):
        client.sample(3, seed=0)
    with pytest.raises(ServingError, match="features"):
        client.sample_wav(3, seed=0, features=FEATURES[:, :3])
