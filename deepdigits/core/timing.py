"""Measure speed: images per second of training and inference, latency of one image."""

from collections.abc import Callable
from itertools import cycle, islice
from statistics import median, quantiles
from time import monotonic, perf_counter

import torch
from torch import Tensor

Infer = Callable[[Tensor], object]
WARM_UP = 3  # calls


class Throughput:
    """Training images per second in one epoch, without the time of validation.

    On a GPU, fetch a value of a batch (its loss) before `count`: otherwise the clock is read before
    the GPU has finished the batch.
    """

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start an epoch."""
        self.images = 0
        self._start = self._last = monotonic()

    def count(self, images: int) -> None:
        """Count the images of a finished batch."""
        self.images += images
        self._last = monotonic()

    def resume(self) -> None:
        """Exclude the time since the last batch, for example that of a validation."""
        now = monotonic()
        self._start += now - self._last
        self._last = now

    @property
    def images_per_second(self) -> float:
        """Mean from the start of the epoch to its last batch so far; 0 before the first batch."""
        seconds = self._last - self._start
        return self.images / seconds if seconds > 0 else 0.0


def clock(device: torch.device) -> float:
    """The time in seconds, once the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()


def throughput(infer: Infer, pixels: Tensor, size: int, images: int) -> Callable[[], float]:
    """A function that measures images per second, over about so many images.

    Args:
        infer: A function of a batch (size, 1, 28, 28).
        pixels: Images (N, 1, 28, 28): the batches are taken from them in turn.
        size: Images of a batch, at most N.
        images: Images of a measurement.
    """
    batches = [batch for batch in torch.split(pixels, size) if len(batch) == size]
    calls = max(1, images // size)

    def measure() -> float:
        for _ in range(WARM_UP):
            infer(batches[0])
        start = clock(pixels.device)
        for batch in islice(cycle(batches), calls):
            infer(batch)
        return calls * size / (clock(pixels.device) - start)

    return measure


def latency(infer: Infer, pixels: Tensor, calls: int) -> dict[str, float]:
    """Milliseconds from an image (1, 1, 28, 28) to its logits: median and 99th percentile.

    Args:
        infer: A function of a batch of one.
        pixels: Images (N, 1, 28, 28), taken in turn.
        calls: Number of images.
    """
    images = cycle(torch.split(pixels, 1))
    for image in islice(images, WARM_UP):
        infer(image)
    milliseconds = []
    for image in islice(images, max(2, calls)):
        start = perf_counter()
        infer(image)
        milliseconds.append(1000 * (clock(pixels.device) - start))
    p99 = quantiles(milliseconds, n=100, method="inclusive")[98]
    return {"median": round(median(milliseconds), 4), "p99": round(p99, 4)}
