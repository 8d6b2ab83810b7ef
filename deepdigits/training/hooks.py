"""Which hooks of Lightning a net and a data module have."""

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden

from deepdigits.training.options import Stage

_STEPS = {"fit": "training_step", "validate": "validation_step", "test": "test_step"}
_LOADERS = {
    "fit": "train_dataloader",
    "validate": "val_dataloader",
    "test": "test_dataloader",
    "predict": "predict_dataloader",
}


def lacks(stage: Stage, module: LightningModule, data: LightningDataModule) -> str | None:
    """What a stage needs that the net or the data module does not have; None if they have it.

    >>> lacks("test", LightningModule(), LightningDataModule())
    'LightningModule has no test_step'
    """
    step = _STEPS.get(stage)  # Lightning has a predict_step of its own
    if step is not None and not is_overridden(step, module):
        return f"{type(module).__name__} has no {step}"
    if not is_overridden(_LOADERS[stage], data):
        return f"{type(data).__name__} has no {_LOADERS[stage]}"
    return None
