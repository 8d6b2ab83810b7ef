"""The training of a config as a loop of plain PyTorch, without Lightning."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F

from deepdigits.core.timing import clock
from deepdigits.data.batches import Batches, IndexSampler
from deepdigits.data.module import DigitsDataModule, to_float
from deepdigits.data.registry import Split
from deepdigits.training.batch_limits import limited
from deepdigits.training.class_weights import class_weights_of
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.cli import DigitsCLI
from deepdigits.training.optimizer import adamw, one_cycle


def plain_pytorch_seconds(built: DigitsCLI, epochs: int) -> float:
    """Seconds of the training of a config in a loop of plain PyTorch.

    Args:
        built: Net, data and trainer of the config.
        epochs: Epochs of the training.
    """
    model, data = built.model, built.datamodule
    assert isinstance(model, LitClassifier) and isinstance(data, DigitsDataModule)
    device = built.trainer.strategy.root_device
    data.prepare_data()
    data.setup("fit")
    train = _batches(data, "train", device)
    num_batches = limited(len(train), built.trainer.limit_train_batches)
    val = _batches(data, "val", device) if data.val_size else None
    model.to(device)
    start = clock(device)
    precision = built.trainer.precision_plugin.forward_context
    train_plain_pytorch(model, data, train, val, epochs, precision, num_batches)
    return clock(device) - start


def train_plain_pytorch(
    model: LitClassifier,
    data: DigitsDataModule,
    train: Batches,
    val: Batches | None,
    epochs: int,
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
    num_batches: int | None = None,
) -> list[int]:
    """Train a net.

    Args:
        model: Net and settings.
        data: The augmentation.
        train: The training batches.
        val: The validation batches. None: no validation.
        epochs: Number of epochs.
        precision: Makes the context of a forward pass, such as that of autocast.
        num_batches: Training batches of an epoch. None: all.

    Returns:
        The number of correct validation predictions after each epoch.
    """
    num_batches = len(train) if num_batches is None else num_batches
    net, total = model.net, epochs * num_batches
    weight = class_weights_of(model.class_weights, model.num_classes, data)
    weight = weight if weight is None else weight.to(model.device)
    correct: list[int] = []
    optimizer = adamw(net.parameters(), model.lr, model.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: one_cycle(step / total, model.warmup)
    )
    for epoch in range(epochs):
        net.train()
        train.sampler.set_epoch(epoch)
        for images, labels, draws in islice(train, num_batches):
            images = to_float(images)
            images = images if draws is None else data.augment(images, draws)
            with precision():
                logits = net(images)
                loss = F.cross_entropy(
                    logits, labels, weight, label_smoothing=model.label_smoothing
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            scheduler.step()
        if val is not None:
            net.eval()
            with torch.no_grad(), precision():
                counts = [(net(to_float(b.images)).argmax(1) == b.labels).sum() for b in val]
            correct.append(int(torch.stack(counts).sum()))
    return correct


def _batches(data: DigitsDataModule, split: Split, device: torch.device) -> Batches:
    images, labels = (tensor.to(device) for tensor in data.images_and_labels(split))
    train = split == "train"
    size = data.batch_size if train else data.eval_batch_size
    sampler = IndexSampler(len(images), size, train, data.seed)
    return Batches(images, labels, sampler, data.draws(device) if train else None)
