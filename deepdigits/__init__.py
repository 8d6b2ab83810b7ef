"""deepdigits: an experiment framework for handwritten digits on PyTorch Lightning.

The public names are imported when they are first used, so that ``import deepdigits`` and
``deepdigits --help`` load no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdigits.data.augment import Augment
    from deepdigits.data.module import DigitsDataModule
    from deepdigits.inference.load import load
    from deepdigits.models.cnn import CNN
    from deepdigits.models.mlp import MLP
    from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP

__version__ = "0.1.0"
__all__ = [
    "CNN",
    "MLP",
    "Augment",
    "DigitsDataModule",
    "LitCNN",
    "LitClassifier",
    "LitMLP",
    "load",
]

_HOMES = {
    "Augment": "deepdigits.data.augment",
    "CNN": "deepdigits.models.cnn",
    "DigitsDataModule": "deepdigits.data.module",
    "LitCNN": "deepdigits.training.classifier",
    "LitClassifier": "deepdigits.training.classifier",
    "LitMLP": "deepdigits.training.classifier",
    "MLP": "deepdigits.models.mlp",
    "load": "deepdigits.inference.load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
