"""What `fit` and its like take beside arrays: it trains like the same arrays, or is refused in one sentence that names the cure."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen

SHAPE = (2, 2, 1)
X = (np.random.default_rng(0).random((10, *SHAPE)) < 0.5).astype(np.float32)
Y = np.arange(10) % 3


@functools.cache
def made() -> tuple[Any, list[np.ndarray]]:
    """One model, traced once for all tests, and what its variables hold at the start."""
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    model = tfgen.Classifier(SHAPE, num_classes=3, network=network, seed=4)
    model.compile()
    return model, [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)]


def build() -> Any:
    model, start = made()
    for variable, value in zip((*model.weights, *model.optimizer.variables), start, strict=True):
        variable.assign(value)
    return model


def trained(x: Any, y: Any = None, **options: Any) -> list[np.ndarray]:
    model = build()
    model.fit(x, y, verbose=0, **options)
    return [weight.numpy() for weight in model.weights]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


class Numbered(keras.utils.PyDataset):
    """Batches of four rows, and what happened to them."""

    def __init__(self, x: np.ndarray = X, y: Any = Y, **options: Any) -> None:
        super().__init__(**options)
        self.x, self.y, self.epochs, self.asked = x, y, [], []

    def __len__(self) -> int:
        return -(-len(self.x) // 4)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        self.asked.append(index)
        rows = slice(4 * index, 4 * index + 4)
        return self.x[rows], self.y[rows]

    def on_epoch_begin(self) -> None:
        self.epochs.append("begin")

    def on_epoch_end(self) -> None:
        self.epochs.append("end")


class Endless(Numbered):
    """The same batches for ever."""

    num_batches = None

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return super().__getitem__(index % 3)


def generated(*, epochs: int = 2, x: np.ndarray = X, y: Any = Y) -> Iterator[tuple[np.ndarray, ...]]:
    for start in epochs * (0, 4, 8):
        yield x[start : start + 4], y[start : start + 4]


def pairs(x: Any = X, y: Any = Y) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((x, y))


@pytest.fixture(scope="module")
def in_order() -> list[np.ndarray]:
    return trained(X, Y, batch_size=4, shuffle=False, epochs=2)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_numbered_data_set_trains_like_its_arrays(workers: int, in_order: list[np.ndarray]):
    given = Numbered(workers=workers)
    assert same(trained(given, shuffle=False, epochs=2), in_order)
    assert given.epochs == 2 * ["begin", "end"]


def test_its_batches_are_shuffled_by_seed_and_epoch():
    given, again = Numbered(), Numbered()
    straight = trained(given, epochs=4)
    orders = np.reshape(given.asked[1:], (4, 3))  # the first look apart
    assert (np.sort(orders) == np.arange(3)).all() and len({tuple(order) for order in orders}) > 1
    keras.utils.set_random_seed(99)
    trained(again, epochs=2)
    model = made()[0]
    model.fit(again, epochs=2, verbose=0)
    assert [*again.asked[1:7], *again.asked[8:]] == given.asked[1:]
    assert same([weight.numpy() for weight in model.weights], straight)


def test_what_can_only_be_iterated_trains_like_its_arrays(in_order: list[np.ndarray]):
    assert same(trained(generated(), steps_per_epoch=3, epochs=2), in_order)
    assert same(trained(Endless(), steps_per_epoch=3, epochs=2), in_order)
    loader = [[tf.constant(x), tf.constant(y)] for x, y in generated(epochs=1)]  # lists of tensors, as loaders give them
    assert same(trained(_Loader(loader), epochs=2), in_order)


class _Loader:
    """Iterates anew each time, as the loaders of other libraries do."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras says so of all data of unknown length
def test_evaluation_and_prediction_take_the_same():
    model = build()
    wanted, outputs = model.evaluate(X, Y, batch_size=4, verbose=0), model.predict(X, y=Y, verbose=0)
    for make in (Numbered, lambda: generated(epochs=1)):
        assert model.evaluate(make(), verbose=0) == wanted
        np.testing.assert_allclose(model.predict(make(), verbose=0), outputs, atol=1e-6)
    history = build().fit(X, Y, verbose=0, validation_data=generated(), validation_steps=3, epochs=2).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize("wrong", [255 * X, np.where(X > 0, np.nan, X)])
@pytest.mark.parametrize("make", [lambda x: (Numbered(x), {}), lambda x: (generated(x=x), {"steps_per_epoch": 3})])
def test_every_batch_is_checked(make: Any, wrong: np.ndarray):
    model, (given, options) = build(), make(wrong)
    with pytest.raises(ValueError, match=r"Divide by 255|finite numbers"):
        model.fit(given, verbose=0, **options)
    given, options = make(np.concatenate([X[:4], wrong[4:]]))
    with pytest.raises(tf.errors.OpError, match=r"Divide by 255|finite numbers"):
        model.fit(given, verbose=0, shuffle=False, **options)
    assert int(model.step) <= 1


def test_a_generator_says_how_much_of_it_is_read():
    for options, name in (({}, "steps_per_epoch"), ({"x": X, "y": Y, "validation_data": generated()}, "validation_steps")):
        with pytest.raises(ValueError, match=f"A generator can be read once: say by `{name}=...`"):
            build().fit(**{"x": generated(), **options})
    with pytest.raises(ValueError, match=r"at least one batch. Received: a generator of none"):
        build().fit(iter(()), steps_per_epoch=1)
    with (
        pytest.raises(ValueError, match=r"at least one batch in each epoch.* Received: none in epoch 2"),
        pytest.warns(UserWarning),
    ):
        build().fit(generated(epochs=1), epochs=2, steps_per_epoch=3, verbose=0)


def test_weights_are_those_of_the_batches():
    weights = np.linspace(0, 2, 10)

    def weighted(last: Any = weights[8:]) -> Iterator[tuple[np.ndarray, ...]]:
        for start, part in ((0, weights[:4]), (4, weights[4:8]), (8, last)):
            yield X[start : start + 4], Y[start : start + 4], part

    wanted = trained(X, Y, batch_size=4, shuffle=False, sample_weight=weights)
    assert same(trained(weighted(), steps_per_epoch=3), wanted)
    for late in (
        weighted(last=[np.nan, 1]),
        ((*batch[:2], *batch[2:][: number // 2]) for number, batch in enumerate(weighted())),
    ):
        with pytest.raises(
            tf.errors.OpError, match=r"one finite number per row|Received: a batch with weights after one without"
        ):
            trained(late, steps_per_epoch=3)


@pytest.mark.parametrize("given", [lambda: pairs().batch(4), Numbered, generated], ids=["dataset", "numbered", "generator"])
@pytest.mark.parametrize(
    "beside", [{"y": Y}, {"batch_size": 4}, {"sample_weight": np.ones(10)}], ids=lambda beside: next(iter(beside))
)
def test_nothing_that_is_given_beside_batches_is_dropped(given: Any, beside: dict[str, Any]):
    model = build()
    for method in (lambda: model.fit(given(), steps_per_epoch=1, **beside), lambda: model.evaluate(given(), **beside)):
        with pytest.raises(
            ValueError, match=f"expected no y, sample_weight, batch_size beside it. Received: {next(iter(beside))}$"
        ):
            method()


ONE = pairs().batch(5)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (ONE.map(lambda x, y: {"image": x, "label": y}), r"element\['image'\], element\['label'\].*keys 'image', 'label'"),
        (ONE.map(lambda x, y: ({"a": x}, y)), "each part one array. Received: dict inside a tuple"),
        (ONE.map(lambda x, y: (x, y, y, y)), "Received: tuples of 4 parts"),
        (ONE.map(lambda x, y: (tf.RaggedTensor.from_tensor(x[..., 0]), y)), r"`\.to_tensor\(\)`.*RaggedTensorSpec"),
        (pairs(), r"pass `dataset\.batch\(32\)`. Received: single examples of shape \(2, 2, 1\)"),
        (pairs(y=Y[:, None]).batch(5), r"A column becomes that by `y\[:, 0\]`. Received: y.shape=\(5, 1\)"),
        (pairs(y=Y.astype(str)).batch(5), r"keras\.layers\.StringLookup.* Received: text"),
        (pairs(x=(255 * X).astype(np.uint8)).batch(5), "Divide by 255"),
        ((X, Y), r"labels beside arrays as `y=`. Received: x of type tuple"),
        ({"x": X}, "Received: x of type dict"),
        (7, "Received: x of type int"),
        (Numbered(use_multiprocessing=True), "use_multiprocessing=False"),
        (Numbered(X[:0]), "Received: a PyDataset of none"),
    ],
)
def test_what_is_no_data_is_refused_in_one_sentence(given: Any, sentence: str):
    for method in ("fit", "evaluate"):
        with pytest.raises((ValueError, TypeError), match=sentence) as refusal:
            getattr(build(), method)(given)
        assert "\n" not in str(refusal.value)


def test_what_has_no_known_shape_is_given_that_of_the_model(in_order: list[np.ndarray]):
    def bare(x: tf.Tensor, y: tf.Tensor) -> Any:
        return tf.numpy_function(lambda x, y: (x, y), [x, y], [tf.float32, tf.int64])

    given = pairs().batch(4).map(bare)
    assert given.element_spec[0].shape.rank is None
    assert same(trained(given, epochs=2), in_order)


def test_labels_of_arrays_are_refused_with_their_cure():
    for y, sentence in ((Y[:, None], r"`y\[:, 0\]`"), (Y.astype(str), r"np\.unique\(y, return_inverse=True\)")):
        with pytest.raises((ValueError, TypeError), match=sentence):
            build().fit(X, y)
