"""Networks: ordinary Keras models and layers that know nothing of training."""

from __future__ import annotations

from tfgen.networks.autoencoders import convolutional_decoder, convolutional_encoder, mlp_decoder, mlp_encoder
from tfgen.networks.classifier import image_classifier
from tfgen.networks.dcgan import dcgan_discriminator, dcgan_generator, with_projection
from tfgen.networks.gated_pixelcnn import GatedPixelCNNNetwork
from tfgen.networks.made import MADENetwork
from tfgen.networks.nade import NADENetwork
from tfgen.networks.ordered import OrderedNetwork
from tfgen.networks.pixel_rnn import PixelRNNNetwork
from tfgen.networks.pixelcnn import CausalNetwork, PixelCNNNetwork
from tfgen.networks.wavenet import WaveNetNetwork

__all__ = [
    "CausalNetwork",
    "GatedPixelCNNNetwork",
    "MADENetwork",
    "NADENetwork",
    "OrderedNetwork",
    "PixelCNNNetwork",
    "PixelRNNNetwork",
    "WaveNetNetwork",
    "convolutional_decoder",
    "convolutional_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "image_classifier",
    "mlp_decoder",
    "mlp_encoder",
    "with_projection",
]
