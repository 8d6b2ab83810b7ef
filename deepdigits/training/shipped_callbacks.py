"""Callbacks of Lightning that need help in a run of this package, or do not work in one."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    BatchSizeFinder,
    Checkpoint,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelCheckpoint,
    OnExceptionCheckpoint,
    SpikeDetection,
    StochasticWeightAveraging,
    Timer,
    WeightAveraging,
)
from typing_extensions import override

from deepdigits.core.errors import InputError
from deepdigits.core.limits import COUNT, Limits
from deepdigits.runs.checkpoint_record import LAST
from deepdigits.training.callbacks.last_checkpoint import FINISHED
from deepdigits.training.options import Stage

_FINDER = {"min_lr", "max_lr", "num_training_steps"}  # a subclass may have other arguments
# Class -> the reason, and the way out.
UNFIT: Mapping[type[Callback], str] = {
    BatchSizeFinder: "it changes the number of batches after the schedule of the learning rate is "
    "made: choose data.batch_size yourself",
    GradientAccumulationScheduler: "the schedule of the learning rate needs the same number of "
    "steps in each epoch: pass --trainer.accumulate_grad_batches",
    StochasticWeightAveraging: "it averages the weights after the last checkpoint is saved, so no "
    "file has them: use WeightAveraging, or --ema_decay",
    OnExceptionCheckpoint: "a new training would start from the checkpoint of an earlier one: "
    "leave it out, last.ckpt is saved all the same (see --last_checkpoint)",
}


def supported(callbacks: Sequence[Callback], config: Any, stage: Stage) -> list[Callback]:
    """The callbacks of a user, and those that the ones of Lightning need in addition.

    Args:
        callbacks: The callbacks of ``trainer.callbacks``.
        config: The parsed config.
        stage: The Trainer method.

    Raises:
        InputError: A callback does not work in a run.
    """
    found: list[Callback] = []
    for callback in callbacks:
        if stage != "fit" and isinstance(callback, Checkpoint | WeightAveraging):
            continue  # for trainings; the latter would load the weights that are not averaged
        name = type(callback).__name__
        for unfit, reason in UNFIT.items():
            if isinstance(callback, unfit):
                raise InputError(f"trainer.callbacks: {name} does not work here: {reason}")
        if isinstance(callback, Timer) and (seconds := callback.time_remaining()) is not None:
            Limits(0, math.inf, above=True).check("the duration of Timer", seconds)
        if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
            _check_name(callback)
        found.append(callback)
        if isinstance(callback, SpikeDetection):
            # Its load_state_dict of Lightning 2.6.6 uses a name that it does not set.
            callback.running = callback.running_mean  # type: ignore[attr-defined]
        if isinstance(callback, BackboneFinetuning):
            found.append(RefuseSchedule(name))
        if isinstance(callback, LearningRateFinder) and stage == "fit":
            _check_finder(name, config)
            found.append(ApplyFoundRate(callback))
    return found


def _check_name(checkpoint: ModelCheckpoint) -> None:
    own = (Path(LAST).stem, Path(FINISHED).stem)
    if checkpoint.filename in own:
        raise InputError(
            f"trainer.callbacks: the filename {checkpoint.filename!r} of ModelCheckpoint is that "
            "of the checkpoint to resume from: choose another one"
        )


def _check_finder(name: str, config: Any) -> None:
    if config.ckpt_path is not None:
        raise InputError(
            f"trainer.callbacks: {name} works in a new training only: leave it out when you start "
            "from a checkpoint (--trainer.callbacks null)"
        )
    if config.optimizer is not None:
        raise InputError(
            f"trainer.callbacks: {name} changes the learning rate of the net, and --optimizer has "
            "one of its own: leave out one of them"
        )
    given = config.trainer.callbacks
    for one in given if isinstance(given, list) else [given]:
        settings = dict((one.get("init_args") or {}).items())
        if settings.keys() >= _FINDER and one.class_path.rpartition(".")[2] == name:
            Limits(0, settings["max_lr"], above=True, below=True).check(
                f"{name} min_lr", settings["min_lr"]
            )
            COUNT.check(f"{name} num_training_steps", settings["num_training_steps"])


class ApplyFoundRate(Callback):
    """Builds optimizers and schedules again, with the learning rate that a finder has set.

    Lightning 2.6.6 sets that of the net and of the optimizer; a schedule would go on with the
    former one after the first step.

    Args:
        finder: The finder, the callback before this one.
    """

    def __init__(self, finder: LearningRateFinder) -> None:
        self._finder = finder

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._finder.optimal_lr is not None and trainer.lr_scheduler_configs:
            trainer.strategy.setup_optimizers(trainer)


class RefuseSchedule(Callback):
    """Refuses a net with a schedule: those of torch 2.14 take no parameters that are added later.

    Args:
        name: The callback that adds parameters.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.lr_scheduler_configs:
            raise InputError(
                f"trainer.callbacks: {self._name} adds parameters to the optimizer, and the "
                f"schedule of {type(pl_module).__name__} cannot take them: return an optimizer "
                "without a schedule from configure_optimizers"
            )
