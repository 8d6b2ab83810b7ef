"""A fake GPU that Trainer and command line take as accelerator and strategy ``fake_gpu``."""

from collections.abc import Iterator

import pytest
from fake_gpu import CUDA, FakeAccelerator, FakeGPU, fake_gpu
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.strategies import SingleDeviceStrategy, StrategyRegistry


@pytest.fixture
def gpu() -> Iterator[FakeGPU]:
    StrategyRegistry.register("fake_gpu", SingleDeviceStrategy, "", device=CUDA)
    AcceleratorRegistry.register("fake_gpu", FakeAccelerator)
    try:
        with fake_gpu() as device:
            yield device
    finally:
        StrategyRegistry.remove("fake_gpu")
        AcceleratorRegistry.remove("fake_gpu")
