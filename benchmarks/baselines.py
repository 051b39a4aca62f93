"""What a user would write: the plain Keras scripts that the library is measured against.

The training step is that of "DCGAN to generate face images" on keras.io (examples/generative/dcgan_overriding_train_step), its
networks those of "Conditional GAN" (examples/generative/conditional_gan) without labels; the PixelCNN is that of "PixelCNN"
(examples/generative/pixelcnn).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

__all__ = [
    "PlainGAN",
    "PlainPixelConvolution",
    "copy_gated_weights",
    "copy_weights",
    "keras_example_discriminator",
    "keras_example_generator",
    "keras_example_pixelcnn",
    "plain_gated_pixelcnn",
    "plain_pixelcnn",
    "plain_wavenet",
]

IMAGE_SHAPE = (28, 28, 1)
LATENT_DIM = 128


def keras_example_generator(
    *, transposed: Any = layers.Conv2DTranspose, last: Any = layers.Conv2D, dtype: Any = None
) -> keras.Model:
    """Builds the example's generator: latents (batch, 128) to images (batch, 28, 28, 1) in [0, 1].

    Args:
      transposed: class of the two transposed convolutions.
      last: class of the last convolution, 7x7 from 128 channels to one.
      dtype: Keras dtype policy of all but the sigmoid.
    """
    latents = keras.Input((LATENT_DIM,))
    x = layers.Dense(7 * 7 * 128, dtype=dtype)(latents)
    x = layers.LeakyReLU(negative_slope=0.2, dtype=dtype)(x)
    x = layers.Reshape((7, 7, 128), dtype=dtype)(x)
    for _ in range(2):
        x = transposed(128, 4, strides=2, padding="same", dtype=dtype)(x)
        x = layers.LeakyReLU(negative_slope=0.2, dtype=dtype)(x)
    x = last(1, 7, padding="same", dtype=dtype)(x)
    images = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(latents, images, name="generator")


def keras_example_discriminator(*, convolution: Any = layers.Conv2D, dtype: Any = None) -> keras.Model:
    """Builds the example's discriminator: images (batch, 28, 28, 1) to logits (batch, 1).

    Args:
      convolution: class of the two convolutions.
      dtype: Keras dtype policy of all but the last layer.
    """
    images = keras.Input(IMAGE_SHAPE)
    x = images
    for filters in (64, 128):
        x = convolution(filters, 3, strides=2, padding="same", dtype=dtype)(x)
        x = layers.LeakyReLU(negative_slope=0.2, dtype=dtype)(x)
    x = layers.GlobalMaxPooling2D(dtype=dtype)(x)
    logits = layers.Dense(1, dtype="float32")(x)
    return keras.Model(images, logits, name="discriminator")


class PlainGAN(keras.Model):
    """The example's model: `train_step` as it stands there."""

    def __init__(self, discriminator: keras.Model, generator: keras.Model, latent_dim: int = LATENT_DIM) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.gen_loss_tracker = keras.metrics.Mean(name="generator_loss")
        self.disc_loss_tracker = keras.metrics.Mean(name="discriminator_loss")

    def compile(self) -> None:
        """Sets the example's optimizers and loss."""
        super().compile()
        self.d_optimizer = keras.optimizers.Adam(learning_rate=0.0003)
        self.g_optimizer = keras.optimizers.Adam(learning_rate=0.0003)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, real_images: tf.Tensor) -> dict[str, Any]:
        """Updates the discriminator on fakes and reals in one batch, then the generator on new noise."""
        batch_size = tf.shape(real_images)[0]
        latents = keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)
        generated_images = self.generator(latents)
        combined_images = tf.concat([generated_images, real_images], axis=0)
        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(combined_images))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))

        latents = keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)
        misleading_labels = tf.zeros((batch_size, 1))
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(misleading_labels, self.discriminator(self.generator(latents)))
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        self.gen_loss_tracker.update_state(g_loss)
        self.disc_loss_tracker.update_state(d_loss)
        return {"g_loss": self.gen_loss_tracker.result(), "d_loss": self.disc_loss_tracker.result()}


class PlainPixelConvolution(layers.Layer):
    """The example's masked convolution: mask "A" hides the centre, "B" shows it; the kernel is multiplied in each call.

    Two masks more serve the vertical stack of Gated PixelCNN: "above" shows the rows above, "rows" the position's own row too.
    """

    def __init__(self, mask_type: str, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name)
        self.mask_type = mask_type
        self.conv = layers.Conv2D(**kwargs)

    def build(self, input_shape: Any) -> None:
        """Builds the convolution and the mask of its kernel."""
        self.conv.build(input_shape)
        kernel_shape = self.conv.kernel.shape
        self.mask = np.zeros(kernel_shape, dtype="float32")
        self.mask[: kernel_shape[0] // 2, ...] = 1.0
        visible = {"A": kernel_shape[1] // 2, "B": kernel_shape[1] // 2 + 1, "above": 0, "rows": kernel_shape[1]}
        self.mask[kernel_shape[0] // 2, : visible[self.mask_type], ...] = 1.0

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Masks the kernel, then convolves."""
        self.conv.kernel.assign(self.conv.kernel * self.mask)
        return self.conv(inputs)


def keras_example_pixelcnn(
    *, filters: int = 128, num_blocks: int = 5, image_shape: tuple[int, int, int] = IMAGE_SHAPE
) -> keras.Model:
    """Builds the example's PixelCNN: binary images to the probability of each pixel, both (batch, height, width, channels).

    Args:
      filters: channels of every layer; half as many inside a residual block.
      num_blocks: number of residual blocks.
      image_shape: (height, width, channels).
    """
    images = keras.Input(image_shape)
    x = PlainPixelConvolution("A", filters=filters, kernel_size=7, activation="relu", padding="same")(images)
    for _ in range(num_blocks):
        y = layers.Conv2D(filters // 2, 1, activation="relu")(x)
        y = PlainPixelConvolution("B", filters=filters // 2, kernel_size=3, activation="relu", padding="same")(y)
        y = layers.Conv2D(filters, 1, activation="relu")(y)
        x = layers.add([x, y])
    for _ in range(2):
        x = PlainPixelConvolution("B", filters=filters, kernel_size=1, strides=1, activation="relu", padding="valid")(x)
    probabilities = layers.Conv2D(image_shape[2], 1, activation="sigmoid")(x)
    return keras.Model(images, probabilities, name="pixelcnn")


def plain_pixelcnn(
    *,
    filters: int = 128,
    num_blocks: int = 5,
    dilations: Sequence[int] = (1,),
    image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    outputs: int = 1,
) -> keras.Model:
    """Builds the same network with the activations before the convolutions, as in the paper and in `tfgen.PixelCNN`.

    Args:
      filters: channels of every layer; half as many inside a residual block.
      num_blocks: number of residual blocks.
      dilations: dilation of each block's 3x3 convolution; the list is gone round again until all blocks have one.
      image_shape: (height, width, channels).
      outputs: numbers per pixel.
    """
    images = keras.Input(image_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(images)
    x = PlainPixelConvolution("A", filters=filters, kernel_size=7, padding="same")(x)
    for i in range(num_blocks):
        shared: dict[str, Any] = {"padding": "same", "dilation_rate": dilations[i % len(dilations)]}
        y = layers.Conv2D(filters // 2, 1)(layers.ReLU()(x))
        y = PlainPixelConvolution("B", filters=filters // 2, kernel_size=3, **shared)(layers.ReLU()(y))
        y = layers.Conv2D(filters, 1)(layers.ReLU()(y))
        x = layers.add([x, y])
    for _ in range(2):
        x = layers.Conv2D(filters, 1)(layers.ReLU()(x))
    return keras.Model(images, layers.Conv2D(outputs, 1)(layers.ReLU()(x)), name="plain_pixelcnn")


def copy_weights(model: Any, plain: keras.Model) -> None:
    """Copies a `tfgen.PixelCNN`'s weights into a `plain_pixelcnn` of the same size, so that both compute the same numbers."""
    convolutions = [layer for layer in plain.layers if isinstance(layer, (PlainPixelConvolution, layers.Conv2D))]
    network = model.network
    blocks = [layer for block in network.block_layers for layer in block]
    for target, source in zip(convolutions, [network.first, *blocks, *network.head_layers, network.last], strict=True):
        target = getattr(target, "conv", target)
        kernel = np.zeros(target.kernel.shape, np.float32)
        half = np.asarray(source.masked_kernel())
        kernel[: half.shape[0]] = half
        target.kernel.assign(kernel)
        target.bias.assign(source.bias)


def plain_gated_pixelcnn(
    *,
    filters: int = 24,
    dilations: Sequence[int] = (1, 2, 1, 4),
    kernel_size: int = 7,
    image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    outputs: int = 1,
) -> keras.Model:
    """Builds Gated PixelCNN as a script would, with masked kernels of full size and the layers of `tfgen.GatedPixelCNN`.

    Args:
      filters: maps of each stack; skip path and head have twice as many.
      dilations: dilation of each 3x3 block after the first.
      kernel_size: size of the first block's kernels.
      image_shape: (height, width, channels).
      outputs: numbers per pixel.
    """

    def gate(x: Any) -> Any:
        features, gates = keras.ops.split(x, 2, axis=-1)
        return layers.multiply([layers.Activation("tanh")(features), layers.Activation("sigmoid")(gates)])

    images = keras.Input(image_shape)
    v = h = layers.Rescaling(2.0, offset=-1.0)(images)
    skips = []
    for i, dilation in enumerate((1, *dilations)):
        size = 3 if i else kernel_size
        shared: dict[str, Any] = {"filters": 2 * filters, "padding": "same", "dilation_rate": dilation}
        above = PlainPixelConvolution("rows" if i else "above", name=f"vertical_{i}", kernel_size=size, **shared)(v)
        left = PlainPixelConvolution("B" if i else "A", name=f"left_{i}", kernel_size=(1, size), **shared)(h)
        across = layers.Conv2D(2 * filters, 1, use_bias=False, name=f"across_{i}")(above)
        m = gate(layers.add([left, across]))
        skips.append(layers.Conv2D(2 * filters, 1, use_bias=i == 0, name=f"skip_{i}")(m))
        if i < len(dilations):
            v, out = gate(above), layers.Conv2D(filters, 1, use_bias=False, name=f"out_{i}")(m)
            h = layers.add([h, out]) if i else out
    x = layers.Conv2D(2 * filters, 1, name="head")(layers.ReLU()(layers.add(skips)))
    x = layers.Conv2D(outputs, 1, name="outputs")(layers.ReLU()(x))
    return keras.Model(images, x, name="plain_gated_pixelcnn")


def copy_gated_weights(model: Any, plain: keras.Model) -> None:
    """Copies a `tfgen.GatedPixelCNN`'s weights into a `plain_gated_pixelcnn` of the same size."""
    network = model.network

    def fill(name: str, kernel: Any, bias: Any = None) -> None:
        layer = plain.get_layer(name)
        target, part = getattr(layer, "conv", layer), np.asarray(kernel)
        whole = np.zeros(target.kernel.shape, np.float32)
        whole[: part.shape[0], : part.shape[1]] = part
        target.kernel.assign(whole)
        if bias is not None:
            target.bias.assign(bias)

    for i, block in enumerate(network.gated):
        kernels = block.kernels("float32")
        fill(f"vertical_{i}", kernels["vertical"], block.vertical_bias)
        fill(f"left_{i}", kernels["left"][None], block.bias)
        fill(f"across_{i}", kernels["across"][None, None])
        fill(f"skip_{i}", kernels["skip"][None, None], None if i else network.skip_bias)
        if not block.last:
            fill(f"out_{i}", kernels["out"][None, None])
    for name, layer in (("head", network.head_layer), ("outputs", network.last)):
        fill(name, layer.masked_kernel(), layer.bias)


def plain_wavenet(*, dilations: Sequence[int], filters: int = 32, skip: int = 128, codes: int = 256) -> keras.Model:
    """Builds WaveNet over mu-law codes as a script would, with the layers of `tfgen.WaveNet`.

    Args:
      dilations: dilation of each block.
      filters: features of the residual path, and gated units.
      skip: features of the skip path and of the head.
      codes: number of mu-law codes, which go in as integers, (batch, length).
    """
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Cropping1D((0, 1))(layers.ZeroPadding1D((1, 0))(layers.Embedding(codes, filters)(inputs)))
    skips = []
    for i, dilation in enumerate(dilations):
        both = layers.Conv1D(2 * filters, 2, padding="causal", dilation_rate=dilation)(x)
        features, gates = keras.ops.split(both, 2, axis=-1)
        m = layers.multiply([layers.Activation("tanh")(features), layers.Activation("sigmoid")(gates)])
        skips.append(layers.Conv1D(skip, 1, use_bias=i == 0)(m))
        if i < len(dilations) - 1:
            x = layers.add([x, layers.Conv1D(filters, 1, use_bias=False)(m)])
    x = layers.Conv1D(skip, 1)(layers.ReLU()(layers.add(skips)))
    return keras.Model(inputs, layers.Conv1D(codes, 1)(layers.ReLU()(x)), name="plain_wavenet")
