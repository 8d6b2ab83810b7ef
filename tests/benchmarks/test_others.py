"""The benchmarks of data, inference and memory, at tiny sizes."""

import sys
from pathlib import Path

import pytest
import torch

from deepdigits.benchmarks.data import bench_data
from deepdigits.benchmarks.infer import bench_infer, compare_functions
from deepdigits.benchmarks.memory import bench_memory, peak_mb
from deepdigits.core.errors import InputError
from deepdigits.core.packages import installed
from deepdigits.core.precision import native_bf16


def test_data_compares_passes_over_the_same_digits(tiny_digits: Path) -> None:
    measurements = bench_data(repeats=2, limit=64, batch_size=32).to_dict()
    assert measurements["task"] == "one pass over 64 digits in batches of 32"
    assert [len(seconds) for seconds in measurements["seconds"].values()] == [2, 2]
    assert measurements["ratio"]["deepdigits"]["deepdigits"] == 1


def test_inference_of_both_nets_at_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepdigits.benchmarks.infer.BATCH_SIZES", (1, 16, 64))
    measurements = bench_infer(repeats=1, images=10, calls=3).to_dict()
    exported = ["ONNX Runtime", "ONNX Runtime, int8"] if installed("export") else []
    bf16 = ["torch, bf16"] if native_bf16(torch.device("cpu")) else []
    runtimes = ["torch", *bf16, *exported]
    assert len(measurements["latency_ms"]) == 2 * len(runtimes)
    for name in (f"{net}, {runtime}" for net in ("MLP", "CNN") for runtime in runtimes):
        assert set(measurements["images_per_second"][name]) == {"1", "16", "64"}
        assert (
            0
            < measurements["latency_ms"][name]["median"]
            <= measurements["latency_ms"][name]["p99"]
        )


def test_any_function_of_images_can_be_compared() -> None:
    sizes = set()

    def infer(images: torch.Tensor) -> None:
        sizes.add(tuple(images.shape))

    result = compare_functions({"mine": infer}, torch.rand(2000, 1, 28, 28), 1, images=10, calls=2)
    assert [row[0] for row in result.rows] == ["mine"]
    assert sizes == {(n, 1, 28, 28) for n in (1, 256, 2000)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no peak memory of a child")
def test_peak_memory_is_of_the_child_process_only() -> None:
    small = peak_mb(["-c", ""])
    large = peak_mb(["-c", "text = bytearray(200_000_000)"])
    assert 1 < small < 100  # this process, with torch, has several hundred
    assert 150 < large - small < 250


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no peak memory of a child")
def test_a_failed_process_is_an_error_with_its_command() -> None:
    with pytest.raises(InputError, match=r"`python -c raise OSError\('no'\)` failed: OSError: no"):
        peak_mb(["-c", "raise OSError('no')"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts no peak memory of a child")
def test_memory_of_a_training_is_above_the_bare_import(tmp_path: Path) -> None:
    config = tmp_path / "mlp.yaml"
    config.write_text("model:\n  class_path: LitMLP\n")
    result = bench_memory(str(config), repeats=1, batches=1)
    bare, training = result.measurements["above_mb"].values()
    assert bare == 0 < training
