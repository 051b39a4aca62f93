"""The DCGAN pair: a generator and a discriminator made of strided convolutions, for images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfgen import checks
from tfgen.layers import ClassProjection, ExactConv2D, ExactConv2DTranspose, WithLabel

__all__ = ["dcgan_discriminator", "dcgan_generator", "with_projection"]

_INITIAL_STDDEV = 0.02  # Radford et al. 2016, section 4
_NEGATIVE_SLOPE = 0.2  # the same section
_LAST = "channels_last"  # whatever Keras's global image data format is
_STRIDE = 2  # a smaller kernel would leave pixels out


def dcgan_generator(
    image_shape: Sequence[int],
    latent_dim: int,
    *,
    width: int = 64,
    kernel_size: int = 4,
    batch_norm: bool = True,
    num_classes: int = 0,
    dtype: Any = None,
    name: str = "generator",
) -> keras.Model:
    """Builds the DCGAN generator: latents to images in [0, 1].

    `images = sigmoid(up_k(... up_1(reshape(dense(latents)))))`, where each `up` is a transposed convolution of stride 2
    that halves the channels, after batch normalisation and ReLU. The first grid is `ceil(size / 2**k)` in each direction,
    about four to seven pixels on the longer side, and what the last layer draws beyond `image_shape` is cropped, so every size
    works. Two things differ from the paper: images lie in [0, 1] (a sigmoid in place of the hyperbolic tangent, computed in
    float32), and kernels are 4x4 rather than 5x5, since a size that the stride divides leaves no checkerboard.

    Args:
      image_shape: (height, width, channels), positive.
      latent_dim: number of latents, positive.
      width: channels before the last layer, positive; each layer before that has twice as many.
      kernel_size: side of every kernel, at least 2.
      batch_norm: whether to normalise each hidden layer by batch (the statistics of all replicas together).
      num_classes: classes of the labels that it takes beside the latents, [latents, label]; 0 for none.
      dtype: Keras dtype policy of the hidden layers; None takes the global policy. Images are float32 in any case.
      name: the model's name.

    Returns:
      generator: a functional Keras model from (batch, latent_dim) to (batch, height, width, channels) float32 in [0, 1].

    Raises:
      ValueError: a size is not positive or `image_shape` has not three entries.

    Example:
      >>> import tensorflow as tf
      >>> generator = dcgan_generator((28, 28, 1), 100, width=8)
      >>> generator(tf.zeros([2, 100])).shape
      TensorShape([2, 28, 28, 1])

    Reference:
      Radford, Metz and Chintala, 2016, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
      Networks, arXiv:1511.06434, section 4.
    """
    height, image_width, channels = checks.shape(image_shape, "image_shape")
    latent_dim, width = checks.integer(latent_dim, "latent_dim", least=1), checks.integer(width, "width", least=1)
    kernel_size = checks.integer(kernel_size, "kernel_size", least=_STRIDE)
    stages = _num_stages(height, image_width)
    rows, columns = -(-height // 2**stages), -(-image_width // 2**stages)
    filters = width * 2 ** (stages - 1)
    latents, label = keras.Input((latent_dim,), name="latents"), _label_input(num_classes)
    x = latents if label is None else WithLabel(num_classes, dtype=dtype, name="with_label")([latents, label])
    x = keras.layers.Dense(
        rows * columns * filters, use_bias=not batch_norm, kernel_initializer=_initializer(), dtype=dtype, name="project"
    )(x)
    x = keras.layers.Reshape((rows, columns, filters), dtype=dtype, name="grid")(x)
    for stage in range(1, stages + 1):
        x = _normalise(x, batch_norm, dtype, name=f"norm_{stage}")
        x = keras.layers.ReLU(dtype=dtype, name=f"relu_{stage}")(x)
        last = stage == stages
        x = ExactConv2DTranspose(
            channels if last else filters // 2**stage,
            kernel_size,
            strides=_STRIDE,
            padding="same",
            data_format=_LAST,
            use_bias=last or not batch_norm,
            kernel_initializer=_initializer(),
            dtype=dtype,
            name=f"up_{stage}",
        )(x)
    x = _crop(x, height, image_width, dtype)
    images = keras.layers.Activation("sigmoid", dtype="float32", name="images")(x)
    return keras.Model(latents if label is None else [latents, label], images, name=name)


def dcgan_discriminator(
    image_shape: Sequence[int],
    *,
    width: int = 64,
    num_outputs: int = 1,
    kernel_size: int = 4,
    batch_norm: bool = True,
    num_classes: int = 0,
    dtype: Any = None,
    name: str = "discriminator",
) -> keras.Model:
    """Builds the DCGAN discriminator: images in [0, 1] to logits.

    `logits = dense(flatten(down_k(... down_1(2 * images - 1))))`, where each `down` is a convolution of stride 2 that
    doubles the channels, followed by batch normalisation (not after the first) and a leaky ReLU of slope 0.2.

    Args:
      image_shape: (height, width, channels), positive.
      width: channels of the first convolution, positive.
      num_outputs: logits per image, positive; 1 for real against generated.
      kernel_size: side of every kernel, at least 2.
      batch_norm: whether to normalise by batch all layers but the first. False for a critic under a gradient penalty, which is
        a penalty for each image alone.
      num_classes: classes of the labels that it takes beside the images, [images, label], as maps of their one-hot codes; 0 for none.
      dtype: Keras dtype policy of the hidden layers; None takes the global policy. Logits are float32 in any case.
      name: the model's name.

    Returns:
      discriminator: a functional Keras model from (batch, height, width, channels) in [0, 1] to (batch, num_outputs) logits,
        float32.

    Raises:
      ValueError: a size is not positive or `image_shape` has not three entries.

    Example:
      >>> import tensorflow as tf
      >>> discriminator = dcgan_discriminator((28, 28, 1), width=8)
      >>> discriminator(tf.zeros([2, 28, 28, 1])).shape
      TensorShape([2, 1])

    Reference:
      Radford, Metz and Chintala, 2016, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
      Networks, arXiv:1511.06434, section 4.
    """
    shape = checks.shape(image_shape, "image_shape")
    width, num_outputs = checks.integer(width, "width", least=1), checks.integer(num_outputs, "num_outputs", least=1)
    kernel_size = checks.integer(kernel_size, "kernel_size", least=_STRIDE)
    images, label = keras.Input(shape, name="images"), _label_input(num_classes)
    x = keras.layers.Rescaling(2.0, offset=-1.0, dtype=dtype, name="centre")(images)
    if label is not None:
        x = WithLabel(num_classes, dtype=dtype, name="with_label")([x, label])
    for stage in range(1, _num_stages(*shape[:2]) + 1):
        normalise = batch_norm and stage > 1
        x = ExactConv2D(
            width * 2 ** (stage - 1),
            kernel_size,
            strides=_STRIDE,
            padding="same",
            data_format=_LAST,
            use_bias=not normalise,
            kernel_initializer=_initializer(),
            dtype=dtype,
            name=f"down_{stage}",
        )(x)
        x = _normalise(x, normalise, dtype, name=f"norm_{stage}")
        x = keras.layers.LeakyReLU(negative_slope=_NEGATIVE_SLOPE, dtype=dtype, name=f"leaky_relu_{stage}")(x)
    x = keras.layers.Flatten(data_format=_LAST, dtype=dtype, name="features")(x)
    logits = keras.layers.Dense(num_outputs, kernel_initializer=_initializer(), dtype="float32", name="logits")(x)
    return keras.Model(images if label is None else [images, label], logits, name=name)


def with_projection(network: keras.Model, num_classes: int, *, name: str = "discriminator") -> keras.Model:
    """Lets a discriminator know the label by adding to its score how far its features point in the direction of the class.

    `score(x, label) = score(x) + <v[label], features(x)>`.

    Args:
      network: a functional Keras model from images to (batch, outputs), the score first, with a layer called "features" of
        (batch, size).
      num_classes: number of classes, positive.
      name: the model's name.

    Returns:
      discriminator: a functional Keras model from [images, label] to the same outputs.

    Raises:
      ValueError: the network has no layer called "features".

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import dcgan_discriminator, with_projection
      >>> discriminator = with_projection(dcgan_discriminator((28, 28, 1), width=8), 10)
      >>> discriminator([tf.zeros([2, 28, 28, 1]), tf.constant([3, 4])]).shape
      TensorShape([2, 1])

    Reference:
      Miyato and Koyama, 2018, cGANs with Projection Discriminator, arXiv:1802.05637.
    """
    features, label = network.get_layer("features").output, keras.Input((), dtype="int64", name="label")
    projection = ClassProjection(num_classes, initializer=_initializer(), dtype="float32", name="projection")
    outputs = projection([network.output, features, label])
    return keras.Model([network.input, label], outputs, name=name)


def _label_input(num_classes: int) -> Any:
    """The input of labels, or None for a network that takes none."""
    return keras.Input((), dtype="int64", name="label") if num_classes else None


def _num_stages(height: int, width: int) -> int:
    """Counts the halvings that leave about four to seven pixels on the longer side (four halvings at 64, as in the paper)."""
    return max(1, (max(height, width) // 4).bit_length() - 1)


def _initializer() -> keras.initializers.Initializer:
    """Returns a new initializer: one object draws the same values each time, so layers must not share it."""
    return keras.initializers.RandomNormal(stddev=_INITIAL_STDDEV)


def _normalise(x: Any, batch_norm: bool, dtype: Any, name: str) -> Any:
    if not batch_norm:
        return x
    # A moving average of 10 steps: with the default 100 the averages lag behind a generator that changes at every step.
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True, dtype=dtype, name=name)(x)


def _crop(x: Any, height: int, width: int, dtype: Any) -> Any:
    """Cuts what lies beyond the wanted size, as evenly as it goes."""
    rows, columns = x.shape[1] - height, x.shape[2] - width
    if rows == 0 and columns == 0:
        return x
    cropping = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    return keras.layers.Cropping2D(cropping, data_format=_LAST, dtype=dtype, name="crop")(x)
