"""Where data sets come from: idx files, a prepared TFDS folder, or a download that fails at once without a network."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.kills import dies
from tfgen.data import arrays, fixed_binarized, load, sources
from tfgen.data.idx import FILES, find_idx_files, read_idx

TRAIN, TEST = 30, 12


def idx_bytes(values):
    return b"\x00\x00\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_idx(folder, seed=0):
    """Writes four small idx files, the labels plain and the images compressed, and returns what they hold."""
    folder.mkdir(exist_ok=True)
    rng, content = np.random.default_rng(seed), {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n).astype(np.uint8)
        (folder / f"{FILES[split][0]}.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (folder / FILES[split][1]).write_bytes(idx_bytes(labels))
        content[split] = Counter((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
    return content


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A machine without data and without a network."""
    for name in ("TFDS_DATA_DIR", "TFGEN_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("TFGEN_DATA_DIR", raising=False)
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", str(tmp_path / "debian"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def content_of(name, split):
    images, labels = arrays(name, split)
    return Counter((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


def test_idx_files_are_prepared_through_tfds(empty, monkeypatch):
    content = write_idx(empty / "mine")
    monkeypatch.setenv("TFGEN_DATA_DIR", str(empty / "mine"))
    assert {split: content_of("fashion_mnist", split) for split in content} == content
    batch, labels = next(iter(load("fashion_mnist", "test", batch_size=5, labels=True)))
    images, expected = arrays("fashion_mnist", "test[:5]")
    np.testing.assert_array_equal(batch, images.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(labels, expected)

    import tensorflow_datasets as tfds

    [prepared] = (empty / "TFGEN_CACHE_DIR" / "tfds").iterdir()
    builder = tfds.builder("fashion_mnist", data_dir=prepared)  # TFDS's own class reads what ours prepared
    assert type(builder).__module__.startswith("tensorflow_datasets.")
    plain = builder.as_dataset(split="test", shuffle_files=False)
    np.testing.assert_array_equal([e["label"] for e in plain.as_numpy_iterator()], arrays("fashion_mnist", "test")[1])


def test_debians_folder_is_found_by_itself(empty):
    content = write_idx(empty / "debian")
    assert content_of("fashion_mnist", "train") == content["train"]


def test_other_files_are_another_data_set(empty, monkeypatch):
    first, second = write_idx(empty / "first", seed=1), write_idx(empty / "second", seed=2)
    for folder, content in (("first", first), ("second", second), ("first", first)):
        monkeypatch.setenv("TFGEN_DATA_DIR", str(empty / folder))
        assert content_of("fashion_mnist", "test") == content["test"]


def test_a_prepared_tfds_folder_needs_no_idx_files(empty, monkeypatch):
    content = write_idx(empty / "debian")
    builder = sources.prepare_idx(empty / "debian")
    os.rename(Path(builder.data_dir).parents[1], empty / "TFDS_DATA_DIR")
    for file in (empty / "debian").iterdir():
        file.unlink()
    assert content_of("fashion_mnist", "test") == content["test"]


def test_preparing_happens_once_also_in_several_threads(empty):
    write_idx(empty / "debian")
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(sources.prepare_idx(empty / "debian").data_dir)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 3 and len(set(folders)) == 1
    stamp = os.stat(folders[0]).st_mtime_ns
    sources.prepare_idx(empty / "debian")
    assert os.stat(folders[0]).st_mtime_ns == stamp
    assert len(list((empty / "TFGEN_CACHE_DIR" / "tfds").iterdir())) == 1


def test_another_process_that_was_faster_wins(tmp_path):
    for name in ("aside", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    sources._put(tmp_path / "aside", tmp_path / "final")
    assert (tmp_path / "final" / "file").read_text() == "final"


def test_corrupted_files_leave_nothing_behind(empty):
    write_idx(empty / "debian")
    labels = empty / "debian" / FILES["test"][1]
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1])
    with pytest.raises(
        ValueError, match=r"Expected an intact idx file. Received: .*t10k-labels-idx1-ubyte, but it holds 11 values"
    ):
        arrays("fashion_mnist", "train")
    assert list((empty / "TFGEN_CACHE_DIR" / "tfds").iterdir()) == []
    labels.write_bytes(whole)
    assert len(arrays("fashion_mnist", "train")[0]) == TRAIN


def test_what_a_killed_process_left_is_cleared(empty):
    write_idx(empty / "debian")
    parent = empty / "TFGEN_CACHE_DIR" / "tfds"
    assert dies(lambda: sources.prepare_idx(empty / "debian"), after=5)
    assert [name for name in os.listdir(parent) if ".writing-" in name] == os.listdir(parent) != []
    sources.prepare_idx(empty / "debian")
    assert len(os.listdir(parent)) == 1 and ".writing-" not in os.listdir(parent)[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "begins with nothing"),
        (b"<html>", "begins with 3c68746d"),
        (b"\x00\x00\x08\x03\x00", "header is cut short"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03ab", "holds 2 values where its header says 3"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path, content, reason):
    for name, data in (("plain", content), ("packed.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=f"{name}, but it.* {reason}.*reinstall"):
            read_idx(tmp_path / name)


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"no gzip", lambda b: b[:30] + b"\xff" * 9 + b[39:]])
def test_a_damaged_gzip_file_is_named(tmp_path, damage):
    file = tmp_path / "images.gz"
    file.write_bytes(damage(gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))))
    with pytest.raises(ValueError, match=r"images.gz, but its compressed bytes do not unpack"):
        read_idx(file)


def test_three_files_of_four_are_none(tmp_path):
    write_idx(tmp_path)
    assert find_idx_files(tmp_path) is not None
    (tmp_path / FILES["train"][1]).unlink()
    assert find_idx_files(tmp_path) is None


def test_without_data_and_network_one_message_names_all_three_ways(empty):
    with pytest.raises(FileNotFoundError) as caught:
        load("fashion_mnist")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        str(empty / "TFDS_DATA_DIR"),
        "train-images-idx3-ubyte.gz",
        "TFGEN_DATA_DIR",
        "apt-get install dataset-fashion-mnist",
        "TFDS's own download, but http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "cannot be reached",
        "fashion_mnist_small",
    ):
        assert part in message


def test_another_name_without_network_says_so(empty):
    with pytest.raises(
        FileNotFoundError, match=r"The data set 'cifar10' needs one of.*cifar-10-binary.tar.gz cannot be reached"
    ):
        load("cifar10")


def test_a_silent_server_is_given_up(monkeypatch, empty):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the connection and never answers
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert url in sources.probe(url)


def serve_once(server, answer):
    connection, _ = server.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n", None),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answers 403 Forbidden"),
    ],
)
def test_what_a_server_answers_decides(monkeypatch, empty, answer, reason):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        thread = threading.Thread(target=serve_once, args=(server, answer))
        thread.start()
        received = sources.probe(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert received is None if reason is None else reason in received


def test_an_unknown_name_suggests_the_nearest(empty):
    with pytest.raises(ValueError, match=r"Did you mean 'fashion_mnist_small'\? Received: name='fashion_mnist_smal'"):
        load("fashion_mnist_smal")
    with pytest.raises(ValueError, match=r"`tensorflow_datasets.list_builders\(\)` lists them"):
        load("qqqqqq")
    with pytest.raises(ValueError, match="Expected the name of a TFDS data set"):
        load("cifar10:9.9.9")


def test_other_images_are_not_the_scoreboards(empty):
    write_idx(empty / "debian")
    with pytest.raises(ValueError, match="Expected the fixed draw of fashion_mnist test to have sha256"):
        fixed_binarized()
