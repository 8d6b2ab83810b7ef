"""deepdigits: an experiment framework for handwritten digits on PyTorch Lightning.

The public names are imported when they are first used, so that ``import deepdigits`` and
``deepdigits --help`` do not load torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepdigits.core.version import __version__

if TYPE_CHECKING:
    from deepdigits.commands.audit import audit
    from deepdigits.commands.classify import classify
    from deepdigits.commands.compare import compare
    from deepdigits.commands.ensemble import ensemble
    from deepdigits.commands.evaluate import evaluate
    from deepdigits.commands.export import export
    from deepdigits.commands.inspection import inspect_data
    from deepdigits.commands.predict import predict
    from deepdigits.commands.repeat import repeat
    from deepdigits.commands.slurm import slurm
    from deepdigits.commands.sweep import sweep
    from deepdigits.commands.train import train
    from deepdigits.core.errors import InputError, RunFailed
    from deepdigits.data.augment import Augment
    from deepdigits.data.module import DigitsDataModule
    from deepdigits.inference.load import load
    from deepdigits.metrics.report import Report
    from deepdigits.models.cnn import CNN
    from deepdigits.models.mlp import MLP
    from deepdigits.runs.run import Run
    from deepdigits.training.classifier import LitClassifier, LitCNN, LitMLP

_MODULES = {
    "CNN": "models.cnn",
    "MLP": "models.mlp",
    "Augment": "data.augment",
    "DigitsDataModule": "data.module",
    "InputError": "core.errors",
    "LitCNN": "training.classifier",
    "LitClassifier": "training.classifier",
    "LitMLP": "training.classifier",
    "Report": "metrics.report",
    "Run": "runs.run",
    "RunFailed": "core.errors",
    "audit": "commands.audit",
    "classify": "commands.classify",
    "compare": "commands.compare",
    "ensemble": "commands.ensemble",
    "evaluate": "commands.evaluate",
    "export": "commands.export",
    "inspect_data": "commands.inspection",
    "load": "inference.load",
    "predict": "commands.predict",
    "repeat": "commands.repeat",
    "slurm": "commands.slurm",
    "sweep": "commands.sweep",
    "train": "commands.train",
}
__all__ = [
    "CNN",
    "MLP",
    "Augment",
    "DigitsDataModule",
    "InputError",
    "LitCNN",
    "LitClassifier",
    "LitMLP",
    "Report",
    "Run",
    "RunFailed",
    "__version__",
    "audit",
    "classify",
    "compare",
    "ensemble",
    "evaluate",
    "export",
    "inspect_data",
    "load",
    "predict",
    "repeat",
    "slurm",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    environment = dict(os.environ)
    try:
        value = getattr(import_module(f"deepdigits.{_MODULES[name]}"), name)
    finally:  # torch and lightning set variables when they are imported
        for added in os.environ.keys() - environment.keys():
            del os.environ[added]
    globals()[name] = value  # so the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
