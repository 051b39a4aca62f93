"""TFDS's own Fashion-MNIST, prepared from idx files that are already on this machine."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen.data.idx import find_idx_files, read_idx_split

__all__ = ["local_fashion_mnist"]


@functools.cache
def local_fashion_mnist() -> Any:
    """Makes the class of TFDS's `fashion_mnist` (same features, version, licence, order of examples) that reads local idx files.

    Returns:
      cls: a TFDS builder; it takes `source`, the folder of the four idx files, and what every builder takes, `data_dir` above
        all, and raises FileNotFoundError where an idx file is missing.

    Example:
      >>> local_fashion_mnist().name
      'fashion_mnist'

    Reference: Xiao, Rasul, Vollgraf, 2017, Fashion-MNIST: a novel image dataset, arXiv 1708.07747.
    """
    import tensorflow_datasets as tfds

    published: Any = tfds.builder_cls("fashion_mnist")  # TFDS imports it now, and must register it now

    # Under TFDS's own name, so that what it prepares is read by plain `tfds.load("fashion_mnist", data_dir=...)`. The registry
    # holds that name already and must keep its own class.
    with tfds.core.registered.skip_registration():

        class FashionMNIST(published):
            """TFDS's `fashion_mnist`, reading local idx files."""

            name = "fashion_mnist"

            def __init__(self, *, source: str | Path, **kwargs: Any) -> None:
                files = find_idx_files(source)
                if files is None:
                    raise FileNotFoundError(f"Expected the four idx files of Fashion-MNIST. Received: source={str(source)!r}")
                self._files = files
                super().__init__(**kwargs)

            def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
                """Names the splits; nothing is downloaded."""
                return {split: self._generate_examples(*paths) for split, paths in self._files.items()}

            def _generate_examples(self, images_file: Path, labels_file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
                """Yields examples under TFDS's own keys (their positions), from which its order of storage follows."""
                images, labels = read_idx_split(images_file, labels_file)
                for index, (image, label) in enumerate(zip(images, labels, strict=True)):
                    yield index, {"image": image, "label": int(label)}

    return FashionMNIST
