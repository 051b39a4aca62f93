"""`VAE(num_classes=)`: labels reach encoder and decoder, row by row, through every method, bound and file."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfgen

IMAGES = np.round(np.random.default_rng(0).random((6, 6, 5, 1))).astype(np.float32)
LABELS = np.arange(6) % 3
OTHER = np.array([0, 1, 0, 0, 1, 2])  # differs from LABELS in row 2


def vae(**arguments) -> tfgen.VAE:
    keras.utils.set_random_seed(2)
    model = tfgen.VAE((6, 5, 1), **{"latent_dim": 3, "network": "mlp", "width": 6, "num_classes": 3, **arguments})
    model.compile()
    return model


@pytest.fixture(scope="module", params=["mlp", "convolutional"])
def model(request) -> tfgen.VAE:
    model = vae(network=request.param)
    model.fit(IMAGES, LABELS, batch_size=3, verbose=0)
    return model


def rows_that_moved(one: np.ndarray, other: np.ndarray) -> list[int]:
    return np.flatnonzero(np.abs(one - other).reshape(len(one), -1).max(1) > 1e-7).tolist()


def test_every_method_follows_the_label_of_each_row(model: tfgen.VAE):
    for method in (
        lambda label: model.elbo(IMAGES, seed=0, label=label),
        lambda label: model.log_prob_bound(IMAGES, 5, seed=0, label=label),
        lambda label: model.encode(IMAGES, label=label)[0],
        lambda label: model.encode(IMAGES, label=label)[1],
        lambda label: model.reconstruct(IMAGES, label=label),
        lambda label: model.decode(np.ones((6, 3), np.float32), label=label),
        lambda label: model.sample(6, seed=0, label=label),
        lambda label: model.predict(IMAGES, y=label, verbose=0),
    ):
        assert rows_that_moved(method(LABELS), method(OTHER)) == [2]


def test_one_latent_in_every_class(model: tfgen.VAE):
    latents = model.encode(IMAGES[:1], label=LABELS[:1])[0]
    classes = model.decode(np.repeat(latents, 3, 0), label=[0, 1, 2])
    np.testing.assert_allclose(classes[LABELS[0]], model.reconstruct(IMAGES[:1], label=LABELS[:1])[0], atol=1e-6)
    assert len({image.tobytes() for image in classes}) == 3


def test_the_bounds_are_in_order_given_the_label(model: tfgen.VAE):
    few, many = (model.log_prob_bound(IMAGES, k, seed=1, label=LABELS).mean() for k in (1, 300))
    elbo = np.mean([model.elbo(IMAGES, seed=seed, label=LABELS).mean() for seed in range(20)])
    assert elbo < many + 0.05 and few < many + 0.5
    metrics = model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True)
    other = model.evaluate(IMAGES, OTHER, verbose=0, return_dict=True)
    assert abs(metrics["elbo"] - other["elbo"]) > 1e-5


def test_a_decoder_that_is_told_the_class_does_not_pay_for_it():
    """Two classes, black and white: given the label nothing is left to say, without it one bit is."""
    labels = np.arange(6400) % 2
    images = np.broadcast_to(labels[:, None, None, None], (6400, 2, 2, 1)).astype(np.float32)
    kl = {}
    for num_classes in (None, 2):
        keras.utils.set_random_seed(0)
        model = tfgen.VAE((2, 2, 1), latent_dim=1, network="mlp", width=16, num_classes=num_classes)
        model.compile(keras.optimizers.Adam(2e-2))
        given = labels if num_classes else None
        model.fit(images, given, batch_size=64, epochs=2, verbose=0)
        few = images[:64], None if given is None else given[:64]
        kl[num_classes] = model.evaluate(*few, verbose=0, return_dict=True)["kl"]
    assert kl[2] < 0.1 and kl[None] > 0.4, kl


def test_priors_posteriors_and_bounds_go_with_labels(tmp_path):
    model = vae(prior=tfgen.distributions.NormalMixture(3, 2), posterior="full", importance_samples=3, ema=0.9)
    model.fit(IMAGES, LABELS, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(twin.sample(label=[0, 1], seed=1), model.sample(label=[0, 1], seed=1))
    np.testing.assert_array_equal(twin.elbo(IMAGES, seed=1, label=LABELS), model.elbo(IMAGES, seed=1, label=LABELS))


def test_a_missing_label_is_told_by_name():
    model = vae()
    for call in (
        lambda: model.sample(2, seed=0),
        lambda: model.elbo(IMAGES, seed=0),
        lambda: model.encode(IMAGES),
        lambda: model.decode(np.zeros((2, 3), np.float32)),
        lambda: model.interpolate(IMAGES[:1], IMAGES[1:2]),
    ):
        with pytest.raises(ValueError, match=r"one label for each row.*Received: label=None"):
            call()
