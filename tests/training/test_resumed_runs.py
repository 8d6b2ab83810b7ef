"""What a resumed training keeps of its run: config, best checkpoint, metrics, files of the user."""

import json
from pathlib import Path

import pytest
import torch

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "2"]
RUN = Path("lightning_logs/mlp/version_0")
MORE = ["fit", "--resume", str(RUN), "--trainer.max_epochs", "2"]


def record() -> dict[str, object]:
    content: dict[str, object] = json.loads((RUN / "checkpoints.json").read_text())
    return content


def test_a_refused_resume_leaves_the_config_as_it_was() -> None:
    run(["fit", *TRAIN])
    before = (RUN / "config.yaml").read_bytes()
    with pytest.raises(InputError, match="is of another net"):
        run([*MORE, "--model.hidden_sizes", "[9]"])
    assert (RUN / "config.yaml").read_bytes() == before
    run(MORE)
    assert b"max_epochs: 2" in (RUN / "config.yaml").read_bytes()


def test_a_resume_with_nothing_left_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["--trainer.max_steps", "3"]
    run(["fit", *TRAIN, *steps])
    capsys.readouterr()
    cli = run(["fit", "--resume", str(RUN), "--trainer.max_steps", "5"])  # of one epoch
    assert cli.trainer.global_step == 3
    note = "note: nothing was left to train after 1 epochs and 3 steps; to go on, raise "
    assert note in capsys.readouterr().err
    run([*MORE, "--trainer.max_steps", "5"])
    assert "nothing was left" not in capsys.readouterr().err


def test_the_mode_follows_the_monitor() -> None:
    run(["fit", *TRAIN])
    run([*MORE, "--checkpoint.monitor", "val/loss"])
    assert (record()["monitor"], record()["mode"]) == ("val/loss", "min")


def test_a_run_of_before_keeps_its_best() -> None:
    """Its checkpoints name the callback after its base class."""
    run(["fit", *TRAIN])
    path = RUN / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    (key,) = [key for key in content["callbacks"] if key.startswith("BestCheckpoint")]
    content["callbacks"][f"Model{key.removeprefix('Best')}"] = content["callbacks"].pop(key)
    torch.save(content, path)
    (RUN / "checkpoints.json").unlink()
    cli = run(["fit", "--resume", str(RUN)])
    assert cli.config_init.checkpoint.best_model_path.endswith("best.ckpt")


def test_a_run_of_before_keeps_its_patience() -> None:
    stop = ["--early_stopping.monitor", "train/loss", "--early_stopping.min_delta", "100"]
    run(["fit", *TRAIN, *stop])
    path = RUN / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    (key,) = [key for key in content["callbacks"] if key.startswith("MonitoredEarly")]
    state = content["callbacks"].pop(key)
    content["callbacks"][key.removeprefix("Monitored")] = state | {"wait_count": 5}
    torch.save(content, path)
    cli = run(MORE)
    assert cli.trainer.early_stopping_callback.wait_count == 6


def test_another_monitor_without_a_step_keeps_the_recorded_best() -> None:
    run(["fit", *TRAIN])
    run(["fit", "--resume", str(RUN), "--checkpoint.monitor", "val/loss"])
    assert record()["best"] == "checkpoints/best.ckpt"


def test_no_file_but_checkpoints_is_removed() -> None:
    mine = ["--checkpoint.dirpath", "mine"]
    run(["fit", *TRAIN, *mine])
    Path("mine/thesis.docx").write_text("mine")
    path = Path("mine/last.ckpt")
    content = torch.load(path, weights_only=True)
    (key,) = [key for key in content["callbacks"] if key.startswith("BestCheckpoint")]
    state = content["callbacks"][key]
    name = str(Path(state["dirpath"], "thesis.docx"))
    state |= {"best_model_path": name, "kth_best_model_path": name}
    state["best_k_models"] = {name: torch.tensor(-1.0)}
    torch.save(content, path)
    run([*MORE, *mine])
    assert Path("mine/thesis.docx").read_text() == "mine"


def test_the_bundled_config_with_a_table_is_resumed() -> None:
    run(["fit", *TRAIN, "-c", "csv"])
    run(MORE)
    assert "1" in {line.split(",")[0] for line in (RUN / "metrics.csv").read_text().splitlines()}


def test_a_damaged_table_is_one_line() -> None:
    run(["fit", *TRAIN, "-c", "csv"])
    (RUN / "metrics.csv").write_bytes(b"step\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"metrics\.csv is damaged"):
        run(MORE)


def test_a_second_table_overwrites_no_other() -> None:
    two = [
        {"class_path": "TensorBoardLogger", "init_args": {"save_dir": "lightning_logs"}},
        {"class_path": "CSVLogger", "init_args": {"save_dir": "tables", "name": "x"}},
    ]
    loggers = ["--trainer.logger", json.dumps(two)]
    run(["fit", *TRAIN, *loggers, "--logger.name", "a"])
    before = Path("tables/x/version_0/metrics.csv").read_bytes()
    with pytest.raises(InputError, match="has the metrics of another run"):
        run(["fit", *TRAIN, *loggers, "--logger.name", "b"])
    assert Path("tables/x/version_0/metrics.csv").read_bytes() == before
