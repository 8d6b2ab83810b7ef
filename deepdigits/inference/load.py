"""Load a trained net by name: a bundled net, a run, or an exported .safetensors file."""

from pathlib import Path

import torch
from torch import nn

from deepdigits.core.precision import native_bf16
from deepdigits.inference.reader import DigitReader
from deepdigits.runs import weights
from deepdigits.runs.model import NET_CLASSES, build_model, read_model
from deepdigits.runs.model_info import ModelInfo
from deepdigits.runs.resolve import LOGS, resolve_run
from deepdigits.runs.run import Run
from deepdigits.runs.search import is_run


def load(
    model: str | Path | Run = "cnn", logs: Path = Path(LOGS), bf16: bool | None = None
) -> DigitReader:
    """Load a trained net, in evaluation mode on the CPU.

    Args:
        model: A bundled net, ``cnn`` or ``mlp``; a RUN: a run folder, a checkpoint in one, or
            ``latest``; or a .safetensors file that ``deepdigits export`` wrote.
        logs: Folder of the runs, for ``latest``.
        bf16: Compute large batches in bfloat16. None: if this CPU has instructions for it, and the
            net is a CNN or MLP of this package: for these it was measured.

    Raises:
        InputError: There is no such net or run, its class is not trusted, or a file is damaged.
            Trusted are the package's, those of modules in DEEPDIGITS_TRUST, and subclasses of
            LitClassifier that the program has imported.

    >>> import torch
    >>> load("cnn")(torch.zeros(3, 28, 28)).shape
    torch.Size([3, 10])
    """
    if isinstance(model, Run):
        name, run = str(model.folder), model
    else:
        name = str(model)
        if _is_exported(Path(name)):
            return _read_exported(Path(name), bf16)
        run = resolve_run(name, logs)
    state, info = read_model(run)
    net = build_model(state, info, run.checkpoint)
    shown = run.name if run.is_bundled else name
    return _reader(net, shown, info, bf16)


def _is_exported(path: Path) -> bool:
    """Whether it is a .safetensors file outside of a run folder."""
    is_weights = path.suffix == weights.SUFFIX and path.is_file()
    run = Run(path.absolute().parent)
    return is_weights and not (run.config_file.is_file() and is_run(run.folder))


def _read_exported(path: Path, bf16: bool | None) -> DigitReader:
    """The net of an exported file, built from its own description."""
    state, description = weights.read(path)
    info = ModelInfo.from_dict(description["model"], path)
    net = build_model(state, info, path)
    return _reader(net, path.stem, info, bf16)


def _reader(net: nn.Module, name: str, info: ModelInfo, bf16: bool | None) -> DigitReader:
    if bf16 is None:
        bf16 = isinstance(net, tuple(NET_CLASSES.values())) and native_bf16(torch.device("cpu"))
    return DigitReader(net, name, info.class_names, dict(info.report), bf16)
