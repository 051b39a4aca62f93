"""A number without its protocol, or of another feature space, cannot enter the scoreboard."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfgen import metrics, zoo
from tfgen.paths import zoo_folder
from tfgen.zoo.frames import read_frames, write_frames
from tfgen.zoo.numbers import check_number, make_number
from tfgen.zoo.scoreboard import BEGIN, END, render_scoreboard, write_scoreboard

STAMP = {"hardware": "a processor", "versions": {"tfgen": "0"}}


def _number(metric: str = "frechet_distance", value: float = 1.25, **more: Any) -> dict[str, Any]:
    settings = {"split": "fashion_mnist test, 8bit", "n": 10, "seed": 0, "extractor": _space(), **more}
    return {**make_number(metric, value, "squared feature distance", "estimate", "how", **settings), **STAMP}


def _space() -> dict[str, str]:
    return {"name": metrics.CLASSIFIER, "sha256": metrics.CLASSIFIER_SHA256}


@pytest.fixture
def small_zoo(entry: Callable[..., Path], tmp_path: Path) -> Path:
    """A zoo of one entry and two frames."""
    folder = tmp_path / "zoo"
    shutil.copytree(entry("latent"), folder / "tiny")
    content = json.loads((folder / "tiny" / "metrics.json").read_text())
    content["metrics"].append(_number())
    (folder / "tiny" / "metrics.json").write_text(json.dumps(content))
    frames = {"floor": [_number(value=0.5)], "ceiling": [_number(value=99.0)]}
    write_frames({"8bit": frames, "binarized": frames}, folder / "frames.json")
    return folder


def _spoil(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "tiny" / "metrics.json"
    content = json.loads(path.read_text())
    change(content["metrics"][-1])
    path.write_text(json.dumps(content))


def test_the_table_is_framed(small_zoo: Path):
    lines = render_scoreboard(small_zoo).splitlines()
    assert lines[0] == "**8-bit images.** 10 samples of seed 0 against fashion_mnist test, 8bit."
    first, model, last = (line.split(" | ") for line in lines[4:7])
    assert first[0] == "| *10,000 training images*" and first[5] == "0.500"
    assert model[0] == "| [tiny](zoo/tiny/)" and model[5] == "1.250"
    assert last[0] == "| *noise with the pixel means*" and last[5] == "99.000"
    numbers = {number["metric"]: number["value"] for number in zoo.card(small_zoo / "tiny")["metrics"]}
    assert model[3] == f"{-numbers['log_prob_bound']:.2f} (bound, K = 5)"
    assert model[4] == f"{numbers['log_prob_bound_bits_per_dim']:.4f} (bound, K = 5)"


@pytest.mark.parametrize("key", ["unit", "kind", "n", "protocol", "tolerance", "hardware", "versions", "value"])
def test_a_number_without_its_protocol_cannot_enter(small_zoo: Path, key: str):
    _spoil(small_zoo, lambda number: number.pop(key))
    with pytest.raises(ValueError, match=rf"Expected every number of .*metrics.json.*frechet_distance without {key}"):
        render_scoreboard(small_zoo)
    with pytest.raises(ValueError, match=r"tfgen verify --update"):
        zoo.card(small_zoo / "tiny")
    zoo.load(small_zoo / "tiny")  # the weights are what they are


def test_a_number_of_another_feature_space_cannot_enter(small_zoo: Path):
    _spoil(small_zoo, lambda number: number["extractor"].update(sha256="0" * 64))
    with pytest.raises(ValueError, match=r"sha256 [0-9a-f]{64}: one in another space cannot be compared"):
        render_scoreboard(small_zoo)


def test_a_bound_says_of_how_many_draws():
    bound = {**_number("log_prob_bound"), "kind": "lower bound"}
    check_number({**bound, "num_samples": 5}, "here")
    with pytest.raises(ValueError, match=r"log_prob_bound without num_samples"):
        check_number(bound, "here")


def test_a_number_that_is_not_finite_cannot_enter():
    with pytest.raises(ValueError, match=r"Expected finite numbers in here. Received: frechet_distance=nan"):
        check_number(_number(value=float("nan")), "here")
    with pytest.raises(ValueError, match=r"Expected every number of here"):
        check_number([1], "here")


def test_a_table_without_frames_is_none(small_zoo: Path):
    (small_zoo / "frames.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"`tfgen scoreboard --frames` writes"):
        render_scoreboard(small_zoo)


def test_sound_has_a_table_of_its_own():
    images, sound = render_scoreboard().split("**Sound.**")
    assert "wavenet-speech-8khz" not in images
    assert re.search(r"^\| \[wavenet-speech-8khz\].* \| 2\.\d{3} \| 3\.\d{3} \| 5\.\d{3} \| ", sound, re.MULTILINE)


def test_writing_replaces_the_table_alone(small_zoo: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert write_scoreboard(page, small_zoo)
    assert page.read_text() == f"before\n{BEGIN}\n{render_scoreboard(small_zoo)}\n{END}\nafter\n"
    assert not write_scoreboard(page, small_zoo)
    page.write_text("no marks")
    with pytest.raises(ValueError, match=r"Expected the lines <!-- scoreboard -->"):
        write_scoreboard(page, small_zoo)
    assert page.read_text() == "no marks"


def test_the_zoos_numbers_have_their_protocols():
    frames = read_frames()
    assert {view: set(found) for view, found in frames.items()} == {
        "8bit": {"floor", "ceiling"},
        "binarized": {"floor", "ceiling"},
    }
    seen = []
    for name in zoo.names():
        card = zoo.card(name)  # refuses a number without its protocol
        if card["model"] is None or name == metrics.CLASSIFIER:
            continue
        measured = {number["metric"]: number for number in card["metrics"]}
        if "nll_per_sample" in measured:  # sound: no feature space, but tables of codes to be better than
            nll, entropy, table = (measured[key]["value"] for key in ("nll_per_sample", "marginal_entropy", "order_1_nll"))
            assert nll < table and nll <= entropy - 1.5
            continue
        number = measured["frechet_distance"]
        assert (number["n"], number["seed"]) == (10_000, 0)
        assert number["extractor"] == _space()
        seen.append(name)
    assert len(seen) >= 3
    assert zoo.card(metrics.CLASSIFIER)["model"]["sha256"] == metrics.CLASSIFIER_SHA256
    accuracy = zoo.card(metrics.CLASSIFIER)["metrics"][0]
    assert (accuracy["metric"], accuracy["n"]) == ("accuracy", 10_000) and accuracy["value"] >= 0.925
    assert (zoo_folder() / "frames.json").is_file()


BINARY = ("fvbn", "nade", "made", "pixelcnn", "gated-pixelcnn", "row-lstm", "diagonal-bilstm")


def test_the_autoregressive_entries_keep_their_marks():
    nats: dict[str, float] = {}
    for system in BINARY:
        numbers = {number["metric"]: number for number in zoo.card(f"{system}-binary-fashion-mnist")["metrics"]}
        nll = numbers["nll"]
        assert (nll["kind"], nll["n"], nll["split"]) == ("exact", 10_000, "fashion_mnist test, binarized")
        nats[system] = nll["value"]
    ordered, wide = [nats[system] for system in BINARY[:3]], [nats[system] for system in BINARY[3:]]
    assert max(ordered) == nats["fvbn"]
    assert max(wide) < min(ordered)
    assert max(nats["pixelcnn"], nats["gated-pixelcnn"]) <= 232 and max(nats["row-lstm"], nats["diagonal-bilstm"]) <= 236
    assert nats["gated-pixelcnn"] <= nats["pixelcnn"] + 0.3
    assert min(nats.values()) <= 227.35  # the best of the family is below VampPrior's published bound


def test_the_8_bit_entries_keep_their_marks():
    for name in ("pixelcnn-fashion-mnist", "gated-pixelcnn-fashion-mnist"):
        numbers = {number["metric"]: number for number in zoo.card(name)["metrics"]}
        bits = numbers["bits_per_dim"]
        assert (bits["kind"], bits["n"], bits["split"]) == ("exact", 10_000, "fashion_mnist test, 8bit")
        assert bits["value"] <= 3.0
        if name.startswith("gated"):  # class-conditional
            assert numbers["class_accuracy"]["value"] >= 0.85


def test_remeasuring_one_number_keeps_the_others(entry: Callable[..., Path]):
    folder = entry("adversarial")
    before = json.loads((folder / "metrics.json").read_text())
    content = json.loads(json.dumps(before))
    content["metrics"] = [number for number in content["metrics"] if number["metric"] != "sample_std"]
    content["metrics"][0]["value"] = 7.0  # kept, right or wrong: `verify` compares
    (folder / "metrics.json").write_text(json.dumps(content))
    zoo.remeasure(folder, metrics=["sample_std"])
    after = json.loads((folder / "metrics.json").read_text())
    assert [number["metric"] for number in after["metrics"]] == [number["metric"] for number in before["metrics"]]
    assert after["metrics"][0]["value"] == 7.0
    assert after["metrics"][1:] == before["metrics"][1:]


def test_remeasuring_writes_numbers_and_card_but_no_weights(entry: Callable[..., Path]):
    folder = entry("adversarial")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    content = json.loads(before["metrics.json"])
    content["metrics"] = [{"metric": "old", "value": 3}]
    (folder / "metrics.json").write_text(json.dumps(content))
    (folder / "README.md").write_text("old")
    zoo.remeasure(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == before
