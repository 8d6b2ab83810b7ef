"""Write a net as ONNX or as a program of torch.export: raw pixels in, logits out."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepdigits.core.version import __version__
from deepdigits.models.layers import IMAGE_SIZE

INPUT, OUTPUT = "images", "logits"
FACTS = "deepdigits.json"  # the file of facts in a .pt2


def write_onnx(net: nn.Module, facts: Mapping[str, Any], path: Path) -> None:
    """Write ONNX: ``images`` float32 (batch, 1, 28, 28) in [0, 1] -> ``logits`` (batch, C).

    The batch is of any size, normalising is part of the graph, and the metadata hold the facts as
    JSON, one property each.

    Args:
        net: In evaluation mode, on the CPU.
        facts: Net, settings, class_names, report, as `deepdigits.inference.load` has them.
        path: The target.
    """
    import onnx

    with _quiet():
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
    onnx.helper.set_model_props(model, properties(facts))
    model.producer_name, model.producer_version = "deepdigits", __version__
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_int8(source: Path, path: Path) -> None:
    """Write an ONNX file anew, the weights of its linear layers in 8 bits.

    What goes into them is quantised as it comes. Convolutions stay as they are: they hold few of
    the weights, and in 8 bits ONNX Runtime takes four times as long for them.

    Args:
        source: What `write_onnx` wrote.
        path: The target.
    """
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    with _quiet():
        quantize_dynamic(source, path, op_types_to_quantize=["MatMul", "Gemm"])
    onnx.checker.check_model(path, full_check=True)


def write_torch(net: nn.Module, facts: Mapping[str, Any], path: Path) -> None:
    """Write a .pt2 of torch.export, which needs no class of this package; arguments as for ONNX."""
    with _quiet():
        program = torch.export.export(net, **_call())
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # with the paths of this machine
        torch.export.save(program, path, extra_files={FACTS: json.dumps(dict(facts))})


def properties(facts: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of an ONNX file: text under each name.

    >>> properties({"net": "LitMLP", "class_names": ["0", "1"]})["class_names"]
    '["0", "1"]'
    """
    named = {name: json.dumps(value) for name, value in facts.items()}
    return {**named, "images": "float32 (batch, 1, 28, 28), 0 for the page to 1 for full ink"}


def _call() -> dict[str, Any]:
    # A batch of one would be taken for a constant.
    images = torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE)
    return {"args": (images,), "dynamic_shapes": {INPUT: {0: torch.export.Dim("batch")}}}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters say that nobody can act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
