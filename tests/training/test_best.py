"""What is called best is best: the checkpoint that the run folder records, tests and reports."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.checkpoint_record import CheckpointRecord, read_record, write_record
from deepdigits.runs.run import Run
from deepdigits.training.callbacks import checkpoint_paths
from deepdigits.training.classifier import LitClassifier

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

RUN = Path("lightning_logs/mlp/version_0")
SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "3", "--trainer.log_every_n_steps", "4"]


def scores(accuracies: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each validation find the next of some accuracies."""
    measured = LitClassifier.scalars
    steps: list[int] = []

    def scalars(module: LitClassifier, stage: Any) -> dict[str, float]:
        values = measured(module, stage)
        if stage == "val" and not module.trainer.sanity_checking:
            if module.global_step not in steps:
                steps.append(module.global_step)
            values["val/accuracy"] = accuracies[len(steps) - 1]
        return values

    monkeypatch.setattr(LitClassifier, "scalars", scalars)


def step_of(path: Path) -> int:
    step: int = torch.load(path, weights_only=True)["global_step"]
    return step


def record(folder: Path = RUN) -> CheckpointRecord:
    found = read_record(folder)
    assert found is not None
    return found


def report(folder: Path = RUN) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


@pytest.mark.parametrize(
    ("flags", "step"),
    [
        ([], 14),
        (["--checkpoint.mode", "min"], 7),
        (["--checkpoint.save_top_k", "3"], 14),
        (["--checkpoint.save_top_k", "3", "--checkpoint.mode", "min"], 7),
        (["--checkpoint.save_top_k", "2", "--checkpoint.filename", "mine"], 14),
        (["--checkpoint.save_top_k", "-1", "--checkpoint.mode", "min"], 7),
        (["--checkpoint.filename", "{epoch}-{val/accuracy:.3f}"], 14),
        (["--checkpoint.dirpath", "elsewhere"], 14),
        (["--checkpoint.monitor", "train/loss"], 21),
        (["--checkpoint.save_last", "false"], 14),
    ],
)
def test_the_best_is_tested_recorded_and_reported(
    flags: list[str], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores([0.2, 0.8, 0.5], monkeypatch)
    run(["train", *TRAIN, *flags])
    best = Run(RUN).checkpoint
    assert step_of(best) == step
    assert (RUN / report()["checkpoint"]).resolve() == best.resolve()
    before = report()
    run(["report", str(RUN)])
    assert report() == before  # not measured on another checkpoint


def test_several_best_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    scores([0.2, 0.8, 0.5], monkeypatch)
    run(["fit", *TRAIN, "--checkpoint.save_top_k", "2"])
    names = {path.name for path in (RUN / "checkpoints").iterdir()}
    assert names == {"epoch=1-step=14.ckpt", "epoch=2-step=21.ckpt", "last.ckpt"}


def test_the_best_within_an_epoch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    scores([0.1, 0.2, 0.9, 0.3, 0.4, 0.5], monkeypatch)
    run(["fit", *TRAIN, "--trainer.max_epochs", "2", "--trainer.val_check_interval", "2"])
    assert step_of(Run(RUN).checkpoint) == 6  # the third validation


def test_a_training_metric_is_that_of_its_own_epoch() -> None:
    run(["fit", *TRAIN, "--checkpoint.monitor", "train/loss", "--trainer.val_check_interval", "2"])
    losses = Run(RUN).metrics["train/loss"]
    saved = json.loads((RUN / "checkpoints.json").read_text())
    assert saved["score"] == pytest.approx(losses.min(), abs=1e-6)
    assert step_of(Run(RUN).checkpoint) == 7 * (int(losses.argmin()) + 1)


def test_an_epoch_without_validation_is_not_scored_by_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores([0.5], monkeypatch)
    every = ["--trainer.check_val_every_n_epoch", "2", "--checkpoint.save_on_train_epoch_end"]
    run(["fit", *TRAIN, *every, "true", "--checkpoint.save_top_k", "3"])
    assert [path.name for path in (RUN / "checkpoints").glob("epoch*")] == ["epoch=1-step=14.ckpt"]


SECOND = ["--trainer.callbacks", "ModelCheckpoint", "--trainer.callbacks.dirpath", "mine"]
SECOND += ["--trainer.callbacks.monitor", "val/loss", "--trainer.callbacks.save_last", "true"]


def test_a_second_model_checkpoint_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    scores([0.2, 0.8, 0.5, 0.6], monkeypatch)
    run(["train", *TRAIN, *SECOND])
    assert step_of(Run(RUN).checkpoint) == 14
    assert {path.name for path in (RUN / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert report()["checkpoint"] == "checkpoints/best.ckpt"
    cli = run(["train", "--resume", str(RUN), "--trainer.max_epochs", "4", *SECOND])
    assert cli.trainer.global_step == 28
    assert step_of(Run(RUN).checkpoint) == 14
    assert len(list(Path("mine").glob("epoch*"))) == 1  # the list of the second one went on too


def test_a_second_one_without_a_folder_saves_into_the_run() -> None:
    second = ["--trainer.callbacks", "ModelCheckpoint", "--trainer.callbacks.monitor", "val/loss"]
    run(["fit", *TRAIN, *second])
    names = {path.name.partition("=")[0] for path in (RUN / "checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "epoch"}


@pytest.mark.parametrize(
    "due", [["every_n_train_steps", "3"], ["train_time_interval", "0:00:00.000001"]]
)
def test_a_save_within_an_epoch_waits_for_the_score_of_its_weights(
    due: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lightning scores the weights of step 3, 6 ... by the validation before, or not at all."""
    scores([0.1, 0.2, 0.9, 0.3, 0.4, 0.5], monkeypatch)
    flags = ["--trainer.max_epochs", "2", "--trainer.val_check_interval", "2"]
    run(["fit", *TRAIN, *flags, f"--checkpoint.{due[0]}", due[1]])
    assert step_of(Run(RUN).checkpoint) == 6  # the third validation
    assert "is saved after the next validation" in capsys.readouterr().err


def test_a_save_within_an_epoch_waits_for_the_end_of_the_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores([0.1, 0.9, 0.2], monkeypatch)
    run(["fit", *TRAIN, "--checkpoint.every_n_train_steps", "5"])
    assert step_of(Run(RUN).checkpoint) == 14


class Stop(Exception):
    """A kill."""


def test_a_save_that_waits_is_not_lost_when_the_run_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Due after step 5, saved after step 7; stopped after step 6."""
    due = ["--checkpoint.every_n_train_steps", "5", "--checkpoint.save_top_k", "-1"]
    due += ["--last_checkpoint.every_n_steps", "6"]
    run(["fit", *TRAIN, *due, "--logger.name", "whole"])
    save = Trainer.save_checkpoint

    def save_and_stop(trainer: Trainer, path: Any, *more: Any) -> None:
        save(trainer, path, *more)
        if trainer.global_step == 6:
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Trainer, "save_checkpoint", save_and_stop)
        run(["fit", *TRAIN, *due])
    run(["fit", "--resume", str(RUN)])
    saved = [
        {path.name for path in Path("lightning_logs", name, "version_0/checkpoints").glob("epoch*")}
        for name in ("mlp", "whole")
    ]
    assert saved[0] == saved[1] != set()
    assert "epoch=0-step=7.ckpt" in saved[0]


def test_without_a_monitor_it_is_saved_at_once() -> None:
    run(["fit", *TRAIN, "--checkpoint.every_n_train_steps", "5", "--checkpoint.monitor", "null"])
    assert step_of(Run(RUN).checkpoint) == 20


# ---------------------------------------------------------------- the record


def test_the_record_names_a_file_that_is_there_at_any_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also between the save of a new best checkpoint and the removal of the former one."""
    scores([0.2, 0.5, 0.8], monkeypatch)
    seen = []

    def write(folder: Path, made: CheckpointRecord, facts: dict[str, Any]) -> None:
        write_record(folder, made, facts)
        seen.append((made.best, made.best is None or (folder / made.best).is_file()))

    remove = Trainer.strategy.fget(Trainer(logger=False)).remove_checkpoint.__func__

    def removed(strategy: Any, path: str) -> None:
        found = Run(RUN).found_checkpoint
        assert found is not None
        assert found.name != Path(path).name
        remove(strategy, path)

    monkeypatch.setattr(checkpoint_paths, "write_record", write)
    monkeypatch.setattr(
        "lightning.pytorch.strategies.SingleDeviceStrategy.remove_checkpoint", removed
    )
    run(["fit", *TRAIN, "--checkpoint.filename", "{epoch}"])
    assert [best for best, _ in seen if best] == [f"checkpoints/epoch={n}.ckpt" for n in range(3)]
    assert all(is_there for _, is_there in seen)


def test_a_run_that_was_moved_keeps_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    scores([0.2, 0.8, 0.5, 0.3], monkeypatch)
    run(["train", *TRAIN, "--checkpoint.filename", "{epoch}-{val/accuracy:.1f}"])
    moved = Path("moved/to/here")
    shutil.copytree(RUN, moved)
    shutil.rmtree("lightning_logs")
    assert step_of(Run(moved).checkpoint) == 14
    run(["train", "--resume", str(moved), "--trainer.max_epochs", "4"])
    assert step_of(Run(moved).checkpoint) == 14
    assert report(moved)["checkpoint"] == "checkpoints/epoch=1-val/accuracy=0.8.ckpt"


def test_a_best_checkpoint_that_is_gone_is_not_replaced_in_silence() -> None:
    run(["fit", *TRAIN])
    (RUN / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(InputError, match=r"checkpoints/best\.ckpt, does not exist any more"):
        run(["report", str(RUN)])
    run(["report", str(RUN / "checkpoints" / "last.ckpt")])


@pytest.mark.parametrize("path", ["/etc/passwd", "checkpoints/best.txt", 3, ["a.ckpt"]])
def test_a_record_with_a_wrong_path_is_refused(path: object) -> None:
    run(["fit", *TRAIN])
    (RUN / "checkpoints.json").write_text(json.dumps({"best": path, "last": None}))
    with pytest.raises(InputError, match=r"checkpoints\.json names .*relative path"):
        run(["report", str(RUN)])


# ---------------------------------------------------------------- checkpoints elsewhere


def test_two_runs_do_not_share_a_checkpoint_folder() -> None:
    run(["fit", *TRAIN, "--checkpoint.dirpath", "mine"])
    before = Path("mine/best.ckpt").read_bytes()
    with pytest.raises(InputError, match="mine holds the checkpoints of another run"):
        run(["fit", *TRAIN, "--checkpoint.dirpath", "mine", "--seed_everything", "1"])
    assert Path("mine/best.ckpt").read_bytes() == before
    assert [path.name for path in RUN.parent.iterdir()] == ["version_0"]
    more = ["--trainer.max_epochs", "4", "--checkpoint.dirpath", "mine"]
    run(["fit", "--resume", str(RUN), *more])  # its own run goes on
    assert step_of(Path("mine/last.ckpt")) == 28


@pytest.mark.parametrize("filename", ["best", "{val/accuracy}"])
def test_a_run_below_a_checkpoint_folder_stays_as_it_is(filename: str) -> None:
    run(["fit", *TRAIN])
    run(["fit", *TRAIN, "--checkpoint.dirpath", "mine/more"])
    kept = [RUN / "checkpoints" / "best.ckpt", Path("mine/more/best.ckpt")]
    before = [path.read_bytes() for path in kept]
    here = ["--checkpoint.dirpath", ".", "--checkpoint.filename", filename]
    run(["fit", *TRAIN, *here, "--trainer.max_epochs", "1"])
    run(["fit", "--resume", "latest", *here, "--trainer.max_epochs", "2"])
    assert step_of(Path("last.ckpt")) == 14
    assert [path.read_bytes() for path in kept] == before
    with pytest.raises(InputError, match=r"dirpath \. holds the checkpoints of another run"):
        run(["fit", *TRAIN, *here])
    for folder in (RUN, RUN / "checkpoints", "mine/more"):
        with pytest.raises(InputError, match="holds the checkpoints of another run"):
            run(["fit", *TRAIN, "--checkpoint.dirpath", str(folder)])


@pytest.mark.parametrize("folder", ["mine", "checkpoints"])
def test_a_checkpoint_outside_of_its_run_is_told_by_the_record(folder: str) -> None:
    """The user's own config.yaml there is neither read nor joined by a report."""
    run(["fit", *TRAIN, "--checkpoint.dirpath", folder])
    Path("config.yaml").write_text("mine")
    best, last = Path(folder, "best.ckpt"), Path(folder, "last.ckpt")
    run(["report", str(best)])
    assert not Path("report.json").exists()
    report = json.loads((RUN / "report.json").read_text())
    assert (RUN / report["checkpoint"]).samefile(best)
    assert deepdigits.load(best)(torch.zeros(1, 28, 28)).shape == (1, 10)
    run(["fit", *TRAIN, "--ckpt_path", str(last), "--trainer.max_epochs", "3"])
    assert [path.name for path in RUN.parent.iterdir()] == ["version_0"]


def test_a_checkpoint_that_no_run_records_is_refused_with_the_way_out() -> None:
    run(["fit", *TRAIN, "--checkpoint.dirpath", "mine"])
    shutil.copy("mine/best.ckpt", "mine/other.ckpt")
    Path("config.yaml").write_text("mine")
    there = f"{RUN} saves others there: type the run folder in its place, or copy it into {RUN}/ch"
    with pytest.raises(InputError, match=rf"mine/other\.ckpt is not in a run folder, and {there}"):
        run(["report", "mine/other.ckpt"])
    for name in ("mine", "mine/latest"):
        with pytest.raises(
            InputError, match=f"mine is not a .*: it holds the checkpoints of {RUN}"
        ):
            run(["report", name])
    (RUN / "checkpoints").mkdir()
    shutil.copy("mine/other.ckpt", RUN / "checkpoints" / "other.ckpt")  # as the line says
    run(["report", str(RUN / "checkpoints" / "other.ckpt")])
    shutil.copytree(RUN, "lightning_logs/mlp/version_1")
    with pytest.raises(
        InputError, match=r"belongs to .*version_\d and .*version_\d: type the folder"
    ):
        run(["report", "mine/best.ckpt"])
    Path("lightning_logs").rename("moved")
    with pytest.raises(InputError, match=r"mine/best\.ckpt is not in .* no run in lightning_logs"):
        run(["report", "mine/best.ckpt"])
    assert not Path("report.json").exists()


# ---------------------------------------------------------------- nothing to choose by


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--trainer.limit_val_batches", "0"], "trainer.limit_val_batches is 0, so no validation"),
        (["--trainer.limit_val_batches", "0.0"], "trainer.limit_val_batches is 0, so no validatio"),
        (["--data.val_size", "0"], "data.val_size is 0, so no validation measures val/accuracy"),
        (["--checkpoint.monitor", "null"], "checkpoint.monitor is null"),
    ],
)
def test_several_best_checkpoints_need_a_metric(flags: list[str], why: str) -> None:
    several = [*flags, "--checkpoint.save_top_k", "3"]
    with pytest.raises(InputError, match=rf"^checkpoint\.save_top_k is 3, and {why}.*: pass --che"):
        run(["fit", *TRAIN, *several])
    assert not Path("lightning_logs").exists()
    run(["fit", *TRAIN, *several, "--checkpoint.monitor", "train/loss"])  # as the line says
    assert len(list((RUN / "checkpoints").glob("epoch*.ckpt"))) == 3


def test_a_training_whose_epochs_are_too_few_to_be_validated_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["train", *TRAIN, "--trainer.check_val_every_n_epoch", "4"])
    assert capsys.readouterr().err.splitlines() == [
        "note: trainer.check_val_every_n_epoch is 4, more than trainer.max_epochs, 3: no epoch is "
        "validated, and the last one counts as the best"
    ]
    assert json.loads((RUN / "report.json").read_text())["checkpoint"] == "checkpoints/last.ckpt"
    run(["fit", "--resume", str(RUN), "--trainer.max_epochs", "4"])
    assert capsys.readouterr().err == ""
    assert step_of(RUN / "checkpoints" / "best.ckpt") == 28


@pytest.mark.parametrize(
    ("flags", "step"),
    [
        (["--trainer.max_steps", "5"], 5),  # ends before the first validation
        (["--trainer.max_steps", "9"], 7),  # ends within the second epoch
        (["--trainer.limit_val_batches", "0"], 21),
        (["--data.val_size", "0"], 27),
        (["--checkpoint.save_top_k", "0"], 21),
        (["--trainer.max_steps", "9", "--early_stopping.monitor", "train/loss"], 7),
    ],
)
def test_a_training_without_validation_ends_well(flags: list[str], step: int) -> None:
    run(["train", *TRAIN, *flags])
    assert step_of(Run(RUN).checkpoint) == step
    assert report()["checkpoint"] is not None


def test_without_checkpoints_the_net_is_tested_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    run(["train", *TRAIN, "--trainer.enable_checkpointing", "false"])
    assert report()["checkpoint"] is None
    assert not (RUN / "checkpoints").exists()
    assert "deepdigits report" not in capsys.readouterr().out  # it has nothing to load


class Names(LightningModule):
    """Logs metrics under names of its own."""

    quiet_at_first = False

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.scores = iter([0.1, 0.9, 0.2, 0.3])
        self.losses = iter([4.0, 2.0, 3.0, 1.0])

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).mean()

    def on_train_epoch_end(self) -> None:
        self.log("my_loss", next(self.losses))

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val_loss", self.layer(batch).mean())

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking:
            if not self.quiet_at_first:
                self.log("score", 0.0)
        else:
            self.log("score", next(self.scores))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fitted(folder: Path, net: LightningModule, epochs: int, monitor: str, **settings: Any) -> Any:
    """Train a net for eight batches an epoch, and return the callback that keeps the best."""
    from deepdigits.training.callbacks.monitored import BestCheckpoint

    loader = torch.utils.data.DataLoader(torch.rand(8, 2))
    callback = BestCheckpoint(folder, monitor=monitor, filename="{step}", mode="max")
    assert isinstance(callback, ModelCheckpoint)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", callbacks=[callback], **(quiet | settings)
    )
    trainer.fit(net, loader, loader)
    return callback


def best_step(callback: Any) -> int:
    return step_of(Path(callback.best_model_path))


def test_an_unknown_monitor_is_named_before_the_first_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"val/loss.*did you mean 'val_loss'"):
        fitted(tmp_path, Names(), 1, "val/loss")
    assert "the sanity check did not log checkpoint.monitor val/loss" in capsys.readouterr().err


def test_a_net_may_log_nothing_in_the_sanity_check(tmp_path: Path) -> None:
    net = Names()
    net.quiet_at_first = True
    assert best_step(fitted(tmp_path, net, 4, "score")) == 16


def test_an_unknown_monitor_is_named_without_a_validation(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not log checkpoint\.monitor my_los.*'my_loss'"):
        fitted(tmp_path, Names(), 2, "my_los", limit_val_batches=0)


def test_a_metric_of_any_name_is_of_its_own_validation(tmp_path: Path) -> None:
    assert best_step(fitted(tmp_path, Names(), 2, "score", val_check_interval=4)) == 8


@pytest.mark.parametrize("interval", [4, 1.0])
def test_a_training_metric_of_any_name_is_of_its_own_epoch(tmp_path: Path, interval: float) -> None:
    net = Names()
    net.scores = iter([0.0] * 8)
    net.losses = iter([1.0, 3.0, 2.0])
    assert best_step(fitted(tmp_path, net, 3, "my_loss", val_check_interval=interval)) == 16
