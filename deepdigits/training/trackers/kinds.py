"""The trackers that show more of a run than its metrics, by the class of their logger."""

from collections.abc import Mapping
from importlib.util import find_spec

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from deepdigits.core.errors import InputError
from deepdigits.training.trackers.board import Board
from deepdigits.training.trackers.mlflow import ContinuedMLFlowLogger, MLflowBoard
from deepdigits.training.trackers.tensorboard import TensorBoardBoard
from deepdigits.training.trackers.wandb import WandbBoard

# Lightning's classes are imported without the packages that they need.
_BOARDS: Mapping[type[Logger], type[Board]] = {
    TensorBoardLogger: TensorBoardBoard,
    MLFlowLogger: MLflowBoard,
    WandbLogger: WandbBoard,
}


def board_class(kind: type) -> type[Board] | None:
    """What shows the pictures of a run in a logger of a class; None: it takes metrics only."""
    return next((board for base, board in _BOARDS.items() if issubclass(kind, base)), None)


def class_to_build(kind: type[Logger]) -> type[Logger]:
    """The class that is built for a logger of a class."""
    return ContinuedMLFlowLogger if kind is MLFlowLogger else kind


def require_package(kind: type[Logger]) -> None:
    """Check that the package of a logger is installed, without importing it.

    Raises:
        InputError: It is not.
    """
    board = board_class(kind)
    if board is not None and board.package is not None and find_spec(board.package) is None:
        raise InputError(
            f"{kind.__name__} needs {board.package}, which is not installed: run "
            f"pip install {board.package}"
        )
