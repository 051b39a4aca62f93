"""What only a process of its own can show: Ctrl-C, resuming, silence, the quick start without a network."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np

from tests.cli.conftest import Start
from tests.zoo.tiny import recipe_values, write_recipe
from tfgen import zoo

# Runs the quick start in a process that can reach nothing but itself.
WITHOUT_NETWORK = """
import socket, sys
sys.argv = ["tfgen", *sys.argv[1:]]
connect = socket.socket.connect
def local(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        sys.exit(f"the quick start wanted {address}")
    return connect(self, address)
socket.socket.connect = local
socket.getaddrinfo_before, look = None, socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: look(host, *rest, **more) if host in ("127.0.0.1", "localhost") else sys.exit(host)
from tfgen.cli import main
sys.exit(main())
"""


def test_ctrl_c_then_the_same_command_equals_a_training_that_was_never_stopped(start: Start, tmp_path: Path):
    values = recipe_values(
        model={"class": "FVBN", "arguments": {"image_shape": [8, 8, 1], "ema": 0.5}},  # of few operations: it is built thrice
        data={"name": "fashion_mnist_small", "split": "train[:800]", "view": "binarized", "image_size": 8},
        epochs=3,
    )
    recipe = write_recipe(tmp_path / "recipe", values)
    command = ("-m", "tfgen.cli", "train", str(recipe), "--every-steps", "20", "--directory", "stopped")
    process = start(*command)
    checkpoint = tmp_path / "stopped" / "training" / "checkpoint.keras"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert f"`tfgen train {recipe} --directory stopped` goes on from the last checkpoint." in errors
    assert "Traceback" not in errors + out
    assert not (tmp_path / "stopped" / "model.keras").exists()  # it was stopped before its end
    again = start(*command)
    out, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert out.startswith("Going on with tiny")
    whole = zoo.load(zoo.train(recipe, tmp_path / "whole"))
    resumed = zoo.load(tmp_path / "stopped")
    assert int(resumed.step) == int(whole.step) == 3 * 50
    for a, b in zip(resumed.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_quick_start_needs_no_network(start: Start, tmp_path: Path):
    values = recipe_values("latent", data={"name": "fashion_mnist_small", "split": "train[:64]"}, epochs=1, name="tiny")
    values["model"]["arguments"]["image_shape"] = [28, 28, 1]
    recipe = write_recipe(tmp_path / "recipe", values)
    folder = zoo.save(zoo.build(recipe), tmp_path / "tiny", recipe=recipe)
    process = start("-c", WITHOUT_NETWORK, "quickstart", "--model", "tiny")
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    made = tmp_path / "quickstart"
    for name in ("samples.png", "real.png", "samples-fine-tuned.png", "samples-over-rest.png"):
        assert (made / name).read_bytes().startswith(b"\x89PNG")
        assert name in out
    assert (made / "model" / "1" / "saved_model.pb").is_file()
    assert (made / "model" / "serving" / "compose.yaml").is_file()
    summary = json.loads((made / "quickstart.json").read_text())
    assert max(summary["largest_difference"].values()) <= 1e-5
    assert summary["fine_tuning"]["after"] > summary["fine_tuning"]["before"]
    assert "What next" in out and "tfgen serve quickstart/model" in out
    assert errors == ""  # TensorFlow's start-up messages are no part of the answer
    assert zoo.card(folder)["name"] == "tiny"


def test_serve_says_where_and_stops_at_ctrl_c(start: Start, tmp_path: Path):
    from tfgen import export
    from tfgen.serving import Client

    model = zoo.build(write_recipe(tmp_path / "recipe", recipe_values("adversarial")))
    export.saved_model(model, tmp_path / "served")
    process = start("-m", "tfgen.cli", "serve", "served", "--rest-port", "0", "--grpc-port", "0")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[0] == "Serving served, version 1:\n"
    port = int(lines[1].split("127.0.0.1:")[1].split("/")[0])
    with Client(f"127.0.0.1:{port}", model="served") as client:
        np.testing.assert_allclose(client.sample(2, seed=3), model.sample(2, seed=3), atol=1e-5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
