"""Let Lightning skip the hooks of a step that do nothing."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.model_helpers import is_overridden
from typing_extensions import override

from deepdigits.training.callbacks.monitored import BestCheckpoint
from deepdigits.training.lightning_compat import saves_within_epochs

_HOOKS: tuple[str, ...] = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


class SkipUnusedHooks(Callback):
    """Let Lightning skip the hooks of a step that neither a callback nor the net overrides.

    Lightning 2.6 calls each hook of each callback, inside a context of its profiler: here about
    110 calls a step, which take longer than the optimizer step of a small net. A hook that is None
    is not called.
    """

    def __init__(self) -> None:
        self._skipped: list[tuple[Any, str]] = []

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._restore()  # after a training that ended with an error
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        for one in (*callbacks, pl_module):
            base = LightningModule if one is pl_module else Callback
            for name in _HOOKS:
                if name not in vars(one) and not _is_used(name, one, base):
                    setattr(one, name, None)
                    self._skipped.append((one, name))

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._restore()

    def _restore(self) -> None:
        for one, name in self._skipped:
            delattr(one, name)
        self._skipped.clear()


def _is_used(name: str, one: Any, base: type) -> bool:
    if name == "on_train_batch_end" and saves_within_epochs(one) is False:
        # A subclass may do more there.
        base = BestCheckpoint if isinstance(one, BestCheckpoint) else ModelCheckpoint
    return is_overridden(name, one, base)
