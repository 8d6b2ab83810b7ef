"""The metrics that checkpoints and early stopping can watch, and that a file name can contain."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint

from deepdigits.core.errors import InputError, one_line
from deepdigits.core.suggestions import did_you_mean
from deepdigits.runs.checkpoint_record import LAST
from deepdigits.training.callbacks.last_checkpoint import FINISHED
from deepdigits.training.callbacks.monitored import COUNTERS
from deepdigits.training.classifier import LitClassifier
from deepdigits.training.validation import is_measured

_LONGEST = 200  # bytes of a file name: file systems take 255, and a temporary file has a longer one
_FIELD = re.compile(r"\{(.*?)[:\}]")  # how ModelCheckpoint finds the metrics in a file name


def check_monitors(config: Any, module: LightningModule) -> None:
    """Check what checkpoints and early stopping watch, and the file name of the checkpoint.

    Metrics are checked only if all of them are known: a net or a callback may log its own.

    Raises:
        InputError: The net does not log such a metric, or no file can have the name.
    """
    tags = None if config.trainer.callbacks else known_tags(module)
    if tags is not None:
        _check_monitor("checkpoint.monitor", config.checkpoint.monitor, [*tags, *COUNTERS])
        if is_measured(config.early_stopping.monitor, config):
            _check_monitor("early_stopping.monitor", config.early_stopping.monitor, tags)
    if config.checkpoint.filename:
        _check_filename(config.checkpoint, tags)


def known_tags(module: LightningModule) -> list[str] | None:
    """The metrics that a training logs; None for a net that may log others.

    >>> from deepdigits.training.classifier import LitMLP
    >>> known_tags(LitMLP(num_classes=2))[:3], known_tags(LitMLP(num_classes=2))[-1]
    (['train/loss', 'train/accuracy', 'val/loss'], 'val/f1/1')
    """
    if not isinstance(module, LitClassifier):
        return None
    kinds = type(module).__mro__
    for kind in kinds[: kinds.index(LitClassifier)]:
        if any(callable(value) and name != "__init__" for name, value in vars(kind).items()):
            return None
    labels = range(module.num_classes)
    of_classes = [f"{name}/{label}" for name in ("precision", "recall", "f1") for label in labels]
    names = ["loss", "accuracy", "f1_macro", *of_classes]
    return ["train/loss", "train/accuracy", *(f"val/{name}" for name in names)]


def _check_monitor(option: str, monitor: str | None, tags: Sequence[str]) -> None:
    if monitor is not None and monitor not in tags:
        raise InputError(f"{option} is {monitor!r}, expected {_choice(monitor, tags)}")


def _check_filename(checkpoint: Any, tags: Sequence[str] | None) -> None:
    """Check the pattern of a file name by filling it in."""
    pattern = checkpoint.filename
    what = f"checkpoint.filename is {pattern[:80]!r}"
    fields = _FIELD.findall(pattern)
    known = fields if tags is None else [*tags, *COUNTERS]
    if unknown := next((field for field in fields if field not in known), None):
        raise InputError(
            f"{what}, and {unknown!r} is no metric: expected {_choice(unknown, known)}"
        )
    values = {field: torch.tensor(0.5) for field in fields}
    values |= {name: torch.tensor(1) for name in COUNTERS}
    try:
        if "\0" in pattern:
            raise ValueError("it has a null byte")
        if re.search(r"\{[^}]*[:.]\D*\d{4}", pattern):
            raise ValueError("a value is wider than 999 characters")
        path = Path(ModelCheckpoint(filename=pattern).format_checkpoint_name(values))
        if max(len(part.encode()) for part in path.parts) > _LONGEST:
            raise ValueError(f"a part of it is longer than {_LONGEST} bytes")
        if checkpoint.save_last and path.name in (LAST, FINISHED):
            raise ValueError("that is the checkpoint for resuming")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"{what}, which cannot be filled in ({one_line(error, 120)}): expected a name such as "
            "best or {epoch}-{val/accuracy:.3f}"
        ) from error


def _choice(name: str, known: Sequence[str]) -> str:
    """The names to choose from: the one that was meant, or all but those of single classes."""
    if suggestion := did_you_mean(name, known):
        return f"a metric that the net logs{suggestion}"
    few = [one for one in known if not one.rpartition("/")[2].isdecimal()]
    return f"one of {', '.join(few)}, or precision, recall or F1 of a class such as val/f1/7"
