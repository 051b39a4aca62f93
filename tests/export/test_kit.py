"""The serving kit: every file parses by the server's own schema, names one model, and the clients ask for the same samples."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

import tfgen.random
from tfgen import paths
from tfgen.export import saved_model, serving_kit

from . import stand_in
from .small_model import LATENT, OneSignature, SmallModel

FILES = ["README.md", "batching.config", "compose.yaml", "kserve.yaml", "kubernetes.yaml", "models.config", "monitoring.config"]
CLIENTS = ["sample.mjs", "sample.sh", "sample_grpc.py", "sample_rest.py"]
SEEDS = [0, 1, 7, 2**53 - 1, 2**63 - 1]
SEED = tf.TensorSpec([None], tf.int64, name="seed")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    """A model's folder with two versions."""
    directory = tmp_path_factory.mktemp("kit") / "Small_Model"
    for _ in range(2):
        saved_model(model, directory, warm_up=False)
    return directory


@pytest.fixture(scope="module")
def kit(folder: Path) -> Path:
    return serving_kit(folder)


def _message(name: str, fields: list[tuple]) -> type:
    """A message type of the server that the package tensorflow-serving-api does not carry: name -> number, type, repeated."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="kit", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name=name)
    for label, number, kind, repeated in fields:
        added = message.field.add(name=label, number=number, label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL)
        if isinstance(kind, str):
            added.type, added.type_name = field.TYPE_MESSAGE, kind
        else:
            added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kit.{name}"))


def _batching(text: str):
    """Parses `BatchingParameters` of tensorflow_serving/servables/tensorflow/session_bundle_config.proto."""
    names = ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"]
    fields = [(name, number, ".google.protobuf.Int64Value", False) for number, name in enumerate(names, 1)]
    fields.append(("allowed_batch_sizes", 6, descriptor_pb2.FieldDescriptorProto.TYPE_INT64, True))
    return text_format.Parse(text, _message("BatchingParameters", fields)())


def _models(text: str) -> model_server_config_pb2.ModelConfig:
    (config,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return config


def _module(path: Path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_all_files_are_there_and_nothing_else(folder, kit):
    assert kit == folder / "serving"
    assert sorted(os.listdir(kit)) == sorted([*FILES, "clients"])
    assert sorted(os.listdir(kit / "clients")) == CLIENTS
    assert sorted(os.listdir(folder)) == ["1", "2", "serving"]


def test_clients_that_an_installer_compiled_are_no_templates(folder, tmp_path, monkeypatch):
    installed = shutil.copytree(paths.export_folder(), tmp_path / "_export")
    clients = installed / "templates" / "clients"
    for client in clients.glob("*.py"):
        py_compile.compile(str(client), str(clients / "__pycache__" / f"{client.stem}.cpython-311.pyc"))
    monkeypatch.setattr(paths, "export_folder", lambda: installed)
    copy = shutil.copytree(folder, tmp_path / "model")
    written = serving_kit(copy)
    assert sorted(path.name for path in (written / "clients").iterdir()) == CLIENTS


def test_no_placeholder_is_left(kit):
    for path in kit.rglob("*.*"):
        assert "@{" not in path.read_text(), path


def test_every_template_says_what_it_is_and_the_readme_lists_it():
    readme = (paths.export_folder() / "README.md").read_text()
    templates = paths.export_folder() / "templates"
    for path in templates.rglob("*.*"):
        assert path.read_text().startswith(("#", "//", '"""')), path
        assert f"`templates/{path.relative_to(templates).as_posix()}`" in readme


def test_the_readme_documents_every_placeholder():
    class Template(string.Template):
        delimiter = "@"

    used = set()
    for path in (paths.export_folder() / "templates").rglob("*.*"):
        used.update(Template(path.read_text()).get_identifiers())
    readme = (paths.export_folder() / "README.md").read_text()
    assert used and all(f"`{name}`" in readme for name in used)


def test_models_config_names_the_model_and_the_newest_version(kit):
    config = _models((kit / "models.config").read_text())
    assert (config.name, config.base_path, config.model_platform) == ("small-model", "/models/small-model", "tensorflow")
    assert config.model_version_policy.latest.num_versions == 1


def test_labels_choose_versions(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    kit = serving_kit(tmp_path / "copy", labels={"stable": 1, "canary": 2})
    config = _models((kit / "models.config").read_text())
    assert list(config.model_version_policy.specific.versions) == [1, 2]
    assert dict(config.version_labels) == {"stable": 1, "canary": 2}


@pytest.mark.parametrize(("size", "allowed"), [(32, [1, 2, 4, 8, 16, 32]), (1, [1]), (12, [1, 2, 4, 8, 12])])
def test_batching_config_keeps_the_servers_rules(folder, tmp_path, size, allowed):
    shutil.copytree(folder, tmp_path / "copy")
    parameters = _batching((serving_kit(tmp_path / "copy", max_batch_size=size) / "batching.config").read_text())
    assert parameters.max_batch_size.value == size
    assert list(parameters.allowed_batch_sizes) == allowed
    assert parameters.num_batch_threads.value >= 1


def test_monitoring_config_parses(kit):
    """By `MonitoringConfig` of tensorflow_serving/config/monitoring_config.proto, whose one field is a message of two."""
    text = (kit / "monitoring.config").read_text()
    inner = text[text.index("prometheus_config {") + len("prometheus_config {") : text.rindex("}")]
    types = descriptor_pb2.FieldDescriptorProto
    fields = [("enable", 1, types.TYPE_BOOL, False), ("path", 2, types.TYPE_STRING, False)]
    parsed = text_format.Parse(inner, _message("PrometheusConfig", fields)())
    assert parsed.enable and parsed.path.startswith("/")


def _flags(arguments: list[str]) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


def test_compose_mounts_the_models_folder_and_the_files_it_names(kit):
    (service,) = yaml.safe_load((kit / "compose.yaml").read_text())["services"].values()
    assert service["image"].startswith("tensorflow/serving:2.")
    assert service["platform"] == "linux/amd64"
    assert service["ports"] == ["8500:8500", "8501:8501"]
    mounts = dict(volume.split(":")[1::-1] for volume in service["volumes"])
    config = _models((kit / "models.config").read_text())
    assert (kit / mounts[config.base_path]).resolve() == kit.parent
    for flag, value in _flags(service["command"]).items():
        if flag.endswith("_file"):
            assert (kit / mounts[str(Path(value).parent)] / Path(value).name).is_file()


@pytest.mark.parametrize(
    ("name", "state", "healthy"),
    [("small-model", "AVAILABLE", True), ("small-model", "LOADING", False), ("other", "AVAILABLE", False)],
)
def test_the_health_check_asks_whether_the_model_is_available(folder, kit, name, state, healthy):
    (service,) = yaml.safe_load((kit / "compose.yaml").read_text())["services"].values()
    command, *arguments, script = service["healthcheck"]["test"]
    assert command == "CMD"
    with stand_in.rest_server(folder / "2", name, state) as url:
        port = url.split(":")[2].split("/")[0]
        done = subprocess.run([*arguments, script.replace("8501", port)], timeout=30)
    assert (done.returncode == 0) == healthy


def test_kubernetes_embeds_the_same_configuration(kit):
    documents = list(yaml.safe_load_all((kit / "kubernetes.yaml").read_text()))
    assert [document["kind"] for document in documents] == ["PersistentVolumeClaim", "ConfigMap", "Deployment", "Service"]
    claim, configuration, deployment, service = documents
    for name, text in configuration["data"].items():
        assert text.rstrip() == (kit / name).read_text().rstrip()
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models/small-model"
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["models"] == _models(configuration["data"]["models.config"]).base_path
    files = [value for flag, value in _flags(container["args"]).items() if flag.endswith("_file")]
    assert sorted(files) == [f"{mounts['configuration']}/{name}" for name in sorted(configuration["data"])]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert volumes["configuration"]["configMap"]["name"] == configuration["metadata"]["name"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_kserve_names_the_version_of_the_image(kit):
    document = yaml.safe_load((kit / "kserve.yaml").read_text())
    model = document["spec"]["predictor"]["model"]
    assert document["kind"] == "InferenceService"
    assert model["modelFormat"] == {"name": "tensorflow"}
    assert tuple(map(int, model["runtimeVersion"].split(".")[:2])) >= (2, 19)


@pytest.mark.parametrize("client", ["sample_rest.py", "sample_grpc.py"])
@pytest.mark.parametrize("seed", [*SEEDS, -5, 2**70])
def test_row_seeds_of_the_python_clients(kit, client, seed):
    assert _module(kit / "clients" / client).row_seeds(seed, 20) == tfgen.random.row_seeds(seed, 20).tolist()


@pytest.mark.parametrize("seed", [*SEEDS, -5, 2**70])
def test_row_seeds_of_the_javascript_client(kit, seed):
    if shutil.which("node") is None:
        return  # an optional tool
    path = kit / "clients" / "sample.mjs"
    script = f'import {{ rowSeeds }} from "{path.as_uri()}"; console.log(JSON.stringify(rowSeeds("{seed}", 20)))'
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert yaml.safe_load(done.stdout) == tfgen.random.row_seeds(seed, 20).tolist()


@pytest.mark.parametrize("seed", [*SEEDS, -5])
def test_row_seeds_of_the_shell_client(kit, seed):
    command = ["bash", str(kit / "clients" / "sample.sh"), "row-seeds", str(seed), "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [int(line) for line in done.stdout.split()] == tfgen.random.row_seeds(seed, 20).tolist()


def _client_commands(clients: Path, url: str, address: str) -> dict[str, list[str]]:
    """Each client's command for two samples of seed 5."""
    return {
        "sample_rest.py": [sys.executable, str(clients / "sample_rest.py"), "--seed", "5", "-n", "2", "--url", url],
        "sample_grpc.py": [sys.executable, str(clients / "sample_grpc.py"), "--seed", "5", "-n", "2", "--address", address],
        "sample.mjs": ["node", str(clients / "sample.mjs"), "--seed", "5", "-n", "2", "--url", url],
        "sample.sh": ["bash", str(clients / "sample.sh"), "5", "2", "0", url],
    }


def test_all_clients_draw_what_python_draws(folder, kit, model, tmp_path):
    images = model.draw(tf.constant(tfgen.random.row_seeds(5, 2)))["image"].numpy()
    expected = np.round(images * 255).astype("uint8")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "no_proxy": "127.0.0.1"}
    with stand_in.rest_server(folder / "2", "small-model") as url, stand_in.grpc_server(folder / "2", "small-model") as address:
        for client, command in _client_commands(kit / "clients", url, address).items():
            if shutil.which(command[0]) is None:
                continue
            (tmp_path / client).mkdir()
            done = subprocess.run(command, cwd=tmp_path / client, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert done.stdout.split() == ["sample-0.png", "sample-1.png"]
            for row in range(2):
                png = (tmp_path / client / f"sample-{row}.png").read_bytes()
                np.testing.assert_array_equal(tf.io.decode_png(png).numpy(), expected[row])


def test_clients_say_what_the_server_says(folder, kit, tmp_path):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "no_proxy": "127.0.0.1"}
    with stand_in.rest_server(folder / "2", "other") as url, stand_in.grpc_server(folder / "2", "other") as address:
        wrong = url.replace("other", "small-model")
        for command in _client_commands(kit / "clients", wrong, address).values():
            if shutil.which(command[0]) is not None:
                done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
                assert done.returncode != 0
                assert "Servable not found" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_clients_of_a_conditional_model_send_labels(tmp_path):
    model = SmallModel(conditional=True, width=20)
    directory = tmp_path / "labels"
    folder = saved_model(model, directory, warm_up=False)
    client = _module(serving_kit(directory) / "clients" / "sample_rest.py")
    seeds = client.row_seeds(5, 2)
    with stand_in.rest_server(folder, "labels") as url:
        files = client.sample(url, seeds, label=3)
    images = model.draw(tf.constant(seeds, tf.int64), tf.constant([3, 3], tf.int64))["image"].numpy()
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(file).numpy(), np.round(image * 255).astype("uint8"))


def test_clients_of_points_get_numbers(tmp_path):
    directory = tmp_path / "points"
    model = OneSignature(lambda seed: {"point": tfgen.random.normal(seed, (LATENT,))}, SEED)
    folder = saved_model(model, directory)
    client = _module(serving_kit(directory) / "clients" / "sample_rest.py")
    with stand_in.rest_server(folder, "points") as url:
        points = client.sample(url, client.row_seeds(1, 3))
    expected = tfgen.random.normal(tf.constant(tfgen.random.row_seeds(1, 3)), (LATENT,))
    np.testing.assert_allclose(points, expected, atol=1e-6)


def test_a_model_that_draws_nothing_gets_no_clients(tmp_path):
    saved_model(OneSignature(lambda x: {"y": x}, tf.TensorSpec([None], tf.float32, name="x"), name="encode"), tmp_path / "ae")
    assert sorted(os.listdir(serving_kit(tmp_path / "ae"))) == sorted(FILES)


def test_writing_again_replaces_its_own_files_in_place(folder, tmp_path):
    directory = tmp_path / "again"
    shutil.copytree(folder, directory)
    kit = serving_kit(directory)
    inode = kit.stat().st_ino
    (kit / "mine.yaml").write_text("kept: true")
    (kit / "compose.yaml").write_text("old")
    serving_kit(directory, rest_port=9501)
    assert (kit / "mine.yaml").read_text() == "kept: true"
    assert '"9501:8501"' in (kit / "compose.yaml").read_text()
    assert kit.stat().st_ino == inode  # a running server has the folder mounted
    assert sorted(os.listdir(directory)) == ["1", "2", "serving"]


@pytest.mark.parametrize(
    ("folder_name", "name"), [("VAE (28x28)", "vae-28x28"), ("3d", "model-3d"), ("___", "model"), ("x" * 80, "x" * 50)]
)
def test_names_are_made_from_the_folder(model, tmp_path, folder_name, name):
    saved_model(model, tmp_path / folder_name, warm_up=False)
    assert _models((serving_kit(tmp_path / folder_name) / "models.config").read_text()).name == name


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "Small"}, ValueError, "Received: name='Small'"),
        ({"name": "-"}, ValueError, "Received: name='-'"),
        ({"image": "tensorflow/serving"}, ValueError, "with its tag"),
        ({"image": 'a:"b"'}, ValueError, "Received: image="),
        ({"rest_port": 0}, ValueError, "Received: rest_port=0"),
        ({"grpc_port": "8500"}, TypeError, "Received: grpc_port='8500'"),
        ({"max_batch_size": 0}, ValueError, "Received: max_batch_size=0"),
        ({"labels": {"stable": 9}}, ValueError, r"versions among \[1, 2\]"),
    ],
)
def test_wrong_arguments_write_nothing(folder, tmp_path, arguments, error, message):
    directory = tmp_path / "wrong"
    shutil.copytree(folder, directory, ignore=shutil.ignore_patterns("serving"))
    with pytest.raises(error, match=message):
        serving_kit(directory, **arguments)
    assert sorted(os.listdir(directory)) == ["1", "2"]


def test_a_folder_without_versions_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold a version.*versions \[\]"):
        serving_kit(tmp_path)
    assert os.listdir(tmp_path) == []
