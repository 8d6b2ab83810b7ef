"""Check the settings that count batches against the number of batches that there are."""

import math
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer

from deepdigits.core.errors import InputError
from deepdigits.data.batches import IndexSampler
from deepdigits.data.module import DigitsDataModule
from deepdigits.data.registry import Split

_LIMITS = {
    "train": ("train", "val", "test"),
    "fit": ("train", "val"),
    "validate": ("val",),
    "test": ("test",),
    "predict": ("predict",),
}


def check_batches(command: str, trainer: Trainer, data: LightningDataModule) -> None:
    """Check that each pass over the data has a batch, and each validation is reached.

    Lightning checks the same, but only when a pass begins: that of the test after the training.

    Args:
        command: train, fit, validate, test or predict.
        trainer: The trainer that will run it.
        data: Its data.

    Raises:
        InputError: A limit leaves no batch, or there are fewer than `trainer.val_check_interval`.
    """
    if type(data) is not DigitsDataModule:
        return  # the batches of other loaders are counted only when they are there
    for name in _LIMITS[command]:
        total, limit = number_of_batches(name, trainer, data), _limit(name, trainer)
        overfits = trainer.overfit_batches and name in ("train", "val")  # type: ignore[attr-defined]
        option = "trainer.overfit_batches" if overfits else f"trainer.limit_{name}_batches"
        if total and limit == 0 and (name != "val" or command == "validate"):
            way_out = ", or use `deepdigits fit`, which does not test" if command == "train" else ""
            raise InputError(f"{option} is 0: pass 1 batch or more{way_out}")
        if total and isinstance(limit, float) and limit > 0 and limited(total, limit) == 0:
            share = math.ceil(1000 / total) / 1000
            raise InputError(
                f"{option} is {limit}, which is less than a batch, since there are {total}: pass a "
                f"whole number of batches, or a share of {share} or more"
            )
    if command in ("train", "fit"):
        _check_interval(trainer, data)


def number_of_batches(name: str, trainer: Trainer, data: DigitsDataModule) -> int:
    """Batches of a pass without limits: those of each process.

    Args:
        name: train, val, test or predict.
        trainer: The trainer.
        data: The data; it need not be set up.
    """
    split: Split = data.test_split if name in ("test", "predict") else name  # type: ignore[assignment]
    if (images := data.num_images(split)) == 0:
        return 0
    size = data.batch_size if name == "train" else data.eval_batch_size
    shuffle = name == "train" and not trainer.overfit_batches  # type: ignore[attr-defined]
    return len(IndexSampler(images, size, shuffle, world_size=trainer.world_size))


def limited(total: int, limit: int | float) -> int:
    """The batches of a pass under a limit of the trainer: a number of batches, or a share of all.

    >>> limited(10, 3), limited(10, 30), limited(10, 0.39)
    (3, 10, 3)
    """
    return min(total, limit) if isinstance(limit, int) else int(total * limit)


def _limit(name: str, trainer: Trainer) -> Any:
    return getattr(trainer, f"limit_{name}_batches")


def _check_interval(trainer: Trainer, data: DigitsDataModule) -> None:
    # A trainer that validates by time has no interval in batches.
    interval, limit = getattr(trainer, "val_check_interval", None), _limit("train", trainer)
    total = number_of_batches("train", trainer, data)
    trained = limited(total, limit)
    validates = data.val_size and _limit("val", trainer)
    if trainer.check_val_every_n_epoch is None or not validates or not isinstance(interval, int):
        return
    if interval > trained:
        raise InputError(
            f"trainer.val_check_interval is {interval}, but an epoch has only {trained} batches: "
            "pass fewer, or a share of an epoch such as 0.5, or, to count over several epochs, "
            "--trainer.check_val_every_n_epoch null"
        )
