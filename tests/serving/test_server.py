"""A server's life: folders, ports, new versions under load, deletion, labels, warm-up."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc, predict_pb2, prediction_log_pb2

from tfgen.serving import Client, PortInUseError, Server, ServingError
from tfgen.serving._loaded import LoadedModel

from .conftest import expected_images, export

PATIENCE = 30.0


def wait_for(condition):
    """Bounded wait for a poll to have seen something."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time"
        time.sleep(0.02)


def states(client):
    return {entry["version"]: entry["state"] for entry in client.status()}


def started(directory, **keywords):
    return Server(directory, **({"rest_port": 0, "grpc_port": 0, "poll_seconds": 0.05} | keywords))


@pytest.fixture
def one_version(exported, tmp_path):
    """A folder of its own with version 1, and where version 2 waits to be moved in."""
    directory = tmp_path / "model"
    shutil.copytree(exported / "1", directory / "1")
    shutil.copytree(exported / "2", tmp_path / "waiting")
    return directory


def test_a_new_version_replaces_the_old_one_while_requests_run(one_version):
    failures, brightnesses, stop = [], [], threading.Event()
    with started(one_version) as server, Client("127.0.0.1", model="model", rest_port=server.rest_port) as client:

        def keep_asking():
            image = expected_images([3])
            while not stop.is_set() and len(brightnesses) < 5000:
                try:
                    brightnesses.append(round(float((client.sample(seed=[3]) / image).mean()), 3))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=keep_asking) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: brightnesses)
        (one_version.parent / "waiting").rename(one_version / "2")
        wait_for(lambda: states(client) == {2: "AVAILABLE", 1: "END"})
        seen = len(brightnesses)
        wait_for(lambda: len(brightnesses) > seen + 4)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert not failures
        assert brightnesses[0] == 1.0 and brightnesses[-1] == 0.5 and set(brightnesses) == {1.0, 0.5}
        with pytest.raises(ServingError, match=r"Servable not found for request: Specific\(model, 1\)"):
            client.predict({"seed": [1]}, version=1)


def test_deletion_goes_back_and_then_unloads(one_version):
    (one_version.parent / "waiting").rename(one_version / "2")
    with started(one_version) as server, Client("127.0.0.1", model="model", rest_port=server.rest_port) as client:
        assert states(client) == {2: "AVAILABLE"}
        (one_version / "2").rename(one_version / "deleted")
        wait_for(lambda: states(client) == {2: "END", 1: "AVAILABLE"})
        (one_version / "1").rename(one_version / "gone")
        wait_for(lambda: states(client) == {2: "END", 1: "END"})
        with pytest.raises(ServingError, match=r"Latest\(model\)"):
            client.sample(1)
        (one_version / "gone").rename(one_version / "1")
        wait_for(lambda: states(client)[1] == "AVAILABLE")


def test_half_written_versions_are_never_seen(one_version):
    shutil.copytree(one_version / "1", one_version / "3.tmp")
    shutil.copytree(one_version / "1", one_version / ".4")
    shutil.copytree(one_version / "1", one_version / "-5")
    (one_version / "6").mkdir()
    with started(one_version) as server:
        assert server.available() == {"model": [1]}


def test_a_broken_version_leaves_the_old_one_serving(one_version):
    with started(one_version) as server, Client("127.0.0.1", model="model", rest_port=server.rest_port) as client:
        aside = one_version / "aside"
        aside.mkdir()
        (aside / "saved_model.pb").write_bytes(b"not a model")
        aside.rename(one_version / "2")
        wait_for(lambda: states(client) == {2: "END", 1: "AVAILABLE"})
        assert client.status(version=2)[0]["error_code"] != "OK" and client.status(version=2)[0]["error_message"]
        assert client.sample(1, seed=0).shape == (1, 4, 4, 1)
        shutil.rmtree(one_version / "2")
        (one_version.parent / "waiting").rename(one_version / "2")  # mended: it is tried again
        wait_for(lambda: states(client)[2] == "AVAILABLE")


def test_a_folder_of_several_models(exported, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(exported / "1", tmp_path / "models" / name / "1")
    with started(tmp_path / "models") as server:
        assert server.available() == {"first": [1], "second": [1]}
        shutil.copytree(exported / "1", tmp_path / "third" / "1")
        (tmp_path / "third").rename(tmp_path / "models" / "third")
        wait_for(lambda: server.available().get("third") == [1])
        shutil.rmtree(tmp_path / "models" / "first")
        wait_for(lambda: server.available()["first"] == [])
    with started(tmp_path / "models", name="second") as server:
        assert server.available() == {"second": [1]}


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_parallel_requests(server, protocol):
    ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}
    with Client("127.0.0.1", model="small", protocol=protocol, **ports) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: client.sample(seed=[seed, seed + 1]), range(40)))
    for seed, answer in enumerate(answers):
        np.testing.assert_allclose(answer, expected_images([seed, seed + 1], 0.5), rtol=1e-6)


def test_ports_in_use(one_version):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for argument in ("rest_port", "grpc_port"):
            with pytest.raises(
                PortInUseError, match=f"listens on 127.0.0.1:{port}. Stop it, or pass another port: {argument}=0"
            ):
                started(one_version, **{argument: port}).start()
    with started(one_version) as first:
        with pytest.raises(PortInUseError):
            started(one_version, grpc_port=first.grpc_port).start()
        with pytest.raises(PortInUseError):
            started(one_version, rest_port=first.rest_port).start()
        ports = {"rest_port": first.rest_port, "grpc_port": first.grpc_port}
    with started(one_version, **ports) as second:  # both were given back
        assert (second.rest_port, second.grpc_port) == tuple(ports.values())


def test_bad_arguments(one_version, tmp_path):
    (tmp_path / "empty").mkdir()
    for directory, text in [
        (tmp_path / "none", "which is not a folder"),
        (tmp_path / "empty", "which holds none"),
        (one_version / "1", "which is itself one version"),
    ]:
        with pytest.raises(ValueError, match=f"Received: .*{text}"):
            started(directory).start()
    for keywords in ({"rest_port": -1}, {"grpc_port": 70000}, {"poll_seconds": 0}, {"name": "a", "model_config_file": "b"}):
        with pytest.raises(ValueError, match="Received: "):
            started(one_version, **keywords)
    with pytest.raises(ValueError, match=r"host='no.such.host.invalid'"):
        started(one_version, host="no.such.host.invalid").start()


def test_a_model_that_cannot_be_loaded(tmp_path):
    (tmp_path / "model" / "1").mkdir(parents=True)
    (tmp_path / "model" / "1" / "saved_model.pb").write_bytes(b"not a model")
    before = threading.active_count()
    with pytest.raises(ValueError, match=r"cannot be loaded. Export it again. Received: version 1: "):
        started(tmp_path / "model").start()
    wait_for(lambda: threading.active_count() <= before)


def test_a_server_starts_once_and_stops_twice(one_version):
    server = started(one_version).start()
    with pytest.raises(RuntimeError, match="starts once"):
        server.start()
    server.stop()
    server.stop()
    assert server.wait(0)
    assert server.available() == {"model": []}


CONFIG = 'model_config_list {{ config {{ name: "model" base_path: "{path}" model_platform: "tensorflow" {rest} }} }}'


def test_configuration_file(one_version, tmp_path):
    file = tmp_path / "models.config"
    (one_version.parent / "waiting").rename(one_version / "2")
    file.write_text(CONFIG.format(path=one_version, rest="model_version_policy { specific { versions: 1 } }"))
    with started(one_version, model_config_file=file) as server:
        assert server.available() == {"model": [1]}
        both = 'model_version_policy { latest { num_versions: 2 } } version_labels { key: "stable" value: 1 }'
        file.write_text(CONFIG.format(path=one_version, rest=both))
        wait_for(lambda: server.available() == {"model": [1, 2]})
        with Client("127.0.0.1", model="model", rest_port=server.rest_port) as client:
            np.testing.assert_allclose(client.predict({"seed": [1]}, label="stable")["image"], expected_images([1]), rtol=1e-6)
        file.write_text("nonsense {")
        time.sleep(0.2)
        assert server.available() == {"model": [1, 2]}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("nonsense {", "Expected a file with a model_config_list"),
        ("", "Only ModelConfigList is currently supported"),
        ("model_config_list {}", "Expected at least one model"),
        (CONFIG.format(path="relative", rest=""), "to have an absolute path or URI; got base_path..=relative"),
        (CONFIG.format(path="/nowhere", rest=""), "which has none to serve"),
        (
            CONFIG.format(path="/models/model", rest='version_labels { key: "a" value: 9 }'),
            "Request to assign label to version 9",
        ),
    ],
)
def test_bad_configuration_files(one_version, tmp_path, text, expected):
    file = tmp_path / "models.config"
    file.write_text(text)
    with pytest.raises(ValueError, match=expected):
        started(tmp_path, model_config_file=file).start()


def test_reload_over_grpc(one_version):
    with started(one_version) as server, grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        asked = model_management_pb2.ReloadConfigRequest()
        with pytest.raises(grpc.RpcError, match="Only ModelConfigList is currently supported"):
            stub.HandleReloadConfigRequest(asked, timeout=30)
        entry = asked.config.model_config_list.config.add(
            name="renamed", base_path=str(one_version), model_platform="tensorflow"
        )
        response = stub.HandleReloadConfigRequest(asked, timeout=30)
        assert response.status.error_code == 0
        assert server.available() == {"model": [], "renamed": [1]}
        entry.version_labels["stable"] = 7
        with pytest.raises(
            grpc.RpcError, match="label to version 7 of model renamed, which is not currently available"
        ) as caught:
            stub.HandleReloadConfigRequest(asked, timeout=30)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        asked.config.model_config_list.config.add(name="renamed", base_path=str(one_version))
        with pytest.raises(grpc.RpcError, match="Illegal to list model renamed multiple times in config list"):
            stub.HandleReloadConfigRequest(asked, timeout=30)


def write_warm_up(version, count=2, **spec):
    log = prediction_log_pb2.PredictionLog()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "model"
    request.model_spec.signature_name = spec.get("signature", "sample")
    request.inputs["seed"].CopyFrom(tf.make_tensor_proto(np.array([1], np.int64)))
    log.predict_log.request.CopyFrom(request)
    (version / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for _ in range(count):
            writer.write(log.SerializeToString())


def test_warm_up_runs_at_load(tmp_path):
    version = export(tmp_path, 1)
    write_warm_up(version)
    assert LoadedModel(version).warm_up_count == 2


@pytest.mark.parametrize(
    "keywords, text",
    [({"signature": "nope"}, 'Serving signature key "nope" not found.'), ({"count": 1001}, "exceeds the maximum")],
)
def test_a_warm_up_that_fails_keeps_the_version_out(tmp_path, keywords, text):
    (tmp_path / "model").mkdir()
    write_warm_up(export(tmp_path / "model", 1), **keywords)
    with pytest.raises(ValueError, match=text):
        started(tmp_path / "model").start()


def test_serve_runs_until_it_is_told_to_stop(one_version):
    program = f"import tfgen.serving; tfgen.serving.serve({str(one_version)!r}, rest_port=0, grpc_port=0)"
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root)
    too_late = threading.Timer(2 * PATIENCE, process.kill)
    too_late.start()
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[0] == "Serving model, version 1:\n" and "gRPC" in lines[2]
        address = lines[1].split()[1].removesuffix(":predict")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=30) as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        too_late.cancel()
        process.kill()
        process.stdout.close()
        process.wait()
