"""Choose the callbacks and plugins of the Trainer, from the config and the stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.plugins.io import AsyncCheckpointIO, CheckpointIO

from deepdigits.training.callbacks.checkpoint_content import CheckCheckpointContent
from deepdigits.training.callbacks.checkpoint_paths import CheckpointPaths
from deepdigits.training.callbacks.graceful_shutdown import GracefulShutdown
from deepdigits.training.callbacks.prediction_writer import PredictionWriter
from deepdigits.training.callbacks.progress import Progress
from deepdigits.training.callbacks.relocate_checkpoints import RelocateCheckpoints
from deepdigits.training.callbacks.report_writer import ReportWriter
from deepdigits.training.callbacks.resume_position import ResumePosition
from deepdigits.training.callbacks.rng_state import RNGStateCheckpoint
from deepdigits.training.callbacks.run_folder import RunFolder
from deepdigits.training.callbacks.skip_hooks import SkipUnusedHooks
from deepdigits.training.callbacks.stop_on_nonfinite import StopOnNonFinite
from deepdigits.training.callbacks.weight_average import EMAWeightAveraging
from deepdigits.training.checkpoint_io import AtomicCheckpointIO
from deepdigits.training.options import DEFAULTS, Stage
from deepdigits.training.origin import facts_of_origin
from deepdigits.training.processes import PeerTimeout
from deepdigits.training.shipped_callbacks import supported
from deepdigits.training.validation import is_measured

Settings = Mapping[str, Any]  # arguments of the Trainer


@dataclass(frozen=True)
class Parts:
    """What the callbacks of a command are chosen from.

    Attributes:
        stage: The Trainer method.
        config: The parsed config.
        groups: The same, with built callbacks.
        folder: Holds the run.
        paths: Records the checkpoints.
        shutdown: The callback that stops the run on a signal; None: none.
    """

    stage: Stage
    config: Any
    groups: Any
    folder: RunFolder
    paths: CheckpointPaths
    shutdown: GracefulShutdown | None


def callbacks(parts: Parts, settings: Settings) -> list[Callback]:
    """The callbacks of a stage, those of ``trainer.callbacks`` among them.

    The named checkpoint comes before those of the user, and the last checkpoint, which holds the
    states of all of them, after.
    """
    own = supported(as_list(settings["callbacks"]), parts.config, parts.stage)
    further = [callback for callback in own if isinstance(callback, Checkpoint)]
    found: list[Callback] = [parts.folder, SkipUnusedHooks()]
    found += [callback for callback in own if callback not in further]
    found += [PeerTimeout(parts.config.peer_timeout), ReportWriter(facts_of_origin(parts.config))]
    has_bar = any(isinstance(callback, ProgressBar) for callback in own)
    if settings["enable_progress_bar"] is not False and not has_bar and not settings["barebones"]:
        found.append(Progress())
    if parts.stage == "predict":
        found.append(PredictionWriter(parts.config.output))
    if parts.stage == "fit":
        found += _of_training(parts, settings)
    if parts.stage == "fit" and saves_checkpoints(settings):
        found += _checkpoints(parts, further)
    else:
        found += further
    if parts.shutdown is not None:
        found.append(parts.shutdown)
    return found


def plugins(parts: Parts, settings: Settings, module: LightningModule) -> list[Any]:
    """The plugins of the Trainer: those of ``trainer.plugins``, and our checkpoint IO.

    An asynchronous checkpoint IO of the user's writes with ours; another one takes its place.
    """
    given = as_list(settings["plugins"])
    writers = [plugin for plugin in given if isinstance(plugin, AsyncCheckpointIO)]
    if not writers and any(isinstance(plugin, CheckpointIO) for plugin in given):
        return given
    records = parts.stage == "fit" and saves_checkpoints(settings)
    ours = AtomicCheckpointIO(module, parts.paths.update if records else None)
    for writer in writers:
        writer.checkpoint_io = ours
    return given if writers else [*given, ours]


def leaves_run(settings: Settings) -> bool:
    """Whether a training writes files."""
    return not settings["fast_dev_run"] and not settings["barebones"]


def saves_checkpoints(settings: Settings) -> bool:
    """Whether a training saves checkpoints."""
    return leaves_run(settings) and settings["enable_checkpointing"] is not False


def bare(settings: Settings) -> dict[str, Any]:
    """The settings of ours that ``trainer.barebones`` does not go together with, turned off."""
    name = "log_every_n_steps"
    is_default = settings[name] == DEFAULTS[f"trainer.{name}"]
    return {name: None} if settings["barebones"] and is_default else {}


def as_list(value: Any) -> list[Any]:
    """A setting of the Trainer that takes one value, several or none."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _of_training(parts: Parts, settings: Settings) -> list[Callback]:
    """The callbacks of a training but its checkpoints."""
    config, groups = parts.config, parts.groups
    found: list[Callback] = [groups.dashboard, StopOnNonFinite()]
    if is_measured(config.early_stopping.monitor, config) and not settings["barebones"]:
        found.append(groups.early_stopping)
    if config.ema_decay is not None:
        found.append(EMAWeightAveraging(decay=config.ema_decay))
    return found


def _checkpoints(parts: Parts, further: list[Checkpoint]) -> list[Callback]:
    """The callbacks that save checkpoints, and those that belong to them."""
    groups = parts.groups
    found: list[Callback] = [CheckCheckpointContent(), RelocateCheckpoints(), ResumePosition()]
    found += [parts.paths, groups.checkpoint, *further]
    return found + (_last(parts) if parts.config.checkpoint.save_last else [])


def _last(parts: Parts) -> list[Callback]:
    """The callbacks that write what a run is resumed from."""
    groups = parts.groups
    groups.checkpoint.save_last = False  # it skips the epochs that are not the best so far
    if parts.shutdown is not None:
        parts.shutdown.last_checkpoint = groups.last_checkpoint
    return [RNGStateCheckpoint(), groups.last_checkpoint]
