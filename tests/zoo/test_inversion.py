"""Latents of given images, by descent through a trained generator."""

from __future__ import annotations

import numpy as np

import tfgen


def test_the_dcgans_latents_of_its_own_images_are_found_again():
    model = tfgen.zoo.load("dcgan-fashion-mnist")
    images = model.sample(2, seed=5)
    latents, errors = model.invert(images, steps=300, seed=0)
    _, begun = model.invert(images, steps=1, seed=0)
    np.testing.assert_allclose(np.mean((model.decode(latents) - images) ** 2, (1, 2, 3)), errors, rtol=1e-3)
    assert (errors < 0.1 * begun).all(), (errors, begun)
