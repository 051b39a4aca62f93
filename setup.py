"""Packaging of `tfgen-zoo`: the library `tfgen`, with the zoo and the serving kit as data inside it."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    """Reads the version from the package's text: importing it would need TensorFlow."""
    found = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "tfgen" / "__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError('Expected a line `__version__ = "..."` in tfgen/__init__.py')
    return found.group(1)


setup(
    name="tfgen-zoo",
    version=version(),
    description="Deep generative models as ordinary Keras models: fit them, load them trained by name, serve them.",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    # A clone's `zoo/` and `export/` travel in a wheel as data of the package; `tfgen.paths` finds them in both places.
    packages=[*find_packages(include=["tfgen", "tfgen.*"]), "tfgen._zoo", "tfgen._export"],
    package_dir={"tfgen": "tfgen", "tfgen._zoo": "zoo", "tfgen._export": "export"},
    package_data={"tfgen": ["py.typed"], "tfgen.data": ["*.npz", "*.md"], "tfgen._zoo": ["**/*"], "tfgen._export": ["**/*"]},
    exclude_package_data={"": ["*.pyc", "**/__pycache__/*"]},
    include_package_data=False,
    entry_points={"console_scripts": ["tfgen = tfgen.cli:main"]},
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "keras>=3.15,<3.16",
        "tensorflow-probability[tf]>=0.25,<0.26",
        "tensorflow-datasets>=4.9.9,<5",
        "importlib_resources>=6",  # tensorflow-datasets 4.9.10 needs it and does not say so
        "numpy>=2.0,<3",
        "scipy>=1.13,<2",  # reads WAV files and resamples; the first that knows NumPy 2
        "PyYAML>=6,<7",
        "matplotlib>=3.8,<4",
        "pillow>=10.1",
        "rich>=13",
    ],
    extras_require={
        "serving": ["tensorflow-serving-api>=2.19,<2.22", "grpcio>=1.60,<2", "uvicorn>=0.30,<1"],
        "test": [
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            "ruff>=0.17,<0.18",
            "pyright[nodejs]>=1.1.400",
            "setuptools>=65",
            "wheel>=0.40",
            "tensorboard>=2.19",
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
