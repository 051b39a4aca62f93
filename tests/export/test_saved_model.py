"""What is in a version folder, and that every loader reads the same numbers from it."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import tfgen
from tfgen.export import saved_model

from . import loaders
from .small_model import LATENT, SIDE, OneSignature, SmallModel

SEED = tf.TensorSpec([None], tf.int64, name="seed")
SIGNATURES = ["decode", "encode", "log_prob", "sample", "sample_png", "serving_default"]


def _inputs(signature: str, rows: int = 3) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(5)
    if signature == "decode":
        return {"latent": noise.normal(size=(rows, LATENT)).astype("float32")}
    if signature in ("encode", "log_prob"):
        return {"image": noise.uniform(size=(rows, SIDE, SIDE, 1)).astype("float32")}
    return {"seed": tfgen.random.row_seeds(7, rows)}


def _expected(model: SmallModel, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    function = model.signatures()["sample" if signature == "serving_default" else signature].function
    return {name: value.numpy() for name, value in function(**inputs).items()}


@pytest.fixture(scope="module")
def loaded(exported: Path):
    return tf.saved_model.load(str(exported))


def test_signatures_are_all_there(loaded):
    assert sorted(loaded.signatures) == SIGNATURES


@pytest.mark.parametrize("load", [loaders.run_in_another_process, loaders.run_in_session, loaders.run_through_c_api])
@pytest.mark.parametrize("signature", ["sample", "log_prob", "serving_default"])
def test_every_loader_gives_the_models_own_numbers(exported, model, load, signature):
    inputs = _inputs(signature)
    outputs = load(exported, signature, inputs)
    expected = _expected(model, signature, inputs)
    assert sorted(outputs) == sorted(expected)
    for name, value in outputs.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)


@pytest.mark.parametrize("load", [loaders.run_in_another_process, loaders.run_in_session, loaders.run_through_c_api])
def test_every_loader_reads_the_png_files(exported, loaded, load):
    seeds = _inputs("sample")["seed"]
    files = load(exported, "sample_png", {"seed": seeds})["image_bytes"]
    images = loaded.signatures["sample"](seed=tf.constant(seeds))["image"].numpy()
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(file).numpy(), np.round(image * 255).astype("uint8"))


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_row_is_the_same_alone_and_in_a_batch(loaded, signature):
    function = loaded.signatures[signature]
    inputs = _inputs(signature, 6)
    together = function(**{name: tf.constant(value) for name, value in inputs.items()})
    for row in range(6):
        alone = function(**{name: tf.constant(value[row : row + 1]) for name, value in inputs.items()})
        for name, value in alone.items():
            if value.dtype == tf.string:
                assert value.numpy()[0] == together[name].numpy()[row]
            else:
                np.testing.assert_allclose(value[0], together[name][row], atol=1e-6)


def test_an_empty_batch_gives_no_rows(loaded):
    assert loaded.signatures["sample_png"](seed=tf.zeros([0], tf.int64))["image_bytes"].shape == [0]


def test_requests_merged_by_a_batching_server_equal_single_ones(loaded):
    sample = loaded.signatures["sample"]

    @tf.nondifferentiable_batch_function(1, 8, 200_000, allowed_batch_sizes=[8], autograph=False)
    def merged(seed):
        return sample(seed=seed)["image"]

    @tf.function(input_signature=[SEED], autograph=False)
    def all_rows(seeds):
        return tf.map_fn(lambda seed: merged(seed[None])[0], seeds, tf.float32, parallel_iterations=6)

    seeds = tf.constant(tfgen.random.row_seeds(3, 6))
    for row, image in zip(seeds, all_rows(seeds), strict=True):
        np.testing.assert_allclose(image, sample(seed=row[None])["image"][0], atol=1e-6)


def test_weights_are_stored_once(exported, model):
    stored = sum(path.stat().st_size for path in (exported / "variables").iterdir())
    assert model.weight_bytes() < stored < 1.1 * model.weight_bytes() + 2000


def test_only_used_weights_are_stored(tmp_path):
    model = SmallModel()
    used, unused = tf.Variable(2.0), tf.Variable(tf.zeros([50_000]))
    model.signatures = OneSignature(lambda seed: {"point": used * tf.cast(seed, tf.float32)}, SEED).signatures
    model.unused = unused
    folder = saved_model(model, tmp_path, warm_up=False)
    assert sum(path.stat().st_size for path in (folder / "variables").iterdir()) < 2000


def test_warm_up_has_one_running_request_per_signature(exported, loaded):
    records = tf.data.TFRecordDataset(str(exported / "assets.extra" / "tf_serving_warmup_requests"))
    names = []
    for record in records:
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        names.append(request.model_spec.signature_name)
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        definition = loaders.signature_def(exported, names[-1])
        assert {name: value.dtype for name, value in request.inputs.items()} == {
            name: tensor.dtype for name, tensor in definition.inputs.items()
        }
        for output in loaded.signatures[names[-1]](**inputs).values():
            assert output.shape[0] == 1
    assert sorted(names) == SIGNATURES


def test_controls_are_warmed_up_at_one(tmp_path):
    temperature = tf.TensorSpec([None], tf.float32, name="temperature")
    model = OneSignature(lambda seed, temperature: {"point": tf.math.divide_no_nan(1.0, temperature)}, SEED, temperature)
    folder = saved_model(model, tmp_path)
    record = next(iter(tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests"))))
    request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
    assert tf.make_ndarray(request.inputs["temperature"]).tolist() == [1.0]
    assert tf.make_ndarray(request.inputs["seed"]).tolist() == [0]


def test_without_warm_up_there_is_no_file(tmp_path):
    folder = saved_model(OneSignature(lambda seed: {"point": seed}, SEED), tmp_path, warm_up=False)
    assert os.listdir(folder / "assets.extra") == ["tfgen.json"]


def test_a_missing_serving_package_is_told_before_any_work(tmp_path, monkeypatch):
    for name in ("tensorflow_serving", "tensorflow_serving.apis"):
        monkeypatch.setitem(sys.modules, name, None)
    model = OneSignature(lambda seed: {"point": seed}, SEED)
    with pytest.raises(ImportError, match=r"pip install tensorflow-serving-api.*warm_up=False"):
        saved_model(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert saved_model(model, tmp_path / "new", warm_up=False).name == "1"


def test_description_holds_metadata_versions_and_signatures(exported, model):
    description = json.loads((exported / "assets.extra" / "tfgen.json").read_text())
    assert description["model"] == model.export_metadata()
    assert description["versions"]["tensorflow"] == tf.__version__
    assert description["versions"]["keras"] == keras.__version__
    assert description["versions"]["tfgen"]
    assert sorted(description["signatures"]) == SIGNATURES
    assert description["signatures"]["sample"] == {
        "inputs": {"seed": {"dtype": "int64", "shape": [None]}},
        "outputs": {"image": {"dtype": "float32", "shape": [None, SIDE, SIDE, 1]}},
    }


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "mixed_float16", "float64"])
def test_other_precisions_export_float32(tmp_path, dtype):
    model = SmallModel(dtype=dtype, width=20)
    folder = saved_model(model, tmp_path, warm_up=False)
    seeds = _inputs("sample")["seed"]
    for name, signature in tf.saved_model.load(str(folder)).signatures.items():
        for output in signature.structured_outputs.values():
            assert output.dtype == (tf.string if name == "sample_png" else tf.float32)
    expected = tf.cast(model.draw(tf.constant(seeds))["image"], tf.float32)
    np.testing.assert_allclose(loaders.run_in_session(folder, "sample", {"seed": seeds})["image"], expected, atol=1e-2)


def test_integers_and_truths_export_int64(tmp_path):
    model = OneSignature(lambda seed: {"label": tf.cast(seed, tf.int32), "real": seed > 1}, SEED, name="classify")
    outputs = loaders.run_in_session(saved_model(model, tmp_path), "classify", {"seed": np.array([1, 2])})
    assert outputs["label"].dtype == outputs["real"].dtype == np.int64
    assert outputs["real"].tolist() == [0, 1]


@pytest.mark.parametrize("channels", [3, 4])
def test_png_of_colours(tmp_path, channels):
    model = SmallModel(channels=channels, width=20)
    folder = saved_model(model, tmp_path, warm_up=False)
    seed = np.array([9])
    png = loaders.run_in_session(folder, "sample_png", {"seed": seed})["image_bytes"][0]
    expected = np.round(model.draw(tf.constant(seed))["image"][0].numpy() * 255)
    np.testing.assert_array_equal(tf.io.decode_png(png).numpy(), expected.astype("uint8"))


def test_two_channels_have_no_png(tmp_path):
    folder = saved_model(SmallModel(channels=2, width=20), tmp_path, warm_up=False)
    assert "sample_png" not in tf.saved_model.load(str(folder)).signatures


def test_wav_files_hold_what_the_model_draws_at_its_rate(tmp_path):
    keras.utils.set_random_seed(0)
    model = tfgen.WaveNet(60, dilations=(1, 2, 4), blocks=1, filters=4, skip=8, sample_rate=11025)
    folder = saved_model(model, tmp_path / "model", warm_up=False)
    seeds = tfgen.random.row_seeds(3, 4)
    drawn = model.sample(seed=seeds)
    assert len(np.unique(drawn)) > 50 and drawn.min() < -0.5 and drawn.max() > 0.5
    files = loaders.run_in_session(folder, "sample_wav", {"seed": seeds})["audio_bytes"]
    for file, clip in zip(files, drawn, strict=True):
        (tmp_path / "clip.wav").write_bytes(file)
        waveform, rate = tfgen.audio.read_wav(tmp_path / "clip.wav")
        assert rate == 11025
        np.testing.assert_allclose(waveform, clip, rtol=0.0, atol=0.51 / 32768)  # the nearest of 16 bits


def _tone(seed):
    return {"audio": tf.sin(tf.cast(seed, tf.float32)[:, None] * tf.range(100.0) / 10.0)}


def test_wav_needs_a_rate(tmp_path):
    with pytest.raises(ValueError, match=r"sample_rate.*Received: sample_rate=None"):
        saved_model(OneSignature(_tone, SEED), tmp_path)


def test_without_sample_the_first_signature_is_the_default(tmp_path):
    model = OneSignature(lambda seed: {"twice": 2 * seed}, SEED, name="double")
    folder = saved_model(model, tmp_path)
    assert loaders.run_in_session(folder, "serving_default", {"seed": np.array([4])})["twice"].tolist() == [8]


def test_a_conditional_model_takes_labels(tmp_path):
    model = SmallModel(conditional=True, width=20)
    folder = saved_model(model, tmp_path)
    inputs = {"seed": np.array([1, 1]), "label": np.array([2, 3])}
    images = loaders.run_in_session(folder, "sample", inputs)["image"]
    np.testing.assert_allclose(images, _expected(model, "sample", inputs)["image"], atol=1e-6)
    assert np.abs(images[0] - images[1]).max() > 1e-3


def test_a_model_made_under_a_strategy_exports_plainly(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = SmallModel(width=20)
    folder = saved_model(model, tmp_path, warm_up=False)
    seeds = _inputs("sample")["seed"]
    images = loaders.run_in_another_process(folder, "sample", {"seed": seeds})["image"]
    np.testing.assert_allclose(images, model.draw(tf.constant(seeds))["image"], atol=1e-6)


@pytest.mark.parametrize("wrong", [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), SmallModel, "vae", None])
def test_what_is_no_model_is_refused(tmp_path, wrong):
    with pytest.raises(TypeError, match=r"must be a tfgen model.*Received: model="):
        saved_model(wrong, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@tf.function(jit_compile=True, autograph=False)
def _compiled(x):
    return x + 1


def _spec(shape, dtype=tf.float32, name="x"):
    return tf.TensorSpec(shape, dtype, name=name)


_table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2], tf.int64, tf.int64), 0)

REFUSED = {
    "unnamed input": (lambda x: {"y": x}, [_spec([None], name=None)], "inputs with names"),
    "scalar input": (lambda x: {"y": x}, [_spec([])], "batch as its first axis"),
    "fixed batch": (lambda x: {"y": x}, [_spec([4])], "batch as its first axis"),
    "scalar output": (lambda x: {"y": tf.reduce_mean(x)}, [_spec([None])], "Output `y`.*batch as its first axis"),
    "fixed output": (lambda x: {"y": tf.zeros([3])}, [_spec([None])], "Output `y`.*batch as its first axis"),
    "other output size": (lambda x: {"y": tf.concat([x, x], 0)}, [_spec([None])], "a row per input row"),
    "python if": (lambda x: {"y": x if x[0] > 0 else -x}, [_spec([None])], "Python `if`"),
    "no dict": (lambda x: x, [_spec([None])], "a dict of named tensors"),
    "complex output": (lambda x: {"y": tf.complex(x, x)}, [_spec([None])], "Received: dtype=complex64"),
    "table": (lambda x: {"y": _table.lookup(tf.cast(x, tf.int64))}, [_spec([None])], "lookup table"),
    "xla": (lambda x: {"y": _compiled(x)}, [_spec([None])], "XLA compilation disabled"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_server_would_refuse_is_refused_before_anything_is_written(tmp_path, case):
    function, inputs, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        saved_model(OneSignature(function, *inputs), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_warm_up_that_fails_is_refused(tmp_path):
    def function(x):
        with tf.control_dependencies([tf.debugging.assert_positive(x)]):
            return {"y": tf.identity(x)}

    model = OneSignature(function, _spec([None]))
    with pytest.raises(ValueError, match="warm_up=False"):
        saved_model(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert saved_model(model, tmp_path / "new", warm_up=False).is_dir()


@pytest.mark.parametrize("metadata", [{"scale": math.nan}, {"array": np.zeros(2)}])
def test_metadata_that_json_cannot_hold_is_refused(tmp_path, metadata):
    with pytest.raises(ValueError, match="JSON can hold"):
        saved_model(OneSignature(lambda seed: {"point": seed}, SEED, metadata=metadata), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_python_refuses_is_an_error_in_the_export(tmp_path: Path):
    model = tfgen.FVBN((2, 2, 1))
    folder = saved_model(model, tmp_path, warm_up=False)
    half, seed = np.full((1, 2, 2, 1), 0.5, np.float32), np.array([1], np.int64)
    for signature, wrong, told in [
        ("log_prob", {"image": half}, "Expected `image` to hold only 0 and 1"),
        ("complete", {"image": half, "observed": 2 * half, "seed": seed}, "Expected `image` to hold only 0 and 1"),
        ("complete", {"image": half, "observed": -half, "seed": seed}, "Expected `observed` of finite numbers, above 0"),
        ("sample", {"seed": -seed}, r"Expected `seed` in \[0, 2\*\*53\)"),
        ("sample_with_controls", {"seed": seed, "temperature": np.array([1, 1], np.float32)}, "as many rows of each"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            loaders.run_in_session(folder, signature, wrong)
