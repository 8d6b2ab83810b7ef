"""What every test gets: a folder of its own, a clean environment, and data without a download."""

import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from deepdigits.data import sources as datasets
from deepdigits.data.registry import DATASETS

# Tiny nets gain nothing from a second thread, and on a busy machine threads that wait for each
# other make them many times slower. A test that trains in earnest may ask for more.
torch.set_num_threads(1)

# The same examples in each run, and no clock: the machine that tests may be busy.
hypothesis.settings.register_profile("deepdigits", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("deepdigits")

NUM_TRAIN, NUM_TEST = 300, 130
_LEAKING = ("XDG_CACHE_HOME", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the embedded MNIST is extracted, by the first test that needs it, for all of them."""
    folder = tmp_path_factory.mktemp("deepdigits-data")
    with mock.patch.dict(os.environ, {"DEEPDIGITS_DATA": str(folder)}):
        yield folder


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs land in the test's own folder; environment and random numbers are the same for all."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    with mock.patch.dict(os.environ):  # puts back whatever the test sets
        for name in _LEAKING:
            os.environ.pop(name, None)
        yield


def _idx(array: NDArray[Any]) -> bytes:
    kinds = {"uint8": 0x08, "int32": 0x0C}
    header = struct.pack(">HBB", 0, kinds[array.dtype.name], array.ndim)
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session")
def idx() -> Callable[[NDArray[Any]], bytes]:
    """Bytes of an array in the IDX format of MNIST's files."""
    return _idx


def _drawings(labels: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Ten different blotches under noise: what tells the classes apart is easy to learn."""
    coarse = np.random.default_rng(0).random((10, 7, 7)) < 0.35
    shapes = 180.0 * coarse.repeat(4, axis=1).repeat(4, axis=2)
    noise = np.random.default_rng(seed).integers(0, 75, (len(labels), 28, 28))
    return (shapes[labels] + noise).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny_arrays() -> dict[str, NDArray[np.uint8]]:
    """Content of the tiny set, under MNIST's file names; the classes are of unequal size."""
    arrays = {}
    for part, n, seed in (("train", NUM_TRAIN, 1), ("t10k", NUM_TEST, 2)):
        weights = np.linspace(1, 2, 10) / 15
        labels = np.random.default_rng(seed).choice(10, n, p=weights).astype(np.uint8)
        arrays[f"{part}-images-idx3-ubyte"] = _drawings(labels, seed)
        arrays[f"{part}-labels-idx1-ubyte"] = labels
    return arrays


@pytest.fixture(scope="session")
def tiny_folder(
    tiny_arrays: dict[str, NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("tiny-data")
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for name, array in tiny_arrays.items():
        (folder / "MNIST" / "raw" / name).write_bytes(_idx(array))
    return folder


@pytest.fixture
def tiny_digits(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes "mnist" a set of 300 training and 130 test images; its data folder is the default."""
    files = (tiny_folder / "MNIST" / "raw").glob("*-ubyte")
    sums = {file.name: sha256(file.read_bytes()).hexdigest() for file in files}
    tiny = replace(DATASETS["mnist"], num_train=NUM_TRAIN, num_test=NUM_TEST, sha256=sums)
    monkeypatch.setitem(DATASETS, "mnist", tiny)
    monkeypatch.setenv("DEEPDIGITS_DATA", str(tiny_folder))
    return tiny_folder


@pytest.fixture(scope="session")
def pages(data_folder: Path) -> dict[int, Image.Image]:
    """The first test digit of each class, dark on a light sheet of 400 pixels, 28 as 280."""
    datasets.prepare("mnist", data_folder)
    images, labels = datasets.load("mnist", data_folder, train=False)
    sheets = {}
    for label in range(10):
        digit = images[int((labels == label).nonzero()[0])].numpy()
        sheets[label] = Image.new("L", (400, 400), 255)
        ink = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
        sheets[label].paste(ink, (60, 60))
    return sheets


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """Builds a quiet Trainer on the CPU that leaves nothing behind unless asked to."""
    from lightning.pytorch import Trainer

    def make(**settings: Any) -> Trainer:
        quiet = {
            "accelerator": "cpu",
            "devices": 1,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": tmp_path,
            "max_epochs": 1,
        }
        return Trainer(**{**quiet, **settings})

    return make


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the network gets the error of a machine that has none."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("the network is forbidden in this test")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
