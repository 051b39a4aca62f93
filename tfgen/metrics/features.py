"""Feature spaces in which images are compared: the bundled classifier, Inception where its weights are, or your own network."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, paths, reading

__all__ = ["CLASSIFIER", "CLASSIFIER_SHA256", "Extractor", "load_extractor"]

CLASSIFIER = "classifier-fashion-mnist"
"""The zoo folder of the bundled extractor."""

CLASSIFIER_SHA256 = "fa87d91707b298527aa4cbaa4522e9411f7889ae89cf1bdd93226a31f1ae0b2a"
"""What its weights are, once and for all: a distance in another feature space is another number."""

_INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_INCEPTION_SIZE = 299


@final
class Extractor:
    """A feature space: a network from images to vectors, with a name and a checksum that say which.

    Args:
      network: a Keras model or a function from a batch of images (batch, height, width, channels) in [0, 1] to features
        (batch, d); or, with `has_classes`, to a pair of features and logits (batch, classes).
      name: what stands beside every number computed with it.
      sha256: of the weights; None computes it from a Keras model's weights, and from the name for a function.
      image_shape: (height, width, channels) that the network takes; None for any.
      has_classes: whether the network also returns logits.

    Example:
      >>> import numpy as np, tfgen
      >>> flat = tfgen.metrics.Extractor(lambda images: images[:, ::14, ::14, 0], name="four pixels")
      >>> flat.features(np.zeros((3, 28, 28, 1))).shape
      (3, 4)
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        *,
        name: str,
        sha256: str | None = None,
        image_shape: tuple[int, int, int] | None = None,
        has_classes: bool = False,
    ) -> None:
        self.name = name
        self.sha256 = sha256 or _checksum(network, name)
        self.image_shape = None if image_shape is None else tuple(image_shape)
        self.has_classes = has_classes
        self._network: Any = network
        self._compiled: Any = None

    def describe(self) -> dict[str, str]:
        """Says which feature space this is.

        Returns:
          description: name and sha256.
        """
        return {"name": self.name, "sha256": self.sha256}

    def features(self, images: Any, batch_size: int = 250, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Computes the features of images.

        Args:
          images: (n, height, width, channels) in [0, 1]; uint8 in [0, 255] is divided by 255.
          batch_size: images at once; it does not change the result beyond rounding.
          progress: called as `progress(done, total)`.

        Returns:
          features: (n, d) float32.

        Raises:
          ValueError: images of another shape or range, or a network that does not return vectors.
        """
        return self._run(images, batch_size, progress)[0]

    def probabilities(self, images: Any, batch_size: int = 250) -> np.ndarray:
        """Computes the class probabilities of images.

        Args:
          images: as for `features`.
          batch_size: images at once.

        Returns:
          probabilities: (n, classes) float32, rows sum to 1.

        Raises:
          ValueError: the extractor has no classes, or as for `features`.
        """
        return self.features_and_probabilities(images, batch_size)[1]

    def features_and_probabilities(
        self, images: Any, batch_size: int = 250, progress: Callable[[int, int], None] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Computes both in one pass.

        Args:
          images: as for `features`.
          batch_size: images at once.
          progress: called as `progress(done, total)`.

        Returns:
          features: (n, d) float32.
          probabilities: (n, classes) float32.

        Raises:
          ValueError: as for `probabilities`.
        """
        if not self.has_classes:
            raise ValueError(f"Expected an extractor with classes, such as {CLASSIFIER!r}. Received: {self.name!r}")
        features, logits = self._run(images, batch_size, progress)
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        return features, exponentials / exponentials.sum(1, keepdims=True)

    def _run(self, images: Any, batch_size: int, progress: Callable[[int, int], None] | None) -> tuple[np.ndarray, np.ndarray]:
        images = self._check_images(images)
        if self._compiled is None:
            self._compiled = tf.function(self._outputs, reduce_retracing=True, autograph=False)
        parts: list[tuple[Any, Any]] = []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            batch = batch.astype(np.float32) / np.float32(255 if batch.dtype == np.uint8 else 1)
            parts.append(tuple(output.numpy() for output in self._compiled(batch)))
            if progress is not None:
                progress(min(start + batch_size, len(images)), len(images))
        features, logits = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        if not np.isfinite(features).all():
            raise ValueError(f"Expected finite features of {self.name!r}. Received: NaN or infinity")
        return features, logits

    def _outputs(self, batch: Any) -> tuple[Any, Any]:
        found = self._network(batch, training=False) if isinstance(self._network, keras.Model) else self._network(batch)
        features, logits = found if self.has_classes else (found, tf.zeros((tf.shape(batch)[0], 0)))
        features = tf.cast(features, tf.float32)
        size = features.shape[1:].num_elements()
        if size is None:
            raise ValueError(f"Expected a network that returns vectors of one size. Received: shape {features.shape}")
        return tf.reshape(features, (-1, size)), tf.cast(logits, tf.float32)

    def _check_images(self, images: Any) -> np.ndarray:
        """Checks shape and range: a number computed from images in another range looks like any other number."""
        images = np.asarray(images)
        if images.ndim != 4 or not len(images) or self.image_shape not in (None, images.shape[1:]):
            wanted = self.image_shape or ("height", "width", "channels")
            raise ValueError(
                f"Expected images (n, {', '.join(map(str, wanted))}) for the features of {self.name!r}. Received: shape "
                f"{images.shape}"
            )
        if images.dtype != np.uint8 and not (images.min() >= 0 and images.max() <= 1):  # false for NaN too
            raise ValueError(
                f"Expected images in [0, 1], or uint8 in [0, 255]. Received: values from {images.min()} to {images.max()}"
            )
        return images


def _checksum(network: Any, name: str) -> str:
    digest = hashlib.sha256(name.encode())
    for weight in network.get_weights() if hasattr(network, "get_weights") else ():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def load_extractor(name: str | os.PathLike[str] = CLASSIFIER, *, weights: str | os.PathLike[str] | None = None) -> Extractor:
    """Loads a feature space by its name.

    Args:
      name: "classifier-fashion-mnist", the bundled one, for 28x28 grey images; "inception", InceptionV3 of
        `keras.applications` on images resized to 299x299 (its distances are near the published FID's, not equal: that one
        needs the weights and the resizing of 2015); or the path of a .keras file: its layer "features" if it has one (and
        classes, if its output is another layer), else its output.
      weights: for "inception": the file of weights without the top; None looks in Keras's cache. Nothing is downloaded.

    Returns:
      extractor: an `Extractor`.

    Raises:
      FileNotFoundError: no such file, or the weights are not there.
      ValueError: the bundled weights are not the frozen ones, or the file holds no Keras model.

    Example:
      >>> import tfgen
      >>> tfgen.metrics.load_extractor("my-classifier.keras")
      Traceback (most recent call last):
      ...
      FileNotFoundError: Expected 'classifier-fashion-mnist', 'inception', or a .keras file that is there. Received: ...

    Reference:
      Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, 2016, Rethinking the Inception Architecture for Computer Vision,
      arXiv:1512.00567.
    """
    if str(name) == "inception":
        return _inception(weights)
    path = paths.zoo_folder() / CLASSIFIER / "model.keras" if str(name) == CLASSIFIER else checks.path(name, "name")
    if not path.is_file():
        raise FileNotFoundError(f"Expected {CLASSIFIER!r}, 'inception', or a .keras file that is there. Received: {name}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if str(name) == CLASSIFIER and sha256 != CLASSIFIER_SHA256:
        raise ValueError(
            f"Expected the frozen extractor: numbers computed with another one cannot be compared. Restore {path}. Expected "
            f"sha256 {CLASSIFIER_SHA256}. Received: {sha256}"
        )
    return _from_file(path, name=path.stem if str(name) != CLASSIFIER else CLASSIFIER, sha256=sha256)


def _from_file(path: Path, *, name: str, sha256: str) -> Extractor:
    try:
        model: Any = keras.saving.load_model(reading.check_archive(path), compile=False)
    except Exception as error:
        raise ValueError(f"Expected a .keras file. Received: {path}: {error}") from error
    model = getattr(model, "averaged_network", model)  # a classifier, or the bare network of one
    names = [layer.name for layer in model.layers]
    if "features" not in names:
        return Extractor(model, name=name, sha256=sha256, image_shape=model.input_shape[1:])
    features = model.get_layer("features").output
    has_classes = names[-1] != "features"
    network = keras.Model(model.input, [features, model.output] if has_classes else features)
    return Extractor(network, name=name, sha256=sha256, image_shape=model.input_shape[1:], has_classes=has_classes)


def _inception(weights: str | os.PathLike[str] | None) -> Extractor:
    path = (
        checks.path(weights, "weights") if weights is not None else Path(keras.config.keras_home()) / "models" / _INCEPTION_FILE
    )
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the weights of InceptionV3 without its top in a file: give it as `weights`, or put Keras's "
            f"{_INCEPTION_FILE} there. Received: {path}, which is not there"
        )
    shape = (_INCEPTION_SIZE, _INCEPTION_SIZE, 3)
    image_format = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")  # it takes no argument for it
    try:
        network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=shape)
    finally:
        keras.config.set_image_data_format(image_format)
    network.load_weights(path)

    def features(images: Any) -> Any:
        images = tf.image.grayscale_to_rgb(images) if images.shape[-1] == 1 else images
        resized = tf.image.resize(images, shape[:2], method="bilinear", antialias=True)
        return network(2.0 * resized - 1.0, training=False)

    return Extractor(features, name="inception_v3 of keras.applications", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
