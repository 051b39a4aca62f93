"""Each command does what it says, and says in one sentence why it cannot."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from tests.zoo.tiny import recipe_values, write_recipe
from tfgen import data, zoo
from tfgen.cli import main
from tfgen.serving import Client, Server

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands write where they are started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _refused(capsys: Captured, *arguments: str) -> str:
    """Runs a command that must fail, and returns the one line that it says."""
    capsys.readouterr()
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.rstrip("\n")
    assert "\n" not in line and "Traceback" not in line
    assert line.startswith(f"tfgen {arguments[0]}: ")
    return line


def test_list(capsys: Captured):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in zoo.names())
    assert main(["list", "--names"]) == 0
    assert capsys.readouterr().out.split() == zoo.names()


def test_show(entry: Path, capsys: Captured):
    assert main(["show", str(entry)]) == 0
    assert capsys.readouterr().out == (entry / "README.md").read_text()
    assert main(["show", str(entry), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == zoo.card(entry)


def test_show_an_unknown_name(capsys: Captured):
    assert "Did you mean 'dcgan-fashion-mnist'?" in _refused(capsys, "show", "dcgan-fasion-mnist")


def test_sample_draws_what_python_draws(entry: Path, folder: Path, capsys: Captured):
    assert main(["sample", str(entry), "-n", "3", "--seed", "7", "--output", "deep/x.npy"]) == 0
    assert capsys.readouterr().out == "Wrote 3 samples of seed 7 to deep/x.npy\n"
    np.testing.assert_array_equal(np.load("deep/x.npy"), zoo.load(entry).sample(3, seed=7))
    assert main(["sample", str(entry), "-n", "4", "--temperature", "0.5"]) == 0
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_sample_takes_a_keras_file(entry: Path, capsys: Captured):
    assert main(["sample", str(entry / "model.keras"), "-n", "2", "--output", "x.npy"]) == 0
    np.testing.assert_array_equal(np.load("x.npy"), zoo.load(entry).sample(2, seed=0))


def test_sample_refuses(entry: Path, folder: Path, capsys: Captured):
    assert "takes no `label`" in _refused(capsys, "sample", str(entry), "--label", "3")
    assert "must be positive" in _refused(capsys, "sample", str(entry), "--temperature", "-1", "-n", "2")
    assert "Received: --output x.jpg" in _refused(capsys, "sample", str(entry), "--output", "x.jpg")
    assert "which is not there" in _refused(capsys, "sample", "none.keras")
    (folder / "bad.keras").write_text("x")
    assert "Expected a .keras file that a tfgen model was saved to" in _refused(capsys, "sample", "bad.keras")
    (folder / "file").write_text("x")
    assert "file" in _refused(capsys, "sample", str(entry), "--output", "file/x.png", "-n", "2")
    assert sorted(path.name for path in folder.iterdir()) == ["bad.keras", "file"]


def test_debug_shows_the_traceback():
    with pytest.raises(FileNotFoundError):
        main(["show", "nothing", "--debug"])


def test_evaluate(entry: Path, capsys: Captured):
    assert main(["evaluate", str(entry)]) == 0
    shown = capsys.readouterr().out
    for number in zoo.card(entry)["metrics"]:
        assert (number["metric"] in shown) == (number["kind"] != "pinned")
        if number["kind"] != "pinned":
            assert f"{number['value']:.6g}" in shown
    assert main(["evaluate", str(entry), "--split", "test[:7]"]) == 0
    assert "test[:7], 8bit" in capsys.readouterr().out


def test_evaluate_refuses(entry: Path, capsys: Captured):
    assert "Received: split='tset'" in _refused(capsys, "evaluate", str(entry), "--split", "tset")
    # a .keras file has no recipe: images of the usual size do not fit this model
    assert "Received" in _refused(capsys, "evaluate", str(entry / "model.keras"), "--data", "fashion_mnist_small")


def test_verify(entry: Path, capsys: Captured):
    assert main(["verify", str(entry)]) == 0
    assert f"{entry}: 7 of 7 numbers hold." in capsys.readouterr().out
    assert main(["verify", str(entry), "--metrics", "elbo"]) == 0
    assert "1 of 1 numbers hold." in capsys.readouterr().out
    assert "Expected `metrics` among elbo" in _refused(capsys, "verify", str(entry), "--metrics", "fid")


def test_verify_fails_for_a_wrong_number(entry: Path, capsys: Captured):
    path = entry / "metrics.json"
    kept = path.read_text()
    content = json.loads(kept)
    content["metrics"][0]["value"] += 1.0
    path.write_text(json.dumps(content))
    try:
        assert main(["verify", str(entry), "--metrics", "elbo"]) == 1
        assert "does not hold" in capsys.readouterr().out
    finally:
        path.write_text(kept)


def test_train_and_its_refusals(folder: Path, capsys: Captured):
    recipe = write_recipe(folder / "recipe", recipe_values(name="my-model"))
    assert main(["train", str(recipe), "--epochs", "1"]) == 0
    assert "Wrote" in capsys.readouterr().out
    assert zoo.load("my-model").sample(1, seed=0).shape == (1, 8, 8, 1)
    wrong = write_recipe(folder / "wrong", recipe_values(optimisers={}))
    assert "Did you mean `optimizers`?" in _refused(capsys, "train", str(wrong))
    assert "Received: nowhere.yaml" in _refused(capsys, "train", "nowhere.yaml")
    assert "Did you mean 'vae-fashion-mnist'?" in _refused(capsys, "train", "vae-fashion")


def test_export_and_its_refusals(entry: Path, folder: Path, capsys: Captured):
    assert main(["export", str(entry), "served"]) == 0
    assert "tfgen serve served" in capsys.readouterr().out
    assert (folder / "served" / "serving" / "compose.yaml").is_file()
    assert main(["export", str(entry / "model.keras"), "served", "--no-kit"]) == 0
    assert sorted(path.name for path in (folder / "served").iterdir()) == ["1", "2", "serving"]
    assert "holds [1, 2]. Received: version=1" in _refused(capsys, "export", str(entry), "served", "--version", "1")
    assert "Received: name='Bad Name'" in _refused(capsys, "export", str(entry), "other", "--name", "Bad Name")
    for path in ("run[1]", "a*b", "what?", "a\\b", "[x]/deep"):
        assert "which TensorFlow takes for a pattern" in _refused(capsys, "export", "never-loaded", path)
        assert "which TensorFlow takes for a pattern" in _refused(capsys, "quickstart", "--directory", path)
    (folder / "mine").mkdir()
    (folder / "mine" / "samples.png").write_text("mine")
    line = _refused(capsys, "quickstart", "--directory", "mine")
    assert "or a folder of the quick start: nothing of yours is replaced. Received: mine, which holds samples.png" in line
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "served"]


def test_serve_refuses(entry: Path, capsys: Captured):
    assert "nowhere', which is not a folder" in _refused(capsys, "serve", "nowhere")
    Path("a[1]").mkdir()
    assert "which TensorFlow takes for a pattern" in _refused(capsys, "serve", "a[1]")
    assert main(["export", str(entry), "served", "--no-kit"]) == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = _refused(capsys, "serve", "served", "--rest-port", port, "--grpc-port", "0")
        assert f"Another program listens on 127.0.0.1:{port}" in line and "Errno" not in line
        assert f"127.0.0.1:{port}" in _refused(capsys, "serve", "served", "--rest-port", "0", "--grpc-port", port)
    assert "Received: rest_port=70000" in _refused(capsys, "serve", "served", "--rest-port", "70000")


def test_an_exported_model_answers_with_the_commands_own_samples(entry: Path, capsys: Captured):
    assert main(["export", str(entry), "served", "--no-kit"]) == 0
    assert main(["sample", str(entry), "-n", "3", "--seed", "5", "--output", "x.npy"]) == 0
    with Server("served", rest_port=0, grpc_port=0) as server, Client(model="served", rest_port=server.rest_port) as client:
        np.testing.assert_allclose(client.sample(3, seed=5), np.load("x.npy"), atol=1e-5)


def test_data_that_is_nowhere_is_told_in_one_sentence(entry: Path, capsys: Captured):
    line = _refused(capsys, "evaluate", str(entry), "--data", "no_such_data")
    assert "no_such_data" in line


def test_the_quick_start_data_travels_with_the_package():
    assert data.arrays("fashion_mnist_small", "train")[0].shape == (2000, 28, 28, 1)


def _small_samples(folder: Path) -> Path:
    images = data.arrays("fashion_mnist_small", "train[:300]")[0]
    np.save(folder / "samples.npy", images)
    return folder / "samples.npy"


def test_evaluate_prints_how_each_number_was_computed(entry: Path, capsys: Captured):
    assert main(["evaluate", str(entry), "--metrics", "elbo", "log_prob_bound", "--num-samples", "3", "--seed", "9"]) == 0
    shown = capsys.readouterr().out
    header, _, *rows = [line.split() for line in shown.splitlines() if line.strip()]
    assert header == ["metric", "value", "unit", "kind", "data", "n", "seed", "how"]
    assert rows[0][0] == "elbo" and rows[0][-3:] == ["40", "9", "1"]
    assert "K = 3 draws" in shown
    assert "sample_mean" in _refused(capsys, "evaluate", str(entry), "--metrics", "sample_mean")


def test_evaluate_measures_a_file_of_samples(folder: Path, capsys: Captured):
    options = ["--data", "fashion_mnist_small", "--metrics", "frechet_distance", "coverage", "--n", "200"]
    assert main(["evaluate", str(_small_samples(folder)), *options, "--neighbours", "deep/near.png"]) == 0
    shown = capsys.readouterr().out
    assert "200 samples that were given, against all 500 images of the split" in shown
    assert "features: classifier-fashion-mnist, sha256 " in shown
    assert [line.split()[0] for line in shown.splitlines() if "estimate" in line] == ["frechet_distance", "coverage"]
    assert (folder / "deep" / "near.png").read_bytes().startswith(b"\x89PNG")
    assert "Expected `metrics` among frechet_distance" in _refused(capsys, "evaluate", "samples.npy", "--metrics", "nll")
    assert "which is not there" in _refused(capsys, "evaluate", "none.npy")
    (folder / "bad.npy").write_text("x")
    assert "Expected a .npy file of numbers" in _refused(capsys, "evaluate", "bad.npy")


def test_evaluate_takes_another_feature_space(folder: Path, capsys: Captured):
    import keras

    network = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.AveragePooling2D(7), keras.layers.Flatten()])
    network.save("pooled.keras")
    options = ["--data", "fashion_mnist_small", "--metrics", "precision", "--extractor", "pooled.keras"]
    assert main(["evaluate", str(_small_samples(folder)), *options]) == 0
    assert "features: pooled, sha256 " in capsys.readouterr().out
    assert "'inception', or a .keras file" in _refused(capsys, "evaluate", "samples.npy", "--extractor", "none.keras")


def test_evaluate_and_sample_tell_a_classifier_from_a_model(capsys: Captured):
    assert main(["evaluate", "classifier-fashion-mnist", "--data", "fashion_mnist_small"]) == 0
    shown = capsys.readouterr().out
    assert "accuracy" in shown and "cross_entropy_binarized" in shown
    assert "Expected a generative model" in _refused(capsys, "sample", "classifier-fashion-mnist")


def test_verify_updates_a_card(entry: Path, folder: Path, capsys: Captured):
    import shutil

    copied = Path(shutil.copytree(entry, folder / "copied"))
    text = (copied / "metrics.json").read_text()
    content = json.loads(text)
    content["metrics"][0]["value"] += 1.0
    (copied / "metrics.json").write_text(json.dumps(content))
    assert main(["verify", str(copied), "--metrics", "elbo"]) == 1
    assert "Expected `metrics` among elbo" in _refused(capsys, "verify", str(copied), "--metrics", "nll", "--update")
    assert main(["verify", str(copied), "--update"]) == 0
    assert (copied / "metrics.json").read_text() == text


def test_scoreboard(folder: Path, capsys: Captured):
    assert main(["scoreboard"]) == 0
    shown = capsys.readouterr().out
    assert "| *10,000 training images* |" in shown and "[vae-fashion-mnist]" in shown
    (folder / "page.md").write_text("<!-- scoreboard -->\n<!-- end of scoreboard -->\n")
    assert main(["scoreboard", "--write", "page.md"]) == 0
    assert shown.strip() in (folder / "page.md").read_text()
    assert main(["scoreboard", "--write", "page.md"]) == 0
    assert "is up to date" in capsys.readouterr().out
    (folder / "plain.md").write_text("x")
    assert "Expected the lines <!-- scoreboard -->" in _refused(capsys, "scoreboard", "--write", "plain.md")
