"""What quantising measure_quantization: size, images per second, the wait for one image."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

import torch

from deepdigits.benchmarks.infer import latency, throughput
from deepdigits.export.runtimes import Engine

BATCH, IMAGES, CALLS, TURNS = 256, 4_096, 300, 3


def measure_quantization(files: Mapping[Path, Engine]) -> list[str]:
    """A sentence on the sizes of two files and one on their speed, measured now, in turns.

    Args:
        files: The plain file, then the quantised one, and the engine of each.
    """
    batch = torch.rand(BATCH, 1, 28, 28)
    passes = [throughput(engine, batch, IMAGES) for engine in files.values()]
    turns = [[run() for run in passes] for _ in range(TURNS)]
    plain, small = (median(speeds) for speeds in zip(*turns, strict=True))
    wait = [latency(engine, batch[:1], CALLS)["median"] for engine in files.values()]
    size = [path.stat().st_size / 1e6 for path in files]
    return [
        f"{size[1]:.2f} MB in place of {size[0]:.2f} MB",
        f"{small:,.0f} images per second in batches of {BATCH}, in place of {plain:,.0f}, and one "
        f"image in {wait[1]:.3f} ms, in place of {wait[0]:.3f} ms (ONNX Runtime, threads: "
        f"{torch.get_num_threads()})",
    ]
