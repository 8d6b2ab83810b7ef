"""Measure what quantisation changes: file size, images per second, latency of one image."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from deepdigits.core.timing import latency, throughput
from deepdigits.exporters.runtimes import LogitsFn

BATCH, IMAGES, CALLS, ROUNDS = 256, 4_096, 300, 3
CALIBRATION = 1_000  # training digits that the ranges of int8 are measured on


def measure_quantization(files: Mapping[Path, LogitsFn], digits: Tensor) -> list[str]:
    """A sentence on the sizes of two files and one on their speed, measured now, in turns.

    Args:
        files: The plain file, then the quantised one, each with the function that runs it.
        digits: Images (N, 1, 28, 28) to predict: with random pixels, shift TTA would take longer.
    """
    size = min(BATCH, len(digits))
    measurements = [throughput(run, digits, size, IMAGES) for run in files.values()]
    rounds = [[measure() for measure in measurements] for _ in range(ROUNDS)]
    plain, small = (median(speeds) for speeds in zip(*rounds, strict=True))
    wait = [latency(run, digits, CALLS)["median"] for run in files.values()]
    megabytes = [path.stat().st_size / 1e6 for path in files]
    return [
        f"{megabytes[1]:.2f} MB in place of {megabytes[0]:.2f} MB",
        f"{small:,.0f} images per second in batches of {size}, in place of {plain:,.0f}, and one "
        f"image in {wait[1]:.3f} ms, in place of {wait[0]:.3f} ms (ONNX Runtime, threads: "
        f"{torch.get_num_threads()})",
    ]
