"""The speed of training."""

from time import monotonic


class Throughput:
    """Training images per second over one epoch; the time of validation is left out.

    On a GPU read a figure of the last batch (its loss) before counting it: else the clock is read
    before the work is done.
    """

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin an epoch."""
        self.images = 0
        self._start = self._last = monotonic()

    def count(self, images: int) -> None:
        """Count the images of a batch that is done."""
        self.images += images
        self._last = monotonic()

    def resume(self) -> None:
        """Let the clock go on, which has stood still since the last batch."""
        now = monotonic()
        self._start += now - self._last
        self._last = now

    @property
    def images_per_second(self) -> float:
        """From the start of the epoch to its last batch so far; 0 before the first."""
        seconds = self._last - self._start
        return self.images / seconds if seconds > 0 else 0.0
