"""Nets and data modules of a user; `test_own_code.py` copies this file as ``mine.py``."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from deepdigits import DigitsDataModule, LitClassifier, LitMLP

# ---------------------------------------------------------------- nets


class Plain(LightningModule):
    """A module that is no LitClassifier, with metrics of its own."""

    def __init__(self, width: int = 4, lr: float = 0.1):
        super().__init__()
        self.save_hyperparameters()
        head = nn.Linear(width, 10)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), head)

    def forward(self, batch):
        return self.net(batch[0]).softmax(dim=1)

    def loss(self, batch):
        images, labels = batch
        return F.cross_entropy(self.net(images), labels)

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def on_train_epoch_end(self):
        self.log("epochs_done", float(self.current_epoch + 1))

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", self.loss(batch))

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


class Wordless(Plain):
    """Logs nothing."""

    def log(self, *args, **settings):
        pass


class Talking(LitMLP):
    """Logs metrics besides those of LitClassifier: by step, after the epoch, in the validation."""

    def __init__(self, **kwargs):
        super().__init__(hidden_sizes=[8], **kwargs)

    def training_step(self, batch, batch_idx):
        self.log("largest", batch[0].max(), on_step=True, on_epoch=True)
        return super().training_step(batch, batch_idx)

    def on_train_epoch_end(self):
        super().on_train_epoch_end()
        self.log("distance", float(self.current_epoch + 1))

    def on_validation_epoch_end(self):
        super().on_validation_epoch_end()
        self.log("val/doubt", 3.0 * (self.current_epoch + 1))


class OnlyTraining(Plain):
    """Neither validated nor tested."""

    validation_step = LightningModule.validation_step
    test_step = LightningModule.test_step


class WithObjects(Plain):
    """Its hyperparameters are not all plain."""

    def __init__(self, width: int = 4, lr: float = 0.1):
        super().__init__(width, lr)
        self.save_hyperparameters({"activation": nn.ReLU()})


class Manual(Plain):
    """Two optimizers, stepped by hand; one has no learning rate in common with the other."""

    def __init__(self, width: int = 4, lr: float = 0.1):
        super().__init__(width, lr)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.loss(batch).backward()  # not manual_backward: no callback sees the loss
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self):
        first, second = self.net[1], self.net[3]
        return [
            torch.optim.SGD(first.parameters(), lr=0.5),
            torch.optim.Adam(second.parameters(), lr=0.25),
        ]


class Stopping(Plain):
    """Gets a signal in the second epoch, once."""

    def on_train_batch_start(self, batch, batch_idx):
        if self.global_step == 4 and Path("stop").is_file():
            Path("stop").unlink()
            os.kill(os.getpid(), signal.SIGTERM)


class NotFinite(Manual):
    """Its gradients are not finite."""

    def loss(self, batch):
        return torch.nan * super().loss(batch) if self.training else super().loss(batch)


class ManualClassifier(LitMLP):
    """A LitClassifier that steps by hand and returns its loss."""

    def __init__(self, **kwargs: Any):
        super().__init__(hidden_sizes=[8], **kwargs)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        loss = super().training_step(batch, batch_idx)
        self.manual_backward(loss)
        optimizer.step()
        return loss


class Skipping(LitMLP):
    """Skips the first batch, and each second one."""

    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx) if batch_idx % 2 else None


class Silent(LitMLP):
    """Measures, but returns nothing."""

    def validation_step(self, batch, batch_idx):
        super().validation_step(batch, batch_idx)

    def test_step(self, batch, batch_idx):
        super().test_step(batch, batch_idx)


class Mappings(LitMLP):
    """Returns mappings."""

    def training_step(self, batch, batch_idx):
        return {"loss": super().training_step(batch, batch_idx), "more": batch[1]}

    def validation_step(self, batch, batch_idx):
        return {"logits": super().validation_step(batch, batch_idx)}

    def test_step(self, batch, batch_idx):
        return {"logits": super().test_step(batch, batch_idx)}

    def predict_step(self, batch, batch_idx):
        return {"probabilities": super().predict_step(batch, batch_idx)}


class Unmeasured(LitMLP):
    """A LitClassifier whose steps leave its metrics alone."""

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def test_step(self, batch, batch_idx):
        self.log("test_loss", F.cross_entropy(self(batch[0]), batch[1]))


class NoOptimizer(LitMLP):
    """Is not trained by an optimizer."""

    def configure_optimizers(self):
        return None


class Centroids(LitClassifier):
    """Has no parameters: the mean image of each class."""

    class Net(nn.Module):
        def __init__(self, num_classes: int):
            super().__init__()
            self.register_buffer("means", torch.zeros(num_classes, 784))

        def forward(self, images):
            return -torch.cdist(images.flatten(1), self.means)

    def __init__(self, num_classes: int = 10):
        super().__init__(net=self.Net(num_classes), num_classes=num_classes)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        self.net.means.index_add_(0, labels, images.flatten(1) / len(images))

    def configure_optimizers(self):
        return None


class NoParameters(LitClassifier):
    """A net without parameters, and the optimizer of LitClassifier."""

    def __init__(self, num_classes: int = 10):
        super().__init__(net=Centroids.Net(num_classes), num_classes=num_classes)


class NoLinear(LitClassifier):
    """A net without a linear layer, whose first weights are no pictures."""

    def __init__(self, num_classes: int = 10, **kwargs: Any):
        net = nn.Sequential(
            nn.Flatten(2), nn.Conv1d(1, 3, 7, 7), nn.Conv1d(3, num_classes, 112), nn.Flatten()
        )
        super().__init__(net=net, num_classes=num_classes, **kwargs)


class Colour(LitClassifier):
    """Takes images (3, 32, 32)."""

    def __init__(self, num_classes: int = 10, **kwargs: Any):
        net = nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
        super().__init__(net=net, num_classes=num_classes, **kwargs)


class ColourWithExample(Colour):
    """Says what it takes."""

    @property
    def example_input_array(self):
        return torch.zeros(2, 3, 32, 32)


# ---------------------------------------------------------------- data modules


class Shapes(LightningDataModule):
    """Three classes of random images, easy to learn; without ``setup``."""

    num_classes = 3
    class_names = ("circle", "square", "star")
    shape = (1, 28, 28)

    def __init__(self, size: int = 60, batch_size: int = 20, root: str = "/data", workers: int = 0):
        super().__init__()
        self.size, self.batch_size, self.root, self.workers = size, batch_size, root, workers

    def tensors(self, seed):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(self.size) % 3
        images = 0.3 * torch.rand(self.size, *self.shape, generator=generator)
        images[torch.arange(self.size), 0, 5 * labels] = 1
        return images, labels

    def loader(self, seed):
        dataset = TensorDataset(*self.tensors(seed))
        return DataLoader(dataset, batch_size=self.batch_size, num_workers=self.workers)

    def train_dataloader(self):
        return self.loader(0)

    def val_dataloader(self):
        return self.loader(1)

    def test_dataloader(self):
        return self.loader(2)

    def predict_dataloader(self):
        return self.loader(2)


class Seeded(Shapes):
    """Takes the seed, and a path as it is typed."""

    def __init__(self, seed: int = -1, root: str = "here", **kwargs: Any):
        super().__init__(root=root, **kwargs)
        self.seed = seed


class NoValidation(Shapes):
    """Has no validation."""

    val_dataloader = LightningDataModule.val_dataloader


class EmptyValidation(Shapes):
    """Its validation has no loaders."""

    def val_dataloader(self):
        return []


class NoTest(Shapes):
    """Has no test."""

    test_dataloader = LightningDataModule.test_dataloader


class TwoValidations(Shapes):
    """Two loaders of validation."""

    def val_dataloader(self):
        return [self.loader(1), self.loader(2)]


class Stream(IterableDataset):
    """Samples one by one, of unknown number."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __iter__(self):
        yield from zip(self.images, self.labels, strict=True)


class Streams(Shapes):
    """Loaders without a length."""

    def loader(self, seed):
        return DataLoader(Stream(*self.tensors(seed)), batch_size=self.batch_size)


class Pictures(Shapes):
    """Images of another shape."""

    shape = (3, 32, 32)


class Mapped(Shapes):
    """Batches that are mappings."""

    def loader(self, seed):
        images, labels = self.tensors(seed)
        return DataLoader(
            [{"x": x, "y": y} for x, y in zip(images, labels, strict=True)],
            batch_size=self.batch_size,
        )


class WrongLabels(Shapes):
    """Labels from 1."""

    def tensors(self, seed):
        images, labels = super().tensors(seed)
        return images, labels + 1


class Unnamed(Shapes):
    """Does not say how many classes it has, and its names are of no use."""

    num_classes = None
    class_names = ("a", "a")

    def __getattribute__(self, name):
        if name == "num_classes":
            raise AttributeError(name)
        return super().__getattribute__(name)


class Shifted(DigitsDataModule):
    """A DigitsDataModule of the user's own."""

    def on_after_batch_transfer(self, batch, dataloader_idx):
        images, labels = super().on_after_batch_transfer(batch, dataloader_idx)
        return images.roll(1, dims=3), labels


class Parity(DigitsDataModule):
    """The digits with other classes."""

    num_classes = 2
    class_names = ("even", "odd")

    def on_after_batch_transfer(self, batch, dataloader_idx):
        images, labels = super().on_after_batch_transfer(batch, dataloader_idx)
        return images, labels % 2


class Fixed(DigitsDataModule):
    """Takes nothing but the seed."""

    def __init__(self, seed: int = 0):
        super().__init__(batch_size=80, val_size=60, seed=seed)


class Small(LitClassifier):
    """One layer, for any number of classes."""

    def __init__(self, num_classes: int = 10, **kwargs: Any):
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))
        super().__init__(net=net, num_classes=num_classes, **kwargs)


class OfMappings(Plain):
    """Takes mappings."""

    def loss(self, batch):
        return F.cross_entropy(self.net(batch["x"]), batch["y"])
