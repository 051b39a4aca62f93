"""The bundled subset is what its rule draws from the whole Fashion-MNIST."""

from __future__ import annotations

import numpy as np
import pytest

from tfgen.data import arrays, bundled, subset
from tfgen.random import row_seeds


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_bundled_file_is_what_the_rule_draws(split):
    images, labels = arrays("fashion_mnist", split)
    chosen = subset.draw_subset(labels, bundled.SIZES[split] // 10)
    stored, classes = bundled.read_subset(split)
    np.testing.assert_array_equal(stored, images[chosen])
    np.testing.assert_array_equal(classes, labels[chosen])


def test_the_script_writes_the_same_bytes(tmp_path, monkeypatch, capsys):
    known = bundled.FILE.read_bytes()
    monkeypatch.setattr(subset, "FILE", tmp_path / "again.npz")
    subset.main()
    assert (tmp_path / "again.npz").read_bytes() == known
    assert [file.name for file in tmp_path.iterdir()] == ["again.npz"]
    assert f"({len(known)} bytes)" in capsys.readouterr().out


def test_the_first_of_each_class_by_hash_are_taken():
    labels = np.array([0, 1] * 50)
    chosen = subset.draw_subset(labels, 3)
    seeds = row_seeds(0, 100)
    for label in (0, 1):
        mine = [i for i in chosen if labels[i] == label]
        assert sorted(mine) == sorted(np.flatnonzero(labels == label)[np.argsort(seeds[labels == label])[:3]])
    assert (np.diff(seeds[chosen]) > 0).all()


def test_too_few_of_a_class():
    with pytest.raises(ValueError, match=r"Expected at least 2 examples of class 1. Received: 1"):
        subset.draw_subset(np.array([0, 0, 1]), 2)


def test_its_text_states_rule_and_licence():
    text = bundled.FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert "The MIT License (MIT)" in text and "Zalando SE" in text and "row_seeds(0, n)" in text
