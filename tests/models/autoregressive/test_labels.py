"""Class-conditional autoregressive models: probabilities, samples and completions given a label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import Categorical, DiscretizedLogisticMixture

from .small import all_images, by_steps, images, pixelcnn, trained_on

TINY: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "2x3 binary": ((2, 3, 1), {}),
    "1x2 of two channels, three levels": ((1, 2, 2), {"likelihood": Categorical(3)}),
    "1x1x3 mixture": ((1, 1, 3), {"likelihood": DiscretizedLogisticMixture(2, levels=4)}),
}


def conditional(shape: tuple[int, int, int], **arguments: Any) -> tfgen.GatedPixelCNN:
    return pixelcnn(shape, **{"system": tfgen.GatedPixelCNN, "num_classes": 3, "filters": 4, **arguments})


@pytest.mark.parametrize("name", TINY)
def test_each_class_sums_to_one_and_has_probabilities_of_its_own(name: str) -> None:
    shape, arguments = TINY[name]
    model = conditional(shape, **arguments)
    x = all_images(model)
    each = [model.log_prob(x, label).astype(np.float64) for label in range(3)]
    for log_prob in each:
        assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-4)
    assert np.abs(each[0] - each[1]).max() > 0.1 and np.abs(each[1] - each[2]).max() > 0.1
    mixed = np.arange(len(x)) % 3
    np.testing.assert_allclose(model.log_prob(x, mixed), np.choose(mixed, each), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        by_steps(model, x[:7], label=tf.constant(mixed[:7])), model.log_prob(x[:7], mixed[:7]), rtol=1e-4
    )


def test_samples_follow_their_class() -> None:
    """Class 0 is black, class 1 white, class 2 striped: a trained model draws, completes and recognises them."""
    stripes = np.tile(np.array([0.0, 1.0], np.float32)[None, :, None], (4, 2, 1))
    kinds = np.stack([np.zeros((4, 4, 1)), np.ones((4, 4, 1)), stripes]).astype(np.float32)
    label = np.arange(24) % 3
    model = trained_on(kinds[label], 120, tfgen.GatedPixelCNN, label, num_classes=3, filters=6)
    asked = [2, 0, 1, 1, 2]
    drawn = model.sample(label=asked, seed=3)
    assert np.abs(drawn - kinds[asked]).mean() < 0.05
    nothing = np.zeros((5, 4, 4, 1))
    np.testing.assert_array_equal(model.complete(nothing, False, seed=3, label=asked), drawn)
    scores = np.stack([model.log_prob(kinds, label=k) for k in range(3)], 1)
    assert (scores.argmax(1) == np.arange(3)).all()
    means = model.predict(kinds, y=np.arange(3), verbose=0)
    assert np.abs(means - kinds).mean() < 0.05
    assert np.abs(model.predict(kinds, y=np.array([1, 2, 0]), verbose=0) - kinds).mean() > 0.1
    metrics = model.evaluate(kinds, np.arange(3), verbose=0, return_dict=True)
    assert metrics["nll"] == pytest.approx(-model.log_prob(kinds, np.arange(3)).mean(), rel=1e-5)


def test_a_row_follows_its_own_seed_and_label() -> None:
    model = conditional((4, 5, 1))
    drawn = model.sample(seed=[1, 2, 3, 4], label=[0, 1, 2, 0])
    np.testing.assert_array_equal(model.sample(seed=[3, 1], label=[2, 0]), drawn[[2, 0]])
    np.testing.assert_array_equal(model.sample(seed=[1, 4], label=0), drawn[[0, 3]])
    assert model.sample(label=1, seed=0).shape == (1, 4, 5, 1) and model.sample(3, label=1, seed=0).shape == (3, 4, 5, 1)
    assert model.sample(label=[], seed=0).shape == (0, 4, 5, 1)


def test_signatures_name_the_label() -> None:
    model = conditional((3, 4, 1))
    inputs = {name: [spec.name for spec in signature.inputs] for name, signature in model.signatures().items()}
    assert inputs == {
        "sample": ["seed", "label"],
        "sample_with_controls": ["seed", "label", "temperature"],
        "log_prob": ["image", "label"],
        "complete": ["image", "observed", "seed", "label"],
    }
    assert model.export_metadata()["num_classes"] == 3
    wrong = {"seed": tf.constant([1, 2], tf.int64), "label": tf.constant([1, 3], tf.int64)}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected labels in \[0, 3\)"):
        tf.function(model.signatures()["sample"].function)(**wrong)


def test_a_later_batch_with_a_wrong_label_is_named() -> None:
    model = conditional((3, 4, 1))
    model.compile()
    x = images((3, 4, 1), 8)
    data = tf.data.Dataset.from_tensor_slices((x, np.array([0, 1, 2, 0, 1, 2, 3, 0]))).batch(4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Expected labels in \[0, 3\)"):
        model.fit(data, verbose=0)


@pytest.mark.parametrize("label", [None, 3, -1, 0.5, "a", [0, 1], [[0], [1], [2]], [True, False, True]])
def test_wrong_labels_are_refused_in_one_sentence(label: Any) -> None:
    model = conditional((3, 4, 1))
    x = images((3, 4, 1), 3)
    for call in (
        lambda: model.sample(3, seed=0, label=label),
        lambda: model.log_prob(x, label),
        lambda: model.complete(x, False, seed=0, label=label),
    ):
        with pytest.raises((ValueError, TypeError), match="Received"):
            call()


def test_unconditional_models_have_no_label() -> None:
    model = pixelcnn((3, 4, 1))
    for call in (lambda: model.sample(2, seed=0, label=1), lambda: model.log_prob(images((3, 4, 1), 2), 1)):
        with pytest.raises(ValueError, match=r"PixelCNN takes no `label`: it is not conditional. Received: label=1"):
            call()
