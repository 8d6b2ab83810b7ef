"""The training logic of all nets, and a thin subclass for each bundled net."""

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import instantiate_class
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torchmetrics import MetricCollection
from typing_extensions import override

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.limits import Limits
from deepdigits.metrics.report import Report
from deepdigits.metrics.stage import TrainingMetrics, evaluation_metrics, to_scalars
from deepdigits.models.cnn import CNN, Downsample
from deepdigits.models.mlp import MLP
from deepdigits.training.batch_checks import (
    check_logits,
    example_images,
    explained,
    explained_labels,
    images_and_labels,
    logits_shape,
    num_classes,
)
from deepdigits.training.class_weights import ClassWeights, check_class_weights, class_weights_of
from deepdigits.training.compilation import Compile, compile_in_place, warm_up
from deepdigits.training.head import Freeze, check_freeze, evaluate_body, freeze_body
from deepdigits.training.length import schedule_length
from deepdigits.training.lightning_compat import expect_evaluation_mode
from deepdigits.training.optimizer import adamw, one_cycle, stepped
from deepdigits.training.stored_settings import readable

Stage = Literal["train", "val", "test"]

LIMITS = {
    "lr": Limits(0),
    "weight_decay": Limits(0),
    "label_smoothing": Limits(0, 1, below=True),
    "warmup": Limits(0, 1),
}


class LitClassifier(LightningModule):
    """Trains and tests any net that maps images (B, 1, 28, 28) in [0, 1] to logits (B, C).

    The loss is cross-entropy, the optimizer AdamW. The one-cycle schedule of Smith and Topin (2018)
    steps with each batch over the length of the training. A subclass only builds its net: see
    LitMLP and LitCNN.

    Args:
        net: The net.
        num_classes: Number of logits of the net. The command line takes it from the dataset.
        lr: Highest learning rate, from 0 on.
        weight_decay: Decay of the weight matrices and kernels (not of biases and norms), from 0 on.
        label_smoothing: Share of the target that is spread over all classes in training, 0 to below
            1.
        warmup: Share of the training in which the learning rate rises, 0 to 1.
        compile: Compile the net for training, which takes a minute before it. The keys of
            checkpoints stay the same. reduce-overhead: also put its kernels into CUDA graphs.
        class_weights: Weights of the classes in the training loss. balanced: the fewer training
            images a class has, the higher.
        freeze: body: train the head alone, which is the layer ``head`` of the net, else its last
            linear layer. The other layers stay as they are, and compute as in evaluation: the
            statistics of batch normalisation do not move, and their dropout is off.

    Attributes:
        optimizer_settings: Class path and arguments of an optimizer in place of AdamW; None: AdamW.
        scheduler_settings: The same of a schedule in place of the one-cycle schedule.
        schedule_shift: Steps by which the schedule is ahead of the optimizer: not 0 after a resume
            with steps of another size.

    Raises:
        InputError: A value is outside its range.
    """

    optimizer_settings: dict[str, Any] | None = None
    scheduler_settings: dict[str, Any] | None = None
    _class_weights: Tensor | None

    def __init__(
        self,
        net: nn.Module,
        num_classes: int = 10,
        lr: float = 5e-3,
        weight_decay: float = 1e-2,
        label_smoothing: float = 0.0,
        warmup: float = 0.3,
        compile: Compile = False,
        class_weights: ClassWeights = None,
        freeze: Freeze = "none",
    ) -> None:
        super().__init__()
        values = (lr, weight_decay, label_smoothing, warmup)
        for (name, limits), value in zip(LIMITS.items(), values, strict=True):
            limits.check(name, value)
        check_class_weights(class_weights, num_classes)
        check_freeze(freeze, net)
        self.save_hyperparameters(ignore="net")  # those of the subclass too
        self.net = net
        self.num_classes = num_classes
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.warmup = warmup
        self.compile_net = compile
        self.class_weights = class_weights
        self.register_buffer("_class_weights", None, persistent=False)
        self.freezes_body = freeze == "body"  # `freeze` is a method of Lightning
        self.schedule_shift = 0
        self._schedule_length: float | None = None
        self.train_metrics = TrainingMetrics()
        metrics = evaluation_metrics(num_classes)
        self.val_metrics = metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")

    @property
    @override
    def hparams_initial(self) -> AttributeDict:
        """The settings for loggers: numbers and text."""
        initial: AttributeDict = super().hparams_initial
        initial.update({name: readable(value) for name, value in initial.items()})
        return initial

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C) of images (B, 1, 28, 28)."""
        logits: Tensor = self.net(images)
        return logits

    @override
    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if mode and self.freezes_body:
            evaluate_body(self, self.net)
        return self

    def setup(self, stage: str) -> None:
        """Check that the net has a logit for each class of the dataset; freeze and compile the net.

        The check takes the ``example_input_array`` of this module or its net, by default two grey
        images of 28 x 28 pixels. Images of a data module of the user's own are checked when they
        come, if there is no such example.
        """
        num_classes(self)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if (images := example_images(self, self.net, data)) is not None:
            with explained(self, self.net, images):
                shape = logits_shape(self, images)  # its forward may be its own
            check_logits(self, self.net, shape, len(images))
        if stage == "fit":
            self._class_weights = class_weights_of(self.class_weights, self.num_classes, data)
            if self.freezes_body:
                freeze_body(self, self.net)
                expect_evaluation_mode(self.trainer)
            if self.compile_net:
                compile_in_place(self.net, self.compile_net)

    @override
    def on_fit_start(self) -> None:
        if self.compile_net:
            warm_up(self, self.net)

    @override
    def on_train_epoch_start(self) -> None:
        self.train_metrics.reset()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        loss, _ = self._step(batch, self.train_metrics, self.label_smoothing, self._class_weights)
        return loss

    @override
    def on_train_epoch_end(self) -> None:
        self._log("train")

    @override
    def on_validation_epoch_start(self) -> None:
        self.val_metrics.reset()

    def validation_step(
        self, batch: tuple[Tensor, Tensor], batch_idx: int, dataloader_idx: int = 0
    ) -> Tensor:
        """The logits (B, C) of a batch, for callbacks; the metrics are over all loaders."""
        _, logits = self._step(batch, self.val_metrics)
        return logits

    @override
    def on_validation_epoch_end(self) -> None:
        self._log("val")

    @override
    def on_test_epoch_start(self) -> None:
        self.test_metrics.reset()

    def test_step(
        self, batch: tuple[Tensor, Tensor], batch_idx: int, dataloader_idx: int = 0
    ) -> Tensor:
        """The logits (B, C) of a batch, for callbacks; the metrics are over all loaders.

        In the precision of the weights: `report`, which has no trainer, finds the same.
        """
        with torch.autocast(self.device.type, enabled=False):
            _, logits = self._step(batch, self.test_metrics)
        return logits

    @override
    def on_test_epoch_end(self) -> None:
        self._log("test")

    def predict_step(
        self, batch: Tensor | tuple[Tensor, ...], batch_idx: int, dataloader_idx: int = 0
    ) -> Tensor:
        """Class probabilities (B, C) of images, or of images with labels."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        with explained(self, self.net, images):
            logits: Tensor = self(images)
        return logits.softmax(dim=1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with the one-cycle schedule, unless others were chosen; stepped per batch."""
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise InputError(
                f"{type(self).__name__} has no parameters to train: override configure_optimizers "
                "and training_step for a net without"
            )
        if self.optimizer_settings is None:
            optimizer: Optimizer = adamw(self.parameters(), self.lr, self.weight_decay)
        else:
            trained = [p for p in self.parameters() if p.requires_grad]
            optimizer = instantiate_class(trained, self.optimizer_settings)
        if self.scheduler_settings is not None:
            return stepped(optimizer, instantiate_class(optimizer, self.scheduler_settings))
        return stepped(optimizer, LambdaLR(optimizer, lambda step: self._lr_factor(step)))

    @override
    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any | None) -> None:
        try:
            super().lr_scheduler_step(scheduler, metric)
        except ValueError as error:  # such as a schedule that has come to its end
            raise InputError(f"the learning rate schedule stopped: {one_line(error)}") from error

    def has_measured(self, stage: Stage) -> bool:
        """Whether batches were added to the metrics of a stage in this epoch, by any process.

        A subclass may override a step and add none. Call it on all processes.
        """
        if stage == "train":
            counted = self.train_metrics.update_called
        else:
            metrics = self._evaluation(stage).values(copy_state=False)
            counted = any(metric.update_called for metric in metrics)
        return bool(self.trainer.strategy.reduce_boolean_decision(counted, all=False))

    def report(self, stage: Literal["val", "test"]) -> Report:
        """The report of an evaluation in this epoch, over all processes."""
        values = self._evaluation(stage).compute()
        confusion = values[f"{stage}/confusion_matrix"].cpu().numpy()
        names = [str(label) for label in range(self.num_classes)]
        return Report(confusion, names, values[f"{stage}/loss"].item())

    def scalars(self, stage: Stage) -> dict[str, float]:
        """The metrics of a stage in this epoch, over all processes, under their tags in the log.

        Training has ``train/loss`` and ``train/accuracy``. Validation and test also have
        ``f1_macro`` and precision, recall and F1 of each class, such as ``val/f1/7``.
        """
        if stage == "train":
            values = self.train_metrics.compute()
            return to_scalars({f"train/{name}": value for name, value in values.items()}, "train/")
        return to_scalars(self._evaluation(stage).compute(), f"{stage}/")

    def _step(
        self,
        batch: tuple[Tensor, Tensor],
        metrics: TrainingMetrics | MetricCollection,
        label_smoothing: float = 0.0,
        weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        images, labels = images_and_labels(batch, self)
        with explained(self, self.net, images):
            logits = self(images)
        if logits.shape != (len(images), self.num_classes):
            check_logits(self, self.net, logits.shape, len(images))
        with explained_labels(self, labels):
            loss = F.cross_entropy(logits, labels, weight, label_smoothing=label_smoothing)
        if len(labels):  # a process may have no share of the last batch
            metrics.update(preds=logits.detach(), target=labels, loss=loss.detach())
        return loss, logits

    def _evaluation(self, stage: Literal["val", "test"]) -> MetricCollection:
        return self.val_metrics if stage == "val" else self.test_metrics

    def _log(self, stage: Stage) -> None:
        # With barebones nothing is logged, with a warning each time.
        if not self.trainer.barebones and self.has_measured(stage):
            self.log_dict(dict(self.scalars(stage)), sync_dist=True)

    def _lr_factor(self, step: int) -> float:
        # Before the loaders exist, reading the length would make Lightning forget the position
        # from which a checkpoint resumes. Step 0 does not need the length.
        if not step:
            self._schedule_length = None  # of an earlier training
            return one_cycle(0.0, self.warmup)
        if (length := self._schedule_length) is None:  # reading it takes as long as a layer
            length = self._schedule_length = schedule_length(self.trainer, self.schedule_shift)
        done = (step + self.schedule_shift) / length
        return 1.0 if math.isinf(length) or length <= 0 else one_cycle(done, self.warmup)


class LitMLP(LitClassifier):
    """Classify digits with a multi-layer perceptron.

    Args:
        hidden_sizes: Width of each hidden layer.
        dropout: Dropout probability after each hidden layer.
        norm: Batch normalisation after each hidden linear layer.
        num_classes: Number of classes. The command line takes it from the dataset.
        shift_tta: In evaluation, average the logits of the image and of four copies, each shifted
            by a pixel. A number: only of images with a confidence below it.
    """

    def __init__(
        self,
        hidden_sizes: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        norm: bool = True,
        num_classes: int = 10,
        shift_tta: bool | float = False,
        **kwargs: Any,
    ) -> None:
        net = MLP(hidden_sizes, dropout, norm, num_classes, shift_tta)
        super().__init__(net=net, num_classes=num_classes, **kwargs)


class LitCNN(LitClassifier):
    """Classify digits with a small convolutional net.

    Args:
        channels: Output channels of each stage.
        kernel_sizes: Odd kernel size of each stage, as many as channels.
        hidden_size: Width of the hidden linear layer. null: global average pooling instead.
        dropout: Dropout probability before the last layer.
        num_classes: Number of classes. The command line takes it from the dataset.
        downsample: Downsampling of each stage: pool, stride or keep (none). null: pool in all
            stages but the last.
        shift_tta: In evaluation, average the logits of the image and of four copies, each shifted
            by a pixel. A number: only of images with a confidence below it.
        crop: Pixels to leave out at each side of the image.
    """

    def __init__(
        self,
        channels: Sequence[int] = (24, 48, 96),
        kernel_sizes: Sequence[int] = (5, 3, 3),
        hidden_size: int | None = 416,
        dropout: float = 0.3,
        num_classes: int = 10,
        downsample: Sequence[Downsample] | None = None,
        shift_tta: bool | float = False,
        crop: int = 0,
        **kwargs: Any,
    ) -> None:
        net = CNN(
            channels,
            kernel_sizes,
            hidden_size,
            dropout,
            num_classes,
            downsample=downsample,
            shift_tta=shift_tta,
            crop=crop,
        )
        super().__init__(net=net, num_classes=num_classes, **kwargs)
