"""Fixtures of all tests: an own working directory, a clean environment, data without a download."""

import gzip
import os

# Tiny nets gain nothing from a second thread, and the tests run in several processes already.
# Set before torch is imported, so it holds here, in the workers of pytest-xdist and in all that
# they start.
os.environ["OMP_NUM_THREADS"] = "1"

import random
import shutil
import struct
import sys
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
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from deepdigits.data import sources
from deepdigits.data.registry import DATASETS

# The same examples in each run, and no deadline: the machine may be busy.
hypothesis.settings.register_profile("deepdigits", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("deepdigits")

NUM_TRAIN, NUM_TEST = 300, 130
_LEAKING = ("XDG_CACHE_HOME", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of pytest-xdist share; removed as pytest's others."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def make_once(shared_folder: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """Fills a folder once for all workers: the first one calls the function, the others wait."""

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = shared_folder / name, shared_folder / f"{name}.done"
        with FileLock(shared_folder / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a worker that failed
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session", autouse=True)
def data_folder(shared_folder: Path) -> Iterator[Path]:
    """The data folder: the first test that needs MNIST extracts it, for all workers."""
    folder = shared_folder / "deepdigits-data"
    folder.mkdir(exist_ok=True)
    with mock.patch.dict(os.environ, {"DEEPDIGITS_DATA": str(folder)}):
        yield folder


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in its own folder, with the same environment and the same seeds.

    What it imports from that folder is forgotten: the next test may have a module of that name.
    """
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    with mock.patch.dict(os.environ):  # restores what the test sets
        for name in _LEAKING:
            os.environ.pop(name, None)
        yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def blank_figures() -> Iterator[None]:
    """Build and save figures but draw nothing on them: half the time of a short run.

    For modules that test anything but pictures. Processes that a test starts draw as always.
    """
    with mock.patch("matplotlib.figure.Figure.draw", lambda figure, renderer: None):
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
    """Images of ten random patterns, one a class, with noise: easy to learn."""
    coarse = np.random.default_rng(0).random((10, 7, 7)) < 0.35
    shapes = 180.0 * coarse.repeat(4, axis=1).repeat(4, axis=2)
    noise = np.random.default_rng(seed).integers(0, 75, (len(labels), 28, 28))
    return (shapes[labels] + noise).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny_arrays() -> dict[str, NDArray[np.uint8]]:
    """The tiny dataset, by MNIST's file names; the classes differ in size."""
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


def _write_tree(folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    """The files have the number of their image, so that their order is that of the arrays."""
    for split, part in (("train", "train"), ("test", "t10k")):
        images, labels = (arrays[f"{part}-{kind}"] for kind in _KINDS)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / split / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


def _write_csv(folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    for name, part in (("train", "train"), ("test", "t10k")):
        images, labels = (arrays[f"{part}-{kind}"] for kind in _KINDS)
        head = ",".join(["label", *(f"pixel{number}" for number in range(784))])
        rows = np.column_stack([labels, images.reshape(-1, 784)])
        np.savetxt(folder / f"{name}.csv", rows, "%d", ",", header=head, comments="")


_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
FORMS = ("idx", "idx.gz", "torchvision", "keras.npz", "medmnist.npz", "csv", "tree")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """Each form in which a dataset can be given by its path."""
    return str(request.param)


@pytest.fixture(scope="session")
def write_dataset() -> Callable[[str, Path, dict[str, NDArray[np.uint8]]], Path]:
    """Writes arrays, by MNIST's file names, in a form into a folder; returns the path to pass."""

    def write(form: str, folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (x_train, y_train), (x_test, y_test) = (
            [arrays[f"{part}-{kind}"] for kind in _KINDS] for part in ("train", "t10k")
        )
        if form in ("idx", "idx.gz", "torchvision"):
            raw = folder / "MNIST" / "raw" if form == "torchvision" else folder
            raw.mkdir(parents=True, exist_ok=True)
            for name, array in arrays.items():
                content = _idx(array)
                packed = gzip.compress(content) if form == "idx.gz" else content
                (raw / (f"{name}.gz" if form == "idx.gz" else name)).write_bytes(packed)
        elif form == "keras.npz":
            keras = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
            np.savez(folder / form, **keras)
        elif form == "medmnist.npz":
            medmnist = {"train_images": x_train, "train_labels": y_train[:, None]}
            medmnist |= {"test_images": x_test, "test_labels": y_test[:, None]}
            np.savez_compressed(folder / form, **medmnist)
        elif form == "csv":
            _write_csv(folder, arrays)
        else:
            _write_tree(folder, arrays)
        return folder / form if form.endswith(".npz") else folder

    return write


@pytest.fixture
def tiny_digits(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace "mnist" by 300 training and 130 test images; the default data folder has them."""
    files = (tiny_folder / "MNIST" / "raw").glob("*-ubyte")
    sums = {file.name: sha256(file.read_bytes()).hexdigest() for file in files}
    tiny = replace(DATASETS["mnist"], num_train=NUM_TRAIN, num_test=NUM_TEST, sha256=sums)
    monkeypatch.setitem(DATASETS, "mnist", tiny)
    monkeypatch.setenv("DEEPDIGITS_DATA", str(tiny_folder))
    return tiny_folder


@pytest.fixture(scope="session")
def pages(data_folder: Path) -> dict[int, Image.Image]:
    """The first test digit of each class, dark on a light page: 280 pixels of 400."""
    sources.prepare("mnist", data_folder)
    images, labels = sources.load("mnist", data_folder, train=False)
    sheets = {}
    for label in range(10):
        digit = images[int((labels == label).nonzero()[0])].numpy()
        sheets[label] = Image.new("L", (400, 400), 255)
        ink = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
        sheets[label].paste(ink, (60, 60))
    return sheets


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """Builds a Trainer on the CPU without logger, checkpoints and progress bar, unless set."""
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
    """Every connection fails as on a machine without a network."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("the network is forbidden in this test")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
