"""What beside x and seeds a model is told: rows of it, tensors of it, and what `fit` takes where that is another thing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.small import CLASSES, LATENTS, SHAPE, LabelledGAN, LabelledVAE, build, examples
from tfgen import objectives
from tfgen.distributions import get_prior
from tfgen.models.adversarial import Game
from tfgen.models.batch import Batch
from tfgen.models.conditions import ClassLabel, Condition, FrameFeatures, class_label, in_turn
from tfgen.models.controls import check_controls, check_extent
from tfgen.models.signatures import batch_of

LABEL, FEATURES = ClassLabel(3), FrameFeatures(2, hop=3, length=12)
FRAMES = np.random.default_rng(0).normal(size=(2, 4, 2)).astype(np.float32)


# ---- rows ----


def test_a_class_is_one_a_row() -> None:
    assert LABEL.rows(2, 3).tolist() == [2, 2, 2] and LABEL.rows([0, 2], 2).tolist() == [0, 2]
    assert LABEL.rows(np.array([1], np.uint8), 1).dtype == np.int64
    assert LABEL.rows(1, 0).shape == LABEL.rows([], 0).shape == (0,)
    assert LABEL.turn(5).tolist() == [0, 1, 2, 0, 1]
    assert (LABEL.count(1, None), LABEL.count([0, 1], None), LABEL.count(1, [7, 8]), LABEL.count(None, 3)) == (1, 2, None, None)
    assert LABEL.describe() == {"num_classes": 3} and LABEL.spec() == batch_of((), tf.int64, "label")
    assert class_label(None) is None and class_label(3) == LABEL


@pytest.mark.parametrize("value", [3, -1, 0.5, "a", [0, 1], [[0], [1], [2]], None, [True, False, True]])
def test_a_wrong_class_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="Received"):
        LABEL.rows(value, 3)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_a_number_of_classes_is_one(value: Any) -> None:
    with pytest.raises(ValueError, match=r"`num_classes` must be a number of classes.*Received: num_classes="):
        class_label(value)


def test_features_are_some_a_frame() -> None:
    np.testing.assert_array_equal(FEATURES.rows(FRAMES.tolist(), 2), FRAMES)
    assert FEATURES.rows(FRAMES[:0], 0).shape == (0, 4, 2) and FEATURES.turn(3) is None
    assert (FEATURES.frames(), FEATURES.frames(1), FEATURES.frames(13)) == (4, 1, 5)
    assert FEATURES.spec(7).shape.as_list() == [None, 3, 2] and FEATURES.describe() == {}
    assert (FEATURES.count(FRAMES, None), FEATURES.count(FRAMES, [1, 2]), FEATURES.count(None, 1)) == (2, None, None)
    for value, n, message in (
        (None, 2, "conditional on 2 features a frame.*Received: features=None"),
        (FRAMES, 3, "each of the 3 rows. Received: 2 rows of features"),
        (FRAMES[:, 1:], 2, r"Expected `features` of shape \(batch, 4, 2\)"),
        (FRAMES * np.nan, 2, "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            FEATURES.rows(value, n)


def test_rows_that_nobody_chose_are_taken_in_turn() -> None:
    assert in_turn(LabelledVAE(), 4)["label"].tolist() == [0, 1, 2, 0]
    assert in_turn(LabelledVAE(), 3, [2, 1])["label"].tolist() == [2, 1, 2]
    assert in_turn(build("vae"), 4) == {}
    np.testing.assert_array_equal(in_turn(build("wavenet"), 3, FRAMES)["features"], FRAMES[[0, 1, 0]])
    with pytest.raises(ValueError, match=r"none can be chosen for you.*Received: features=None"):
        in_turn(build("wavenet"), 3)


def test_controls_and_extents() -> None:
    found = check_controls({"temperature": 0.5, "truncation": None}, ["temperature"], 3, "VAE")
    assert found["temperature"].tolist() == [0.5] * 3 and found["temperature"].dtype == np.float32
    for given, message in (
        ({"truncation": 1.0}, "VAE has no `truncation`. Sampling controls of this model: temperature"),
        ({"temperature": [1.0, 2.0]}, "for each of the 3 rows"),
        ({"temperature": [1.0, 0.0, 1.0]}, "must be positive"),
        ({"temperature": "hot"}, "must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            check_controls(given, ["temperature"], 3, "VAE")
    assert (check_extent(None, "length", 8), check_extent(8, "length", 8), check_extent(9, "length", 8)) == (None, None, 9)


# ---- tensors ----


def test_wrong_classes_are_refused_inside_a_graph() -> None:
    checked = tf.function(LABEL.tensor)
    assert checked(tf.constant([0, 2])).dtype == tf.int64
    for wrong in ([0, 3], [-1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected labels in \[0, 3\)"):
            checked(tf.constant(wrong))


@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize("name", ["labelled vae", "labelled gan", "labelled pixelcnn"])
def test_labels_as_tensors_are_labels(name: str, open_batch: bool) -> None:
    """One for all rows or one each, as a number or a tensor, eagerly and inside a graph that may not know the number of rows."""
    model, rows = build(name), 3
    x, latents = examples(model, rows), np.random.default_rng(1).normal(size=(rows, LATENTS)).astype(np.float32)
    array, method = (x, model.log_prob) if name == "labelled pixelcnn" else (latents, model.decode)
    for label in (1, [0, 2, 1]):
        expected = method(array, label=label)
        tensor = tf.constant(label, tf.int64)
        if not open_batch:
            for given in (label, tensor):
                np.testing.assert_allclose(method(tf.constant(array), label=given), expected, rtol=1e-5, atol=1e-5)
        rows_known = None if open_batch else rows
        specs = [tf.TensorSpec([rows_known, *array.shape[1:]]), tf.TensorSpec([rows_known] * len(tensor.shape), tf.int64)]
        inside = tf.function(lambda x, y: method(x, label=y), specs, autograph=False)
        np.testing.assert_allclose(inside(tf.constant(array), tensor), expected, rtol=1e-5, atol=1e-5)
        fixed = tf.function(lambda x, label=label: method(x, label=label), specs[:1], autograph=False)
        np.testing.assert_allclose(fixed(tf.constant(array)), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected labels in \[0, 3\)"):
        method(tf.constant(array), label=tf.constant([0, 1, 3]))


def test_features_as_tensors_are_features() -> None:
    model = build("wavenet")
    x = examples(model, 2)
    expected = model.log_prob(x, features=FRAMES)
    np.testing.assert_allclose(model.log_prob(tf.constant(x), features=tf.constant(FRAMES)), expected, rtol=1e-5)
    specs = [tf.TensorSpec([None, 12, 1]), tf.TensorSpec([None, 4, 2])]
    inside = tf.function(lambda x, y: model.log_prob(x, features=y), specs, autograph=False)
    np.testing.assert_allclose(inside(tf.constant(x), tf.constant(FRAMES)), expected, rtol=1e-5)
    with tf.GradientTape() as tape:
        features = tf.constant(FRAMES)
        tape.watch(features)
        values = model.log_prob(tf.constant(x), features=features)
    assert np.abs(tape.gradient(values, features)).max() > 1e-3


@pytest.mark.parametrize("label", [[0, 1], [[0], [1], [2]], [0.5, 1.0, 2.0], 3, None])
def test_labels_that_do_not_fit_tensors_are_refused(label: Any) -> None:
    model = build("labelled vae")
    x = tf.constant(examples(model, 3))
    for given in (label, tf.constant(label) if label is not None and label != 3 else label):
        with pytest.raises((ValueError, TypeError), match=r"[Ee]xpected .*label.*Received|Received: .*label"):
            model.elbo(x, seed=0, label=given)


def test_a_condition_that_a_model_has_not_is_refused_as_one() -> None:
    for name, given, message in (
        ("vae", {"label": 1}, "VAE takes no `label`: it is not conditional, which `num_classes` makes it. Received: label=1"),
        (
            "wavenet",
            {"label": 1, "features": FRAMES},
            "WaveNet takes no `label`: it is conditional on `features`. Received: label=1",
        ),
        (
            "labelled vae",
            {"features": FRAMES, "label": 1},
            r"takes no `features`: it is conditional on `label`.*of shape \(2, 4, 2\)",
        ),
    ):
        model = build(name)
        with pytest.raises(ValueError, match=message):
            model.sample(2, seed=0, **given)
    assert build("vae").sample(2, seed=0, label=None, features=None).shape == (2, *SHAPE)
    with pytest.raises(ValueError, match=r"it is not conditional, which `num_classes` makes it. Received: label=1"):
        tfgen.WaveNet(8, dilations=(1,), blocks=1, filters=1, skip=1).sample(2, seed=0, label=1)


# ---- in both families that have latents ----


@pytest.mark.parametrize("build", [LabelledVAE, LabelledGAN])
def test_latents_and_labels_live_together(build: Any) -> None:
    """Every method of a conditional latent or adversarial model takes its label, and the label matters."""
    keras.utils.set_random_seed(0)
    model, x = build(), np.random.default_rng(1).integers(0, 2, (6, *SHAPE)).astype(np.float32)
    label, latents = np.arange(6) % CLASSES, np.zeros((6, LATENTS), np.float32)
    calls: dict[str, Any] = {
        "sample": lambda y: model.sample(seed=[1, 2, 3, 4, 5, 6], label=y),
        "decode": lambda y: model.decode(latents, label=y),
        "call": lambda y: model(x, label=y),
        "predict": lambda y: model.predict(x, y=y, verbose=0),
        "interpolate": lambda y: model.interpolate(
            *((x, x[::-1]) if build is LabelledVAE else (range(6), range(6, 12))), label=y
        ),
    }
    if build is LabelledVAE:
        calls["encode"] = lambda y: model.encode(x, label=y)[0]
        calls["bound"] = lambda y: model.log_prob_bound(x, 3, seed=0, label=y)
    else:
        calls["judge"] = lambda y: model.judge(x, label=y)
    for name, call in calls.items():
        one, other = np.asarray(call(label)), np.asarray(call(np.roll(label, 1)))
        assert len(one) == 6 and np.abs(one - other).max(tuple(range(1, one.ndim))).min() > 1e-5, name
    assert model.manifold(3, label=1).shape == (3, 3, *SHAPE)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"conditional on 3 classes.*Received: y=None"):
        model.fit(x, verbose=0)
    history = model.fit(x, label, batch_size=3, verbose=0, validation_data=(x, label)).history
    assert np.isfinite([value for values in history.values() for value in values]).all()
    assert model.export_metadata()["num_classes"] == 3


# ---- a target apart from the condition ----


class Brightness(Condition):
    """The mean of an image, which is taken from the image itself."""

    name, read_from_y = "brightness", False

    def spec(self, extent: int | None = None) -> tf.TensorSpec:
        return batch_of((), tf.float32, self.name)

    def check(self, values: Any, *, name: str, extent: int | None = None) -> None:
        if values is None:
            raise ValueError(f"Expected a brightness. Received: {name}=None")

    def rows(self, value: Any, n: int, *, extent: int | None = None) -> np.ndarray:
        self.check(value, name=self.name)
        return np.broadcast_to(np.asarray(value, np.float32), (n,))

    def tensor(self, values: Any) -> tf.Tensor:
        return tf.cast(values, tf.float32)

    def of(self, x: tf.Tensor, y: Any) -> tf.Tensor:
        return tf.reduce_mean(x, [1, 2, 3])

    def count(self, value: Any, seed: Any) -> int | None:
        return None


class Apart(tfgen.AdversarialModel):
    """A game whose images have a brightness, whose `fit` takes classes, and that writes down what its players saw."""

    def __init__(self, condition: Condition | None) -> None:
        super().__init__()
        self.condition_on(condition, target=ClassLabel(3))
        self.seen: list[Batch] = []
        self.generator, self.discriminator = (_network(*shapes, condition) for shapes in (((2,), SHAPE), (SHAPE, (1,))))
        self.finish_game(SHAPE, prior=get_prior(None, 2), game=Game(objectives.get_objective("saturating")))

    def terms(self, player: str, round: Any) -> dict[str, tf.Tensor]:
        self.seen.append(round.batch)
        return super().terms(player, round)


def _network(inputs: tuple[int, ...], outputs: tuple[int, ...], condition: Condition | None) -> keras.Model:
    given: Any = [keras.Input(inputs), keras.Input(())]
    x = keras.layers.Flatten()(given[0])
    if condition is not None:
        x = keras.layers.Concatenate()([x, keras.layers.Reshape((1,))(given[1])])
    x = keras.layers.Dense(int(np.prod(outputs)), activation="sigmoid")(x)
    return keras.Model(given if condition is not None else given[0], keras.layers.Reshape(outputs)(x))


@pytest.mark.parametrize("condition", [None, Brightness()])
def test_what_fit_takes_may_be_another_thing_than_what_sample_takes(condition: Condition | None) -> None:
    model, x, y = Apart(condition), examples(build("gan"), 6), np.array([0, 1, 2, 2, 1, 0])
    assert model.conditional and model.target == ClassLabel(3)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"conditional on 3 classes.*Received: y=None"):
        model.fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        model.fit(x, y + 1, verbose=0)
    model.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    model.evaluate(x, y, batch_size=6, verbose=0)
    assert len(model.seen) == 4 and [batch.training for batch in model.seen] == [True, True, False, False]
    for batch in model.seen:
        np.testing.assert_array_equal(batch.target, y)
        if condition is not None:
            np.testing.assert_allclose(batch.condition, x.mean((1, 2, 3)), rtol=1e-6)
        else:
            assert batch.condition is None
    # samples are drawn given the condition alone, and predictions need no target
    given = {} if condition is None else {"brightness": [0.1, 0.9]}
    assert model.sample(2, seed=0, **given).shape == (2, *SHAPE)
    assert model.sampling_controls == (*given, "truncation")
    assert [spec.name for spec in model.signatures()["sample"].inputs] == ["seed", *given]
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x, **{name: x.mean((1, 2, 3)) for name in given}), rtol=1e-5)
    with pytest.raises(ValueError, match="takes no `label`"):
        model.sample(2, seed=0, label=1, **given)
