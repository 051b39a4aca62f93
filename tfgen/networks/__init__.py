"""Networks: ordinary Keras models and layers that know nothing of training."""

from __future__ import annotations

from tfgen.networks.dcgan import dcgan_discriminator, dcgan_generator
from tfgen.networks.pixelcnn import CausalNetwork, PixelCNNNetwork

__all__ = ["CausalNetwork", "PixelCNNNetwork", "dcgan_discriminator", "dcgan_generator"]
