"""The paths in the state of ModelCheckpoint point into the folder of the run."""

from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from deepdigits.training.callbacks.relocate_checkpoints import relocated


def state(folder: str) -> dict[str, object]:
    """The state of a ModelCheckpoint that saved its two best checkpoints in a folder."""
    callback = ModelCheckpoint(folder, monitor="val/loss", save_top_k=2)
    callback.best_model_path = f"{folder}/best.ckpt"
    callback.best_k_models = {f"{folder}/best.ckpt": 0.1, f"{folder}/second.ckpt": 0.2}
    callback.kth_best_model_path = f"{folder}/second.ckpt"
    return callback.state_dict()


def test_paths_are_in_the_new_folder(tmp_path: Path) -> None:
    for name in ("best.ckpt", "second.ckpt"):
        (tmp_path / name).touch()
    moved, expected = relocated(state("/old"), tmp_path), state(str(tmp_path))
    assert moved == expected
    assert moved["last_model_path"] == ""


def test_files_that_are_missing_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "best.ckpt").touch()
    moved = relocated(state("/old"), tmp_path)
    assert moved is not None
    assert list(moved["best_k_models"]) == [str(tmp_path / "best.ckpt")]


def test_without_the_best_checkpoint_there_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "second.ckpt").touch()
    assert relocated(state("/old"), tmp_path) is None
