"""`GAN(num_classes=)`: labels reach both players, row by row, through training, use and files."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen

IMAGES = np.random.default_rng(0).random((8, 6, 5, 1)).astype(np.float32)
LABELS = np.arange(8) % 3


def gan(**arguments) -> tfgen.GAN:
    keras.utils.set_random_seed(2)
    model = tfgen.GAN((6, 5, 1), **{"latent_dim": 3, "width": 2, "num_classes": 3, **arguments})
    model.compile()
    return model


@pytest.mark.parametrize("conditioning", ["concatenate", "projection"])
def test_both_players_follow_the_label_of_each_row(conditioning: str):
    model = gan(conditioning=conditioning)
    latents = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    one, other = model.decode(latents, label=[0, 1]), model.decode(latents, label=[0, 2])
    np.testing.assert_array_equal(one[0], other[0])
    assert np.abs(one[1] - other[1]).max() > 1e-5
    one, other = model.judge(IMAGES[:2], label=[0, 1]), model.judge(IMAGES[:2], label=[0, 2])
    assert one[0] == other[0] and abs(one[1] - other[1]) > 1e-6


@pytest.mark.parametrize("conditioning", ["concatenate", "projection"])
def test_a_label_changes_the_loss_of_its_own_row_only(conditioning: str):
    model = gan(conditioning=conditioning)
    other = LABELS.copy()
    other[3] = (other[3] + 1) % 3
    seeds = tf.constant(tfgen.random.row_seeds(0, 8))

    def losses(labels: np.ndarray) -> dict[str, tf.Tensor]:
        return model.per_example(model.make_batch(IMAGES, labels, None, seeds, False))

    first, second = losses(LABELS), losses(other)
    for name in ("generator_loss", "discriminator_loss"):
        moved = np.flatnonzero(np.abs(first[name] - second[name]) > 1e-7)
        assert moved.tolist() == [3], name


def test_the_same_latents_with_another_label_are_another_picture_of_the_same_seed():
    model = gan()
    same = [model.sample(2, seed=4, label=label) for label in (0, 0, 1)]
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(same[0] - same[2]).max() > 1e-5
    walk = model.interpolate([4, 5], [6, 7], 3, label=[2, 0])
    np.testing.assert_allclose(walk[:, 0], model.sample(seed=[4, 5], label=[2, 0]), atol=1e-6)


def test_a_game_taught_classes_draws_what_it_is_asked_for():
    """Two classes, black and white: a few steps are enough to tell them apart."""
    keras.utils.set_random_seed(0)
    labels = np.arange(1280) % 2
    images = np.broadcast_to(labels[:, None, None, None], (1280, 4, 4, 1)).astype(np.float32)
    model = tfgen.GAN((4, 4, 1), latent_dim=2, width=8, num_classes=2, objective="least_squares")
    model.compile(keras.optimizers.Adam(5e-3, beta_1=0.5), keras.optimizers.Adam(5e-3, beta_1=0.5))
    model.fit(images, labels, batch_size=32, epochs=2, verbose=0)
    means = [float(model.sample(16, seed=0, label=label).mean()) for label in (0, 1)]
    assert means[1] - means[0] > 0.5, means


@pytest.mark.parametrize("objective", ["least_squares", "hinge", tfgen.objectives.get_objective("least_squares", a=-1.0)])
def test_objectives_by_name_and_as_objects_travel_in_files(objective, tmp_path):
    model = gan(objective=objective, conditioning="projection", ema=0.9)
    model.fit(IMAGES, LABELS, batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    assert twin.get_config() == model.get_config()
    np.testing.assert_array_equal(twin.sample(label=[0, 1, 2], seed=1), model.sample(label=[0, 1, 2], seed=1))
    names = model.metrics_names, twin.metrics_names
    results = [m.evaluate(IMAGES, LABELS, verbose=0, return_dict=True) for m in (model, twin)]
    assert names[0] == names[1] and results[0] == results[1]


def test_networks_that_do_not_take_labels_are_refused_in_one_sentence():
    plain = tfgen.networks.dcgan_generator((6, 5, 1), 3, width=2)
    with pytest.raises(ValueError, match=r"Expected `generator` to go from \[\(3,\), label \(\)\] to \(6, 5, 1\)"):
        gan(generator=plain)
    with pytest.raises(ValueError, match="`conditioning` must be one of 'concatenate', 'projection'"):
        gan(conditioning="attention")
