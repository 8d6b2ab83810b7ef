"""``bench data``: a pass over the training digits, from memory and with torchvision."""

import sys
from contextlib import redirect_stdout
from itertools import islice

import torch

from deepdigits.benchmarks.timing import Result, clocked, compared, measure
from deepdigits.data.module import DigitsDataModule, to_float
from deepdigits.data.registry import DATASETS
from deepdigits.data.sources import default_data_dir
from deepdigits.models.layers import Normalize

OURS = "deepdigits"


def bench_data(repeats: int = 3, limit: int | None = None, batch_size: int = 256) -> Result:
    """Measure one pass over MNIST's training digits: batches from memory, and torchvision.

    Both yield normalized float batches (B, 1, 28, 28) and labels, in a new random order.

    Args:
        repeats: Passes of each, alternately.
        limit: Number of digits to use, from the first. None: all.
        batch_size: Digits per batch.
    """
    data = DigitsDataModule(batch_size=batch_size, val_size=0)
    with redirect_stdout(sys.stderr):
        data.prepare_data()
    data.setup("fit")
    num_images = min(limit or DATASETS["mnist"].num_train, DATASETS["mnist"].num_train)
    seconds = measure(
        {
            OURS: clocked(lambda: memory_pass(data, num_images)),
            "torchvision MNIST, ToTensor, Normalize, DataLoader": clocked(
                lambda: torchvision_pass(num_images, batch_size)
            ),
        },
        repeats,
    )
    task = f"one pass over {num_images:,} digits in batches of {batch_size}"
    return compared("data", task, seconds, {OURS: "ratio"})


def memory_pass(data: DigitsDataModule, num_images: int) -> None:
    """One pass over the training batches of the data module, up to ``num_images``."""
    normalize = Normalize()
    for batch in islice(
        data.batches("train", data.batch_size, shuffle=True), num_images // data.batch_size
    ):
        normalize(to_float(batch.images))


def torchvision_pass(num_images: int, batch_size: int) -> None:
    """One pass as in most tutorials: each image on its own, as a PIL image."""
    from torchvision import datasets, transforms

    steps = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    mnist = datasets.MNIST(default_data_dir(), transform=transforms.Compose(steps))
    subset = torch.utils.data.Subset(mnist, range(num_images))
    for _ in torch.utils.data.DataLoader(subset, batch_size, shuffle=True, drop_last=True):
        pass
