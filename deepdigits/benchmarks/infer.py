"""``bench infer``: images per second and latency of one image, in torch and ONNX Runtime."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from deepdigits.benchmarks.timing import Result, measure
from deepdigits.core.packages import installed
from deepdigits.core.precision import native_bf16
from deepdigits.core.timing import Infer, latency, throughput
from deepdigits.data.digits import load_split
from deepdigits.exporters.formats import write_int8, write_onnx
from deepdigits.exporters.quantization import CALIBRATION
from deepdigits.exporters.runtimes import open_onnx
from deepdigits.inference.load import load
from deepdigits.inference.reader import DigitReader, to_images
from deepdigits.runs.model import build_model, read_model
from deepdigits.runs.resolve import resolve_run

BATCH_SIZES = (1, 256, 2000)
NETS = ("mlp", "cnn")


def bench_infer(repeats: int = 3, images: int = 10_000, calls: int = 1000) -> Result:
    """Measure throughput and latency of the bundled nets on test digits of MNIST.

    Args:
        repeats: Measurements of each net and batch size, alternately.
        images: Images of a measurement; a tenth of it with a batch size of 1.
        calls: Number of single images for the latency.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    functions = torch_functions(device)
    if device.type == "cpu" and installed("export"):
        functions |= onnx_functions()
    pixels = to_images(load_split("mnist", "test")[0]).to(device)
    with torch.inference_mode():
        return compare_functions(functions, pixels, repeats, images, calls)


def torch_functions(device: torch.device) -> dict[str, Infer]:
    """The bundled nets on a device: functions of images (B, 1, 28, 28).

    They predict as `deepdigits.load` does; where the device has bfloat16, with and without it.
    """
    functions: dict[str, Infer] = {}
    for name in NETS:
        net = load(name).net.to(device)
        reader = DigitReader(net, name, ())
        functions[f"{name.upper()}, torch"] = reader.logits
        if native_bf16(device):
            functions[f"{name.upper()}, torch, bf16"] = partial(reader.logits, bf16=True)
    return functions


def onnx_functions() -> dict[str, Infer]:
    """The exported nets in ONNX Runtime on the CPU, with as many threads as torch.

    Each net is exported twice: as it is, and with layers in 8 bits.
    """
    functions: dict[str, Infer] = {}
    training = to_images(load_split("mnist", "train")[0][:CALIBRATION])
    with TemporaryDirectory() as folder:
        for name in NETS:
            plain = Path(folder, f"{name}.onnx")
            small = Path(folder, f"{name}-int8.onnx")
            run = resolve_run(name)
            state, info = read_model(run)
            write_onnx(build_model(state, info, run.checkpoint), info, plain)
            write_int8(plain, small, training)
            functions[f"{name.upper()}, ONNX Runtime"] = open_onnx(plain)
            functions[f"{name.upper()}, ONNX Runtime, int8"] = open_onnx(small)
    return functions


def compare_functions(
    functions: Mapping[str, Infer], pixels: Tensor, repeats: int, images: int, calls: int
) -> Result:
    """Measure throughput at each batch size, and latency, of functions of the same images.

    Args:
        functions: Name -> function of images (B, 1, 28, 28).
        pixels: The images, on the device of the functions: as many as the largest batch, or more.
        repeats: As for `bench_infer`.
        images: As for `bench_infer`.
        calls: As for `bench_infer`.
    """
    passes = {
        (name, size): throughput(infer, pixels, size, images if size > 1 else images // 10)
        for name, infer in functions.items()
        for size in BATCH_SIZES
    }
    named = {f"{name}, batches of {size}": run for (name, size), run in passes.items()}
    per_second = dict(zip(passes, measure(named, repeats).values(), strict=True))
    milliseconds = {name: latency(infer, pixels, calls) for name, infer in functions.items()}
    rows = [
        [name]
        + [f"{median(per_second[name, size]):,.0f}" for size in BATCH_SIZES]
        + [f"{milliseconds[name][key]:.3f} ms" for key in ("median", "p99")]
        for name in functions
    ]
    measurements = {
        "repeats": repeats,
        "images_per_second": {
            name: {str(size): per_second[name, size] for size in BATCH_SIZES} for name in functions
        },
        "latency_ms": milliseconds,
    }
    columns = ["images/s in batches of", *(f"{size}" for size in BATCH_SIZES), "latency", "p99"]
    task = (
        f"inference on {pixels.device.type}, test digits, median of {repeats}; latency of one "
        f"image, {calls} calls"
    )
    return Result("infer", task, columns, rows, measurements)
