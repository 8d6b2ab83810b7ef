"""The options of the command line beyond Trainer, model and data, and the default of each."""

from collections.abc import Set
from typing import Literal

from jsonargparse.typing import PositiveFloat
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim import Optimizer

from deepdigits.runs.resolve import LOGS, RUN_HELP
from deepdigits.training.callbacks.dashboard import Dashboard
from deepdigits.training.callbacks.last_checkpoint import LastCheckpoint
from deepdigits.training.callbacks.monitored import BestCheckpoint, MonitoredEarlyStopping
from deepdigits.training.callbacks.prediction_writer import AUTO

Stage = Literal["fit", "validate", "test", "predict"]
MatmulPrecision = Literal["highest", "high", "medium"]

DEFAULTS = {
    "trainer.devices": 1,
    "trainer.max_epochs": 10,
    "trainer.log_every_n_steps": 20,
    "trainer.enable_model_summary": False,
    "checkpoint.filename": "best",
    "checkpoint.monitor": "val/accuracy",
    "checkpoint.mode": "auto",
    "checkpoint.save_last": True,
    "checkpoint.enable_version_counter": False,
    # Under label smoothing the loss is lowest long before the errors are fewest.
    "early_stopping.monitor": "val/accuracy",
    "early_stopping.mode": "auto",
    "early_stopping.patience": 10,
    "logger.save_dir": LOGS,
    "logger.default_hp_metric": False,
}


def add_options(parser: LightningArgumentParser, stage: Stage, name: str | None) -> None:
    """Add callbacks and logger as named groups, further options, and all defaults.

    Args:
        parser: The parser.
        stage: The Trainer method that will be run.
        name: Default name of the run.
    """
    parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
    parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
    parser.add_lightning_class_args(MonitoredEarlyStopping, "early_stopping")
    parser.add_lightning_class_args(Dashboard, "dashboard")
    parser.add_class_arguments(TensorBoardLogger, "logger", skip={"version"})
    parser.add_optimizer_args((Optimizer,), "optimizer")
    parser.add_lr_scheduler_args(nested_key="lr_scheduler")
    _add_single_options(parser, stage)
    parser.set_defaults({**DEFAULTS, "logger.name": name})


def add_links(parser: LightningArgumentParser, own_data: bool, typed: Set[str]) -> None:
    """Let the number of classes follow from the data, and the seed of the data from the seed.

    With a data module of the user's own, what is typed counts instead; and a class without such a
    setting or attribute is left alone.

    Args:
        parser: The parser.
        own_data: Whether the data module is named as a class.
        typed: The settings that the user has typed.
    """
    classes = "model.init_args.num_classes"
    if not own_data or typed.isdisjoint((classes, "model.num_classes")):
        parser.link_arguments("data.num_classes", classes, apply_on="instantiate")
    if not own_data:
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
    elif typed.isdisjoint(("data.init_args.seed", "data.seed")):
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=int)


def _add_single_options(parser: LightningArgumentParser, stage: Stage) -> None:
    """Add the options that belong to no class."""
    parser.add_argument(  # TensorBoardLogger's own takes the text "007" for the number 7
        "--logger.version",
        type=str | None,
        default=None,
        help="Name of the run folder; a number N stands for version_N. null: the next version_N.",
    )
    parser.add_argument(
        "--ema_decay",
        type=float | None,
        default=None,
        help="Decay below 1 of an exponential average of the weights. null: no average.",
    )
    parser.add_argument(
        "--num_threads",
        type=int | None,
        default=None,
        help="CPU threads of each process. null: a training of one process tries several numbers "
        "at its start, and takes the lowest that is nearly the fastest; otherwise torch's default.",
    )
    parser.add_argument(
        "--mixed_precision",
        type=Literal["auto"] | None,
        default=None,
        help="auto: train in bf16-mixed where the processor computes bfloat16, else in 32-true, if "
        "trainer.precision is not set. null: trainer.precision decides.",
    )
    parser.add_argument(
        "--matmul_precision",
        type=MatmulPrecision | None,
        default=None,
        help="Precision of products of float32 matrices: on a GPU, high takes TensorFloat-32. "
        "null: that of torch, which is highest.",
    )
    parser.add_argument(
        "--peer_timeout",
        type=PositiveFloat,
        default=60.0,
        help="Seconds after which a process stops that waits for another process of the run, such "
        "as one whose machine has failed.",
    )
    parser.add_argument(
        "--ckpt_path",
        type=str | None,
        default=None,
        help="Checkpoint to continue from, with its epoch and optimizer; for its weights alone see "
        "--init_from.",
    )
    parser.add_argument(
        "--init_from",
        type=str | None,
        default=None,
        help="RUN whose weights a new training starts from; epoch and optimizer are new, and with "
        f"another number of classes the head too. {RUN_HELP}.",
    )
    parser.add_argument(
        "--init_sha256",
        type=str | None,
        default=None,
        help="SHA-256 that the checkpoint of init_from must have; the saved config has it. null: "
        "any.",
    )
    parser.add_argument(
        "--weights_only",
        type=bool | None,
        default=None,
        help="Has no effect: checkpoints are always loaded without running code.",
    )
    if stage in ("validate", "test"):
        parser.add_argument(
            "--verbose", type=bool, default=False, help="Also print Lightning's table of metrics."
        )
    if stage == "predict":
        parser.add_argument(
            "--output",
            type=str | None,
            default=AUTO,
            help="File of the probabilities, .csv or .npz. auto: probabilities.csv in the run "
            "folder. null: none.",
        )
