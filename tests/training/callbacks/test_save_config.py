"""config.yaml is written whole or not at all."""

from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback

from deepdigits.runs.run import Run
from deepdigits.training.callbacks.run_folder import RunFolder
from deepdigits.training.callbacks.save_config import AtomicSaveConfigCallback


@pytest.fixture
def callback() -> AtomicSaveConfigCallback:
    parser = LightningArgumentParser()
    parser.add_argument("--lr", type=float)
    config = parser.parse_args(["--lr", "0.5"])
    return AtomicSaveConfigCallback(parser, config, save_to_log_dir=False)


def trainer_of(folder: Path) -> Trainer:
    return Trainer(logger=False, enable_checkpointing=False, callbacks=[RunFolder(Run(folder))])


def test_only_the_whole_file_is_left(callback: SaveConfigCallback, tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path)
    callback.setup(trainer, None, "fit")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert "lr: 0.5" in (tmp_path / "config.yaml").read_text()


def test_a_write_that_fails_keeps_the_former_config(
    callback: SaveConfigCallback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("former")
    trainer = trainer_of(tmp_path)

    def fail(handle: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        callback.setup(trainer, None, "fit")  # type: ignore[arg-type]
        callback.on_train_start(trainer, None)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert (tmp_path / "config.yaml").read_text() == "former"
