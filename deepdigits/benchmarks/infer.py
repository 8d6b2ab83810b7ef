"""``bench infer``: images per second and latency of one image, in torch and ONNX Runtime."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

import torch
from torch import Tensor, nn

from deepdigits.benchmarks.recipes import clock
from deepdigits.benchmarks.timing import Result, measure
from deepdigits.core.packages import installed
from deepdigits.export.formats import write_int8, write_onnx
from deepdigits.export.runtimes import open_onnx
from deepdigits.inference.load import load

Infer = Callable[[Tensor], object]
BATCH_SIZES = (1, 256, 2000)
WARM_UP = 3  # calls


def bench_infer(repeats: int = 3, images: int = 10_000, calls: int = 1000) -> Result:
    """Time the nets that come with the package, on random pixels.

    Args:
        repeats: Measurements of each; nets and batch sizes take turns.
        images: Images of a measurement; with a batch size of 1 a tenth of it.
        calls: Single images whose latency is taken, over all repeats.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    engines = torch_engines(device)
    if device.type == "cpu" and installed("export"):
        engines |= onnx_engines()
    with torch.inference_mode():
        return compare_engines(engines, device, repeats, images, calls)


def torch_engines(device: torch.device) -> dict[str, Infer]:
    """The nets themselves. Another engine is another function of images (B, 1, 28, 28)."""
    return {f"{name}, torch": net.to(device) for name, net in _nets().items()}


def onnx_engines() -> dict[str, Infer]:
    """The same nets, exported, in ONNX Runtime on the CPU with as many threads as torch has.

    Each a second time with its linear layers in 8 bits.
    """
    engines: dict[str, Infer] = {}
    with TemporaryDirectory() as folder:
        for name, net in _nets().items():
            path = Path(folder, f"{name}.onnx")
            small = Path(folder, f"{name}-int8.onnx")
            write_onnx(net, {}, path)
            write_int8(path, small)
            engines[f"{name}, ONNX Runtime"] = open_onnx(path)
            engines[f"{name}, ONNX Runtime, int8"] = open_onnx(small)
    return engines


def _nets() -> dict[str, nn.Module]:
    return {name.upper(): load(name).net for name in ("mlp", "cnn")}


def compare_engines(
    engines: Mapping[str, Infer], device: torch.device, repeats: int, images: int, calls: int
) -> Result:
    """Throughput at each batch size, and latency, of functions that take the same images."""
    pixels = torch.rand(max(BATCH_SIZES), 1, 28, 28, device=device)
    passes = {
        (name, size): throughput(infer, pixels[:size], images if size > 1 else images // 10)
        for name, infer in engines.items()
        for size in BATCH_SIZES
    }
    named = {f"{name}, batches of {size}": run for (name, size), run in passes.items()}
    per_second = dict(zip(passes, measure(named, repeats).values(), strict=True))
    milliseconds = {name: latency(infer, pixels[:1], calls) for name, infer in engines.items()}
    rows = [
        [name]
        + [f"{median(per_second[name, size]):,.0f}" for size in BATCH_SIZES]
        + [f"{milliseconds[name][key]:.3f} ms" for key in ("median", "p99")]
        for name in engines
    ]
    figures = {
        "repeats": repeats,
        "images_per_second": {
            name: {str(size): per_second[name, size] for size in BATCH_SIZES} for name in engines
        },
        "latency_ms": milliseconds,
    }
    head = ["images/s in batches of", *(f"{size}" for size in BATCH_SIZES), "latency", "p99"]
    task = f"inference on {device.type}, median of {repeats}; latency of one image, {calls} calls"
    return Result("infer", task, head, rows, figures)


def throughput(infer: Infer, batch: Tensor, images: int) -> Callable[[], float]:
    """A function that measures images per second, over about so many images."""
    calls = max(1, images // len(batch))

    def run() -> float:
        for _ in range(WARM_UP):
            infer(batch)
        start = clock(batch.device)
        for _ in range(calls):
            infer(batch)
        return calls * len(batch) / (clock(batch.device) - start)

    return run


def latency(infer: Infer, image: Tensor, calls: int) -> dict[str, float]:
    """Milliseconds from an image (1, 1, 28, 28) to its logits: median and 99th percentile."""
    for _ in range(WARM_UP):
        infer(image)
    milliseconds = []
    for _ in range(max(2, calls)):
        start = perf_counter()
        infer(image)
        milliseconds.append(1000 * (clock(image.device) - start))
    p99 = quantiles(milliseconds, n=100, method="inclusive")[98]
    return {"median": round(median(milliseconds), 4), "p99": round(p99, 4)}
