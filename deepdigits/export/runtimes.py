"""Run an exported file with its own runtime: each engine maps images to logits."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from deepdigits.export.formats import INPUT, OUTPUT
from deepdigits.inference import load as loading
from deepdigits.runs import bundled as pretrained

Engine = Callable[[Tensor], Tensor]


def open_onnx(path: Path) -> Engine:
    """An ONNX file in ONNX Runtime, on the CPU, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])


def open_torch(path: Path) -> Engine:
    """A program of torch.export; no class of this package takes part."""
    program: Engine = torch.export.load(path).module()
    return program


def open_safetensors(path: Path) -> Engine:
    """Weights, and the net that the settings beside them describe."""
    weights, facts = pretrained.read(path.stem, path.parent)
    return loading.build(path.stem, weights, facts, path).net


def logits(engine: Engine, images: Tensor) -> Tensor:
    """Logits (N, C) of images (N, 1, 28, 28), on the CPU.

    In batches of more than one size, as a file that only takes the one it was made with is of no
    use: 999, and what is left.
    """
    with torch.inference_mode():
        return torch.cat([engine(batch) for batch in torch.split(images, 999)])
