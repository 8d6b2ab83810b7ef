"""The data module: the batches of each stage, and invalid settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.data.augment import Augment
from deepdigits.data.batches import Batch
from deepdigits.data.module import DigitsDataModule
from deepdigits.training.classifier import LitMLP

pytestmark = pytest.mark.usefixtures("tiny_digits")
SHIFTED = Augment(degrees=30, translate=0.2)


def module(**settings: Any) -> DigitsDataModule:
    """The tiny set: 240 images to train on, 60 to validate, 130 to test."""
    return DigitsDataModule(**{"batch_size": 50, "eval_batch_size": 48, "val_size": 60, **settings})


def prepared(*stages: str, **settings: Any) -> DigitsDataModule:
    data = module(**settings)
    data.prepare_data()
    for stage in stages:
        data.setup(stage)
    return data


class Seen(Callback):
    """Records the input of the net in each stage."""

    def __init__(self) -> None:
        self.batches: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def keep(self, stage: str, batch: tuple[Tensor, Tensor]) -> None:
        images, labels = batch
        self.batches.setdefault(stage, []).append((images.clone(), labels.clone()))

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, i: int) -> None:
        self.keep("train", batch)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, i: int, loader: int = 0
    ) -> None:
        self.keep("sanity" if trainer.sanity_checking else "val", batch)

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, i: int, loader: int = 0
    ) -> None:
        self.keep("test", batch)

    def all(self, stage: str) -> tuple[Tensor, Tensor]:
        images, labels = zip(*self.batches[stage], strict=True)
        return torch.cat(images), torch.cat(labels)


@pytest.fixture
def watched(make_trainer: Callable[..., Trainer]) -> Callable[..., Seen]:
    """Fits and tests on a data module; returns the inputs of the net."""

    def watch(data: DigitsDataModule, net: LightningModule | None = None, **settings: Any) -> Seen:
        seen = Seen()
        trainer = make_trainer(callbacks=[seen], **settings)
        net = net or LitMLP(hidden_sizes=[16])
        trainer.fit(net, data)
        trainer.test(net, data, verbose=False)
        return seen

    return watch


def as_float(images: Tensor) -> Tensor:
    return images.unsqueeze(1) / 255


def test_images_are_uint8_until_they_are_on_the_device() -> None:
    data = prepared("fit")
    images, labels = data.images_and_labels("train")
    assert (images.dtype, images.shape) == (torch.uint8, (240, 28, 28))
    batch = next(iter(data.train_dataloader()))
    assert batch.images.dtype == torch.uint8
    floats, same = data.on_after_batch_transfer(batch, 0)
    assert (floats.dtype, floats.shape) == (torch.float32, (50, 1, 28, 28))
    assert torch.equal((floats * 255).round().to(torch.uint8)[:, 0], batch.images)
    assert torch.equal(same, batch.labels)
    assert torch.equal(images[labels == 3], data.images_and_labels("train")[0][labels == 3])


def test_extreme_pixels_become_0_and_1() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1).expand(2, 28, 28)
    floats, _ = module().on_after_batch_transfer(Batch(pixels, torch.zeros(2), None), 0)
    assert floats.amin(dim=(1, 2, 3)).tolist() == floats.amax(dim=(1, 2, 3)).tolist() == [0, 1]


def test_only_training_images_are_augmented(watched: Callable[..., Seen]) -> None:
    data = module(augment=SHIFTED)
    seen = watched(data)
    for stage, split in (("sanity", "val"), ("val", "val"), ("test", "test")):
        images, labels = data.images_and_labels(split)  # type: ignore[arg-type]
        assert torch.equal(seen.all(stage)[0], as_float(images))
        assert torch.equal(seen.all(stage)[1], labels)
    originals = as_float(data.images_and_labels("train")[0]).flatten(1)
    trained, _ = seen.all("train")
    assert torch.cdist(trained.flatten(1), originals).amin(dim=1).min() > 0.5
    assert trained.min() >= 0
    assert trained.max() <= 1


def test_without_augmentation_the_training_images_are_the_originals(
    watched: Callable[..., Seen],
) -> None:
    data = module()
    trained, labels = watched(data).all("train")
    pairs = zip(*data.images_and_labels("train"), strict=True)
    known = {image.numpy().tobytes(): int(label) for image, label in pairs}
    fed = [(image * 255).round().to(torch.uint8).numpy().tobytes() for image in trained]
    assert [known[image] for image in fed] == labels.tolist()
    assert len(set(fed)) == len(fed) == 200  # 4 full batches


@pytest.mark.parametrize("settings", [{"num_sanity_val_steps": 0}, {"limit_val_batches": 0}])
def test_training_batches_depend_on_the_seed_only(
    watched: Callable[..., Seen], settings: dict[str, Any]
) -> None:
    fed = [
        watched(module(augment=SHIFTED, seed=seed), max_epochs=2, **more).all("train")[0]
        for seed, more in ((3, {}), (3, settings), (4, {}))
    ]
    assert torch.equal(fed[0], fed[1])
    assert not torch.equal(fed[0], fed[2])
    assert not torch.equal(fed[0][:200], fed[0][200:])  # epochs have different orders


def test_validation_comes_from_the_training_set_and_test_does_not(tiny_arrays: Any) -> None:
    data = prepared("fit", "test")
    train, val = (data.images_and_labels(split)[0] for split in ("train", "val"))  # type: ignore[arg-type]
    whole = torch.from_numpy(tiny_arrays["train-images-idx3-ubyte"])
    both = torch.cat([train, val])
    assert sorted(both.sum(dim=(1, 2)).tolist()) == sorted(whole.sum(dim=(1, 2)).tolist())
    test = torch.from_numpy(tiny_arrays["t10k-images-idx3-ubyte"])
    assert torch.equal(data.images_and_labels("test")[0], test)


def test_split_depends_on_its_own_seed_only() -> None:
    first, other_order, other_split = (
        prepared("fit", **seeds).images_and_labels("val")[0]
        for seeds in ({}, {"seed": 9}, {"split_seed": 9})
    )
    assert torch.equal(first, other_order)
    assert not torch.equal(first, other_split)


@pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero:UserWarning")
def test_without_validation_all_images_are_trained_on(watched: Callable[..., Seen]) -> None:
    data = module(val_size=0, batch_size=60)
    seen = watched(data)
    assert len(seen.all("train")[0]) == 300
    assert set(seen.batches) == {"train", "test"}


@pytest.mark.parametrize(("split", "size"), [("train", 240), ("val", 60), ("test", 130)])
def test_any_split_can_be_tested_in_order_without_augmentation(
    split: Any, size: int, make_trainer: Callable[..., Trainer]
) -> None:
    data, seen = module(test_split=split, augment=SHIFTED), Seen()
    make_trainer(callbacks=[seen]).test(LitMLP(hidden_sizes=[8]), data, verbose=False)
    images, labels = seen.all("test")
    assert len(images) == size
    assert torch.equal(images, as_float(data.images_and_labels(split)[0]))
    assert torch.equal(labels, data.images_and_labels(split)[1])


def test_results_do_not_depend_on_eval_batch_size(make_trainer: Callable[..., Trainer]) -> None:
    net = LitMLP(hidden_sizes=[16])
    figures = []
    for size in (1, 7, 48, 2000):
        trainer = make_trainer()
        trainer.test(net, module(eval_batch_size=size), verbose=False)
        figures.append({k: v.item() for k, v in trainer.callback_metrics.items()})
    for other in figures[1:]:
        assert other == pytest.approx(figures[0], rel=1e-5)
    assert len(figures[0]) == 3 + 3 * 10


@pytest.mark.parametrize("dataset_device", ["device", "host"])
def test_dataset_device_is_used(dataset_device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The "meta" device stands for a GPU."""
    data = prepared("fit", dataset_device=dataset_device)
    strategy = type("Strategy", (), {"root_device": torch.device("meta")})
    fake = {"global_rank": 0, "world_size": 1, "strategy": strategy, "overfit_batches": 0}
    data.trainer = type("FakeTrainer", (), fake)()  # type: ignore[assignment]
    loader = data.train_dataloader()
    expected = "meta" if dataset_device == "device" else "cpu"
    assert loader.images.device.type == loader.labels.device.type == expected
    batch = next(iter(loader))
    assert batch.images.device.type == expected
    # A second loader uses the same tensors: nothing is copied again.
    assert data.train_dataloader().images is loader.images


def test_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, load = [], sources.load
    monkeypatch.setattr(
        sources, "load", lambda *args, **kw: (read.append(kw["train"]), load(*args, **kw))[1]
    )
    prepared("fit", "validate", "fit", "test", "predict")
    assert read == [True, False]


def test_ranks_divide_the_training_batch(make_trainer: Callable[..., Trainer]) -> None:
    data = prepared("fit", batch_size=20)
    for rank in (0, 1):
        fake = {"global_rank": rank, "world_size": 2, "overfit_batches": 0}
        strategy = type("Strategy", (), {"root_device": torch.device("cpu")})
        data.trainer = type("FakeTrainer", (), {**fake, "strategy": strategy})()  # type: ignore[assignment]
        shares = [labels for _, labels, _ in data.train_dataloader()]
        assert [len(share) for share in shares] == [20] * 6  # 240 images, 40 a step


@pytest.mark.filterwarnings("ignore:You requested to overfit:UserWarning")
def test_overfit_batches_feeds_the_same_batch_each_epoch(watched: Callable[..., Seen]) -> None:
    seen = watched(module(), overfit_batches=1, max_epochs=3)
    first, second, third = (images for images, _ in seen.batches["train"])
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    assert len(first) == 50  # batch_size, not eval_batch_size


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"dataset": "mnits"}, r"'mnits' is not one of mnist, fashion_mnist"),
        ({"batch_size": 0}, "batch_size is 0, expected 1 or more"),
        ({"batch_size": 301, "val_size": 0}, "batch_size is 301"),
        ({"eval_batch_size": -1}, "eval_batch_size is -1"),
        ({"val_size": -1}, "val_size is -1, expected 0 to 250"),
        ({"val_size": 251}, "val_size is 251, expected 0 to 250: mnist has 300 training"),
    ],
)
def test_values_out_of_range_are_errors_with_the_range(
    settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named) as caught:
        module(**settings)
    assert "\n" not in str(caught.value)


def test_largest_val_size_leaves_one_batch(watched: Callable[..., Seen]) -> None:
    assert len(watched(module(val_size=250)).all("train")[0]) == 50


@pytest.mark.parametrize(
    ("name", "num_classes", "seven"),
    [("mnist", 10, "7"), ("fashion_mnist", 10, "Sneaker"), ("emnist_balanced", 47, "7")],
)
def test_classes_are_known_without_files(name: Any, num_classes: int, seven: str) -> None:
    data = DigitsDataModule(dataset=name, val_size=0, batch_size=1, data_dir="/nowhere")
    assert data.num_classes == num_classes
    assert data.class_names[7] == seven


def test_home_is_expanded_in_data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module(data_dir="~/digits").data_dir == tmp_path / "digits"


def test_a_later_change_of_the_working_directory_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    data = DigitsDataModule(data_dir="digits", batch_size=20, val_size=40)
    monkeypatch.chdir("/")
    assert data.data_dir == tmp_path / "digits"
