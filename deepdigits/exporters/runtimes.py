"""Run an exported file with its own runtime: a function from images to logits."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from deepdigits.exporters.formats import INPUT, OUTPUT
from deepdigits.inference.load import load

LogitsFn = Callable[[Tensor], Tensor]


def open_onnx(path: Path) -> LogitsFn:
    """An ONNX file in ONNX Runtime, on the CPU, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])


def open_torch(path: Path) -> LogitsFn:
    """A program of torch.export; it needs no class of this package."""
    program: LogitsFn = torch.export.load(path).module()
    return program


def open_safetensors(path: Path) -> LogitsFn:
    """The net that the metadata describe, with the weights of the file."""
    return load(path).net


def logits(model: LogitsFn, images: Tensor) -> Tensor:
    """Logits (N, C) of images (N, 1, 28, 28), on the CPU.

    Two batch sizes, 999 and the rest, verify that the batch axis of the file is dynamic.
    """
    with torch.inference_mode():
        return torch.cat([model(batch) for batch in torch.split(images, 999)])
