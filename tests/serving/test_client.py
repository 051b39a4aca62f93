"""The client gives the same over both protocols, and the same as Python."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.random import as_row_seeds
from tfgen.serving import Client, ServingError

from .conftest import SIZE, expected_images


def test_samples_are_those_of_python(client):
    np.testing.assert_allclose(client.sample(3, seed=5), expected_images(as_row_seeds(5, 3), 0.5), rtol=1e-6)
    np.testing.assert_allclose(client.sample(seed=[7, 8]), expected_images([7, 8], 0.5), rtol=1e-6)
    assert client.sample(3, seed=5).dtype == np.float32
    assert client.sample(0, seed=5).shape == (0, SIZE, SIZE, 1)


def test_no_seed_is_a_fresh_one(client):
    assert not np.array_equal(client.sample(2), client.sample(2))


def test_rows_do_not_depend_on_their_neighbours(client):
    np.testing.assert_array_equal(client.sample(5, seed=1)[:2], client.sample(2, seed=1))


def test_controls(client):
    half = client.sample(2, seed=3, temperature=0.5)
    np.testing.assert_allclose(half, client.sample(2, seed=3) * 0.5, rtol=1e-6)
    mixed = client.sample(2, seed=3, temperature=[1.0, 0.0])
    assert mixed[0].any() and not mixed[1].any()
    with pytest.raises(ValueError, match="Expected 2 entries"):
        client.sample(2, seed=3, temperature=[1.0])
    with pytest.raises(ServingError, match=r"truncation|temperature"):
        client.sample(2, seed=3, truncation=1.0)


def test_png_files(client):
    files = client.sample_png(2, seed=4)
    images = expected_images(as_row_seeds(4, 2), 0.5)
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(file), (image * 255).astype(np.uint8))


def test_encode_decode_log_prob(client):
    images = np.random.default_rng(0).random((3, SIZE, SIZE, 1), np.float32)
    encoded = client.encode(images)
    np.testing.assert_array_equal(encoded["latent"], images[:, 0, :2, 0])
    np.testing.assert_allclose(encoded["scale"], np.exp(images[:, 1, :2, 0]), rtol=1e-6)
    np.testing.assert_array_equal(client.decode([[1, 2], [3, 4]])[:, 0, 0, 0], [1, 3])
    expected = -images.sum((1, 2, 3)) - [0, 1, 2]
    np.testing.assert_allclose(client.log_prob(images.astype(np.float64), label=[0, 1, 2]), expected, rtol=1e-6)
    with pytest.raises(ServingError, match="reconstruct"):
        client.reconstruct(images)


def test_predict_with_several_outputs(client):
    outputs = client.predict({"a": [[1, 2]], "b": [3]}, "pair")
    assert outputs["total"].tolist() == [[4, 5]] and outputs["is_even"].dtype == bool and outputs["text"].tolist() == [b"3"]


def test_bytes_survive(client):
    data = [b"\x00\xff\x00", b"text", b""]
    outputs = client.predict({"x": data}, "bytes_only")
    assert outputs["y_bytes"].tolist() == data
    assert client.predict({"x": ["text", b""]}, "echo")["plain"].tolist() == [b"text", b""]


def test_versions_and_labels(client):
    np.testing.assert_allclose(client.predict({"seed": [1]}, version=1)["image"], expected_images([1]), rtol=1e-6)
    np.testing.assert_allclose(client.predict({"seed": [1]}, label="canary")["image"], expected_images([1], 0.5), rtol=1e-6)
    with pytest.raises(ValueError, match="not both"):
        client.predict({"seed": [1]}, version=1, label="canary")


def test_status_and_metadata(client):
    good = {"state": "AVAILABLE", "error_code": "OK", "error_message": ""}
    assert client.status() == [{"version": 2} | good, {"version": 1} | good]
    assert client.status(version=1) == [{"version": 1} | good]
    client.wait_until_ready(5)
    metadata = client.metadata(version=1)
    assert metadata["model_spec"] == {"name": "small", "signature_name": "", "version": "1"}
    assert "sample" in metadata["metadata"]["signature_def"]["signature_def"]


@pytest.mark.parametrize(
    "call, code, text",
    [
        (lambda client: client.predict({"seed": [1]}, version=9), "NOT_FOUND", r"Specific\(small, 9\)"),
        (lambda client: client.predict({"seed": [1]}, label="none"), "INVALID_ARGUMENT", "label: none"),
        (lambda client: client.predict({"seed": [1.5]}), "INVALID_ARGUMENT", "int64"),
        (lambda client: client.predict({}), "INVALID_ARGUMENT", "seed"),
        (lambda client: client.predict({"seed": [1], "n": [1]}), "INVALID_ARGUMENT", "Sent extra: {n}"),
        (lambda client: client.predict({"seed": [[1]]}), "INVALID_ARGUMENT", "shape"),
    ],
)
def test_the_servers_text_comes_through(client, call, code, text):
    with pytest.raises(ServingError, match=text) as caught:
        call(client)
    assert caught.value.code == code and caught.value.message in str(caught.value)


def test_bad_arguments_never_travel(client):
    with pytest.raises(TypeError, match="Received: label="):
        client.sample(2, label=0.5)
    with pytest.raises(TypeError, match="Received: seed="):
        client.sample(2, seed=0.5)
    with pytest.raises(ValueError, match="Received: n=None"):
        client.sample()


def test_answers_above_four_megabytes(server):
    with Client(f"127.0.0.1:{server.grpc_port}", model="small", protocol="grpc") as client:
        assert client.sample(100_000, seed=1).nbytes > 4 * 2**20


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_nobody_answers(protocol):
    with Client("127.0.0.1:1", model="small", protocol=protocol, timeout=5) as client:
        with pytest.raises(ConnectionError, match=r"No model server answers at .*127.0.0.1:1"):
            client.status()
        with pytest.raises(TimeoutError, match=r"was not ready within 0\.1 s"):
            client.wait_until_ready(0.1)


@pytest.mark.parametrize(
    "address, protocol, expected",
    [
        ("localhost", "rest", "http://localhost:8501"),
        ("localhost", "grpc", "localhost:8500"),
        ("https://host/base/", "rest", "https://host:443/base"),
        ("[::1]:9", "rest", "http://[::1]:9"),
    ],
)
def test_addresses(address, protocol, expected):
    with Client(address, model="m", protocol=protocol) as client:
        assert client.address == expected


@pytest.mark.parametrize(
    "arguments",
    [{"protocol": "http"}, {"timeout": 0}, {"address": ""}, {"address": "host:x"}, {"address": "ftp://host"}],
)
def test_bad_constructor_arguments(arguments):
    with pytest.raises(ValueError, match="Received: "):
        Client(**({"model": "m"} | arguments))
