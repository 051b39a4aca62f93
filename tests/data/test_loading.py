"""`load`, `arrays` and `class_names`: names, splits, views, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgen.data import arrays, at_position, binarize, class_names, fixed_binarized, from_arrays, load, prepared
from tfgen.random import row_keys, row_seeds

SMALL = "fashion_mnist_small"


class Rings(tfds.core.GeneratorBasedBuilder):
    """A tiny TFDS data set as a user may have one: several sizes, more features, no file to download."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3))
        label = tfds.features.ClassLabel(names=["thin", "thick"])
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"image": image, "label": label, "id": tfds.features.Text()})
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(21), "validation": self._generate_examples(5)}

    def _generate_examples(self, n):
        for i in range(n):
            yield i, {"image": np.full((4 + i % 3, 5, 3), 10 * i, np.uint8), "label": i % 2, "id": str(i)}


class Words(tfds.core.GeneratorBasedBuilder):
    """A TFDS data set without images."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({"text": tfds.features.Text()}))

    def _split_generators(self, dl_manager):
        return {"train": iter([(0, {"text": "word"})])}

    def _generate_examples(self):
        yield from ()


@pytest.fixture(scope="module")
def own_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for builder in (Rings, Words):
        builder(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def home(own_sets, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(own_sets))
    monkeypatch.setenv("TFGEN_CACHE_DIR", str(tmp_path))
    return tmp_path


def whole(dataset, epoch=0, skip=0):
    parts = list(at_position(dataset, epoch, skip).as_numpy_iterator())
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
    return np.concatenate(parts)


def test_the_small_set_is_real_and_balanced():
    for split, n in (("train", 2000), ("test", 500)):
        images, labels = arrays(SMALL, split)
        assert images.shape == (n, 28, 28, 1) and images.dtype == np.uint8 and labels.dtype == np.int64
        assert np.bincount(labels).tolist() == [n // 10] * 10
        assert images.std(axis=(1, 2, 3)).min() > 1


def test_batches_are_floats_in_their_range():
    dataset = load(SMALL, batch_size=300, labels=True)
    assert len(dataset) == 7
    assert dataset.element_spec == (tf.TensorSpec([None, 28, 28, 1], tf.float32), tf.TensorSpec([None], tf.int64))
    images, labels = whole(dataset)
    assert images.min() == 0 and images.max() == 1 and len(images) == 2000
    assert np.bincount(labels).tolist() == [200] * 10
    assert [len(x) for x in load(SMALL, batch_size=300)] == [300] * 6 + [200]


def test_only_training_splits_are_shuffled_unless_asked():
    stored, _ = arrays(SMALL, "test")
    np.testing.assert_array_equal(whole(load(SMALL, "test")), stored.astype(np.float32) / np.float32(255))
    assert (whole(load(SMALL, "test", shuffle=True)) != whole(load(SMALL, "test"))).any()
    train, _ = arrays(SMALL)
    assert (whole(load(SMALL)) != train.astype(np.float32) / np.float32(255)).any()
    np.testing.assert_array_equal(whole(load(SMALL, shuffle=False)), train.astype(np.float32) / np.float32(255))


def test_load_and_from_arrays_read_in_the_same_order():
    images, labels = arrays(SMALL)
    for epoch in (0, 4):
        left, right = whole(load(SMALL, labels=True, seed=2), epoch), whole(from_arrays(images, labels, seed=2), epoch)
        np.testing.assert_array_equal(left[0], right[0])
        np.testing.assert_array_equal(left[1], right[1])


@pytest.mark.parametrize(
    "split", ["train[:100]", "train[1990:]", "train[-10:]", "test[:10%]", "test[95%:]", "train[5:9]+train[:3]", "test+train"]
)
def test_slices_are_tfdss(split):
    base = {"train": arrays(SMALL, "train"), "test": arrays(SMALL, "test")}
    infos = {key: tfds.core.SplitInfo(name=key, shard_lengths=[len(columns[0])], num_bytes=0) for key, columns in base.items()}
    instructions = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    expected = [tuple(c[part.from_ : part.to] for c in base[part.splitname]) for part in instructions]
    images, labels = arrays(SMALL, split)
    np.testing.assert_array_equal(images, np.concatenate([part[0] for part in expected]))
    np.testing.assert_array_equal(labels, np.concatenate([part[1] for part in expected]))
    read, classes = whole(load(SMALL, split, labels=True, shuffle=False))
    np.testing.assert_array_equal(np.round(read * 255).astype(np.uint8), images)
    np.testing.assert_array_equal(classes, labels)


def test_the_binary_test_split_is_the_fixed_draw():
    fixed = fixed_binarized(name=SMALL)
    for epoch in (0, 3):
        np.testing.assert_array_equal(whole(load(SMALL, "test", view="binarized"), epoch), fixed)
    np.testing.assert_array_equal(whole(load(SMALL, "test[100:130]", view="binarized")), fixed[100:130])
    images, _ = whole(load(SMALL, "test", view="binarized", shuffle=True, labels=True), 1)
    assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in fixed.astype(np.float32))
    assert (whole(load(SMALL, "test", view="binarized", seed=1)) != fixed).any()


def test_binary_training_images_are_drawn_at_each_read():
    stored, _ = arrays(SMALL)
    for epoch in (0, 1):
        expected = binarize(stored[40:50], row_keys(5, epoch, np.arange(40, 50)))
        drawn = whole(load(SMALL, "train[40:50]", view="binarized", shuffle=False, seed=5), epoch)
        np.testing.assert_array_equal(drawn, expected)
    first, second = (whole(load(SMALL, view="binarized", shuffle=False), epoch) for epoch in (0, 1))
    assert 0.02 < (first != second).mean() < 0.5
    np.testing.assert_allclose(first.mean(), stored.mean() / 255, atol=2e-3)


def test_a_skip_resumes_a_named_set():
    dataset = load(SMALL, batch_size=64, labels=True)
    images, labels = whole(dataset, epoch=3)
    later, after = whole(dataset, epoch=3, skip=10)
    np.testing.assert_array_equal(later, images[640:])
    np.testing.assert_array_equal(after, labels[640:])


def test_images_are_resized():
    assert whole(load(SMALL, "test[:3]", image_size=14)).shape == (3, 14, 14, 1)
    tall = whole(load(SMALL, "test[:3]", image_size=(32, 20)))
    assert tall.shape == (3, 32, 20, 1) and tall.min() >= 0 and tall.max() <= 1
    np.testing.assert_allclose(tall.mean(), whole(load(SMALL, "test[:3]")).mean(), atol=0.01)


def test_a_users_tfds_set_with_many_sizes(home):
    assert class_names("rings") == ["thin", "thick"]
    images, labels = whole(load("rings", image_size=4, labels=True, batch_size=4))
    assert images.shape == (21, 4, 4, 3)
    values = np.round(images[:, 0, 0, 0] * 255).astype(int)
    assert sorted(values) == [10 * i for i in range(21)]
    np.testing.assert_array_equal(labels, values // 10 % 2)
    assert len(load("rings", "validation", image_size=4, batch_size=4)) == 2
    with pytest.raises(ValueError, match="Expected `image_size`, since the images of 'rings' differ in size"):
        load("rings")
    with pytest.raises(ValueError, match="equally large images"):
        arrays("rings")


def test_a_decoded_copy_spares_the_next_process_and_a_damaged_one_is_made_again(home):
    prepared.read_split.cache_clear()
    images, labels = whole(load("rings", image_size=4, labels=True, shuffle=False))
    [copy] = (home / "arrays").iterdir()
    content = copy.read_bytes()
    for damaged in (content, content[:100], b""):
        copy.write_bytes(damaged)
        prepared.read_split.cache_clear()
        again, classes = whole(load("rings", image_size=4, labels=True, shuffle=False))
        np.testing.assert_array_equal(again, images)
        np.testing.assert_array_equal(classes, labels)
        assert len(copy.read_bytes()) == len(content) and len(list((home / "arrays").iterdir())) == 1


@pytest.fixture
def streamed(home, monkeypatch):
    """Pretends that nothing fits in memory, with blocks of 8 images."""
    monkeypatch.setattr(prepared, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(prepared, "BUFFER_BYTES", 8 * 4 * 4 * 3)


def stream_numbers(dataset, epoch=0, skip=0):
    return (np.round(whole(dataset, epoch, skip)[:, 0, 0, 0] * 255).astype(int) // 10).tolist()


def test_a_stream_reads_every_example_once_an_epoch(streamed):
    dataset = load("rings", image_size=4, batch_size=4)
    assert len(dataset) == 6 and [len(batch) for batch in dataset] == [4, 4, 4, 4, 4, 1]
    orders = [stream_numbers(dataset, epoch) for epoch in range(4)]
    assert all(sorted(order) == list(range(21)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    tf.keras.utils.set_random_seed(5)
    assert [stream_numbers(load("rings", image_size=4, batch_size=4), epoch) for epoch in range(4)] == orders
    assert stream_numbers(dataset, 2, skip=3) == orders[2][12:]


def test_a_stream_yields_what_memory_yields(streamed, monkeypatch):
    options = {"image_size": 4, "batch_size": 4, "labels": True, "shuffle": False}
    for split in ("train", "train[3:11]", "validation"):
        for view in ("8bit", "binarized"):
            monkeypatch.setattr(prepared, "MEMORY_LIMIT", 0)
            left = whole(load("rings", split, view=view, **options), epoch=2)
            monkeypatch.setattr(prepared, "MEMORY_LIMIT", 2**30)
            right = whole(load("rings", split, view=view, **options), epoch=2)
            np.testing.assert_array_equal(left[0], right[0])
            np.testing.assert_array_equal(left[1], right[1])


def test_a_shuffled_stream_keeps_labels_and_draws_by_number(streamed):
    images, labels = whole(load("rings", image_size=4, batch_size=4, labels=True))
    np.testing.assert_array_equal(np.round(images[:, 0, 0, 0] * 255) // 10 % 2, labels)
    fixed = whole(load("rings", "validation", image_size=4, view="binarized", shuffle=False))
    shuffled = whole(load("rings", "validation", image_size=4, view="binarized", shuffle=True))
    assert sorted(image.tobytes() for image in fixed) == sorted(image.tobytes() for image in shuffled)


def test_stored_arrays_cannot_be_changed_by_accident():
    images, labels = arrays(SMALL)
    for array in (images, labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_fashion_mnist_itself():
    for split, n in (("train", 60000), ("test", 10000)):
        images, labels = arrays("fashion_mnist", split)
        assert images.shape == (n, 28, 28, 1) and np.bincount(labels).tolist() == [n // 10] * 10
    assert len(class_names("fashion_mnist")) == 10
    builder = tfds.builder("fashion_mnist")
    assert class_names("fashion_mnist") == builder.info.features["label"].names == class_names(SMALL)
    held_out, _ = arrays("fashion_mnist", "train[55000:]")
    np.testing.assert_array_equal(held_out, arrays("fashion_mnist", "train")[0][55000:])
    fixed = fixed_binarized()
    np.testing.assert_array_equal(whole(load("fashion_mnist", "test[:200]", view="binarized"), epoch=1), fixed[:200])
    np.testing.assert_array_equal(binarize(arrays("fashion_mnist", "test")[0][:200], row_seeds(0, 10000)[:200]), fixed[:200])


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda: load(3), TypeError, "name of a data set as a string. Received: name=3; arrays go to"),
        (lambda: load(SMALL, "valid"), ValueError, "train: 2000 examples, test: 500 examples.*Received: split='valid'"),
        (lambda: load(SMALL, "train[:x]"), ValueError, "Received: split='train\\[:x\\]'"),
        (lambda: load(SMALL, 3), TypeError, "`split` as a string"),
        (lambda: load(SMALL, "train[7:7]"), ValueError, "at least one example"),
        (lambda: load(SMALL, view="16bit"), ValueError, "Received: view='16bit'"),
        (
            lambda: load(SMALL, batch_size=-1),
            ValueError,
            "`batch_size` must be an integer of at least 1. Received: batch_size=-1",
        ),
        (lambda: load(SMALL, image_size=0), ValueError, "`image_size` must be an integer of at least 1"),
        (lambda: load(SMALL, image_size=(1, 2, 3)), ValueError, r"`image_size` must be \(height, width\), all positive"),
        (lambda: load(SMALL, image_size="big"), ValueError, "`image_size` must be an integer of at least 1"),
        (lambda: load(SMALL, image_size=2.5), ValueError, "`image_size` must be an integer of at least 1"),
        (lambda: arrays(SMALL, "training"), ValueError, "Received: split='training'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()


def test_a_set_without_images_or_classes_is_refused(home):
    with pytest.raises(ValueError, match=r"8-bit images under the feature `image`. Received: 'words'"):
        load("words")
    with pytest.raises(ValueError, match=r"Expected a data set with labels, or labels=False. Received: name='words'"):
        load("words", labels=True)
    with pytest.raises(ValueError, match="Expected a data set with classes"):
        class_names("words")
