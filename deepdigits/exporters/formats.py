"""Write a net as ONNX or as a torch.export program: raw pixels in, logits out."""

import errno
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepdigits.core.errors import RunFailed, one_line
from deepdigits.core.version import __version__
from deepdigits.models.layers import IMAGE_SIZE
from deepdigits.models.torch_compat import remove_assertions
from deepdigits.runs.model_info import ModelInfo

INPUT, OUTPUT = "images", "logits"
INFO_FILE = "deepdigits.json"  # the description of the net inside a .pt2


def write_onnx(net: nn.Module, info: ModelInfo, path: Path) -> None:
    """Write ONNX: ``images`` float32 (batch, 1, 28, 28) in [0, 1] -> ``logits`` (batch, C).

    The batch is of any size, normalising is part of the graph, and the metadata describe the net:
    one property with JSON for each field of its ModelInfo.

    Args:
        net: In evaluation mode, on the CPU.
        info: Its description.
        path: The target.

    Raises:
        RunFailed: The net of a user does what the format cannot express.
    """
    import onnx

    with _quiet(), _one_line_errors("onnx"):
        program = torch.onnx.export(
            net, **_call(), input_names=[INPUT], output_names=[OUTPUT], verbose=False
        )
    assert program is not None
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # stack traces, with the paths of this machine
    for part in (*model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.helper.set_model_props(model, properties(info))
    model.producer_name, model.producer_version = "deepdigits", __version__
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_int8(source: Path, path: Path, digits: Tensor) -> None:
    """Write a copy of an ONNX file with weights and inputs of layers in 8 bits.

    A net with convolutions is quantised statically: the range of each layer's inputs is measured on
    digits. The linear layers of other nets are quantised dynamically, at run time, for which ONNX
    Runtime is faster.

    Args:
        source: A file of `write_onnx`.
        path: The target.
        digits: Training digits, float32 (N, 1, 28, 28) in [0, 1]; a thousand are enough.

    Raises:
        OSError: The disk is full.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

    try:
        with _quiet():
            if any(node.op_type == "Conv" for node in onnx.load(source).graph.node):
                quantize_static(
                    source,
                    path,
                    CalibrationBatches(digits),
                    op_types_to_quantize=["Conv", "MatMul", "Gemm"],
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                )
            else:
                quantize_dynamic(source, path, op_types_to_quantize=["MatMul", "Gemm"])
    except DecodeError as error:  # of a file in between, which it wrote in part only
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
    onnx.checker.check_model(path, full_check=True)


class CalibrationBatches:
    """Digits for the quantiser of ONNX Runtime, in batches of 100.

    Args:
        digits: float32 (N, 1, 28, 28) in [0, 1].
    """

    def __init__(self, digits: Tensor) -> None:
        self._batches = iter(torch.split(digits, 100))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next input of the net; None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.numpy()}


def write_torch(net: nn.Module, info: ModelInfo, path: Path) -> None:
    """Write a .pt2 of torch.export, which needs no class of this package; arguments as for ONNX."""
    with _quiet(), _one_line_errors("torch"):
        program = torch.export.export(net, **_call())
        # Of the cascade of shift TTA: traced for one unclear image or more, it takes none too.
        remove_assertions(program)
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # with the paths of this machine
        # In memory first: on a full disk torch would abort the process.
        content = BytesIO()
        torch.export.save(program, content, extra_files={INFO_FILE: json.dumps(info.to_dict())})
    path.write_bytes(content.getbuffer())


def properties(info: ModelInfo) -> dict[str, str]:
    """The metadata of an ONNX file: text under each name.

    >>> properties(ModelInfo("LitMLP", {}, {}, ("0", "1")))["class_names"]
    '["0", "1"]'
    """
    named = {name: json.dumps(value) for name, value in info.to_dict().items()}
    return {**named, "images": "float32 (batch, 1, 28, 28), 0 for the page to 1 for full ink"}


def _call() -> dict[str, Any]:
    # The exporter would take a batch of one for a constant.
    images = torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE)
    # By position: the net of a user may name its argument as it likes.
    return {"args": (images,), "dynamic_shapes": ({0: torch.export.Dim("batch")},)}


@contextmanager
def _one_line_errors(form: str) -> Iterator[None]:
    """Turn the errors of the exporters, which are many and long, into one line."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        reason = one_line(error.__cause__ or error, 200)
        raise RunFailed(
            f"the net cannot be written as {form}, which has no if and no loop that depends on the "
            f"image: {reason}; change its forward, or export --to safetensors"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide log messages and warnings of the exporters, which users cannot act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
