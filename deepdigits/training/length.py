"""The length of a training in optimizer steps, and how many of them a resumed one has made."""

import math
from dataclasses import dataclass

from lightning.pytorch import Trainer


@dataclass(frozen=True)
class Pace:
    """The batches and steps of an epoch.

    Attributes:
        global_batch_size: Images per batch, over all processes.
        batches: Batches per epoch and process.
        accumulated: Batches per optimizer step.
    """

    global_batch_size: int
    batches: int
    accumulated: int

    def steps(self, batches: int) -> int:
        """Optimizer steps after so many batches of an epoch; its last batch ends a step.

        >>> pace = Pace(global_batch_size=64, batches=10, accumulated=4)
        >>> [pace.steps(batches) for batches in (3, 4, 9, 10)]
        [0, 1, 2, 3]
        """
        if batches >= self.batches:
            return math.ceil(self.batches / self.accumulated)
        return batches // self.accumulated


def schedule_shift(trainer: Trainer, pace: Pace, epochs: int, batches: int) -> int:
    """Steps that a training of this pace has made at a place, less those that were made.

    0 if the training ends after a number of steps: then the steps measure how much of it is done.

    Args:
        trainer: The trainer that resumes, with the steps that were made.
        pace: Its batches and steps per epoch.
        epochs: Number of finished epochs.
        batches: Batches of this epoch that are done.
    """
    per_epoch = pace.steps(pace.batches)
    steps = epochs * per_epoch + pace.steps(batches)
    if trainer.max_epochs in (None, -1):
        return 0
    left = trainer.max_epochs * per_epoch - steps
    if trainer.max_steps != -1 and trainer.max_steps - trainer.global_step < left:
        return 0
    return steps - trainer.global_step


def schedule_length(trainer: Trainer, shift: int) -> float:
    """Steps of the learning rate schedule; infinite if the training has no end.

    Args:
        trainer: The trainer.
        shift: Steps by which the schedule is ahead of the optimizer.
    """
    if not shift:
        return trainer.estimated_stepping_batches
    limits = []
    if trainer.max_epochs not in (None, -1):
        steps = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        limits.append(steps * trainer.max_epochs)
    if trainer.max_steps != -1:
        limits.append(max(1, trainer.max_steps + shift))
    return min(limits, default=math.inf)
