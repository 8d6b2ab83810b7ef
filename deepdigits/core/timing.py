"""Training speed."""

from time import monotonic


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
