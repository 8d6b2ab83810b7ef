"""Nets and data modules of a user's own, through the command line: `own_code.py` has them."""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError, Interrupted, RunFailed
from deepdigits.runs.curves import read_curves
from deepdigits.runs.resolve import latest_run
from deepdigits.training.callbacks.stop_on_nonfinite import any_not_finite

pytestmark = [
    pytest.mark.usefixtures("tiny_digits", "blank_figures"),
    pytest.mark.filterwarnings("ignore:`training_step` returned `None`"),
    pytest.mark.filterwarnings("ignore:`LightningModule.configure_optimizers` returned `None`"),
    pytest.mark.filterwarnings("ignore:You (defined|passed in) a `val:UserWarning"),
    pytest.mark.filterwarnings("ignore:Attribute 'activation' is an instance of `nn.Module`"),
    pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero"),
]
SHORT = ["--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "1"]
DIGITS = ["--data.batch_size", "80", "--data.val_size", "60", "--data.eval_batch_size", "50"]
MLP = ["--model", "LitMLP", "--model.hidden_sizes", "[8]"]
REPORT = {"report.json", "report.md", "confusion.png", "finished.json"}
PICTURES = {"predictions.npz", "mistakes.png"}
Line = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def mine(tmp_path: Path) -> None:
    """The user's file, in the working directory."""
    shutil.copy(Path(__file__).with_name("own_code.py"), tmp_path / "mine.py")


def train(net: str, data: str | None = None, *more: str) -> Any:
    args = MLP if net == "LitMLP" else ["--model", f"mine.{net}"]
    args = [*args, *([] if data is None else ["--data", f"mine.{data}"])]
    sizes = DIGITS if data in (None, "Shifted") else []
    return run(["train", *args, *sizes, *SHORT, *more])


def files(cli: Any) -> set[str]:
    return {path.name for path in cli.run_folder.iterdir()}


def notes(capsys: Line) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]


def refusal(*args: str) -> str:
    with pytest.raises(InputError) as caught:
        run(list(args))
    line = str(caught.value)
    assert line.isprintable()
    return line


def forget() -> None:
    """As in a new process: what the program has imported is not trusted any more."""
    sys.modules.pop("mine", None)


# ---------------------------------------------------------------- nets

# Net -> the metrics of its curves, and whether it has a report, and pictures.
NETS: dict[str, tuple[set[str], bool, bool]] = {
    "Plain": ({"train_loss", "val_loss", "epochs_done"}, False, False),
    "OnlyTraining": ({"train_loss", "epochs_done"}, False, False),
    "WithObjects": ({"train_loss", "val_loss", "epochs_done"}, False, False),
    "Manual": ({"val_loss", "epochs_done"}, False, False),
    "ManualClassifier": ({"train/loss", "val/accuracy"}, True, True),
    "Skipping": ({"train/loss", "val/accuracy"}, True, True),
    "Silent": ({"train/loss", "val/accuracy"}, True, False),
    "Mappings": ({"train/loss", "val/accuracy"}, True, False),
    "Unmeasured": ({"val_loss"}, False, False),
    "NoOptimizer": ({"train/loss", "val/accuracy"}, True, True),
    "Centroids": ({"val/accuracy"}, True, True),
    "NoLinear": ({"train/loss", "val/accuracy"}, True, True),
}


@pytest.mark.parametrize("net", NETS)
def test_a_net_is_trained_tested_and_resumed(net: str, capsys: Line) -> None:
    tags, has_report, has_pictures = NETS[net]
    cli = train(net)
    expected = (REPORT if has_report else set()) | (PICTURES if has_pictures else set())
    assert files(cli) & (REPORT | PICTURES) == expected
    said = notes(capsys)
    left_out = [line for line in said if "report" in line or "left out" in line]
    assert len(left_out) == (0 if has_pictures or net == "Unmeasured" else 1)
    curves = read_curves(cli.run_folder)
    assert tags <= curves.keys()
    assert curves["epoch"].tolist() == [1, 2]
    assert all(np.isfinite(curves[tag]).all() for tag in tags)
    assert cli.trainer.global_step == (12 if net == "Manual" else 6)
    saved = torch.load(cli.run_folder / "checkpoints" / "best.ckpt", weights_only=True)
    assert saved["state_dict"].keys() == cli.model.state_dict().keys()

    steps = cli.trainer.global_step // 2
    again = run(["train", "--resume", str(cli.run_folder), "--trainer.max_epochs", "3"])
    assert again.trainer.global_step == 3 * steps
    after = read_curves(cli.run_folder)
    assert after["epoch"].tolist() == [1, 2, 3]
    for tag in tags:
        np.testing.assert_array_equal(after[tag][:2], curves[tag])
        assert np.isfinite(after[tag]).all()


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_without_a_stop() -> None:
    whole = train("Plain", None, "--trainer.max_epochs", "3", "--logger.name", "whole")
    first = train("Plain", None, "--logger.name", "stopped")
    run(["train", "--resume", str(first.run_folder), "--trainer.max_epochs", "3"])
    one, other = (
        torch.load(cli.run_folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for cli in (whole, first)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_net_that_is_stopped_within_an_epoch_goes_on_there() -> None:
    whole = train("Stopping", None, "--logger.name", "whole")
    Path("stop").touch()
    with pytest.raises(Interrupted) as stopped:
        train("Stopping", None, "--logger.name", "stopped")
    assert "in epoch 2 at step 5, which is saved" in stopped.value.line
    assert "DEEPDIGITS_TRUST=mine deepdigits train --resume" in stopped.value.line
    made = run(["train", "--resume", "lightning_logs/stopped/version_0"])
    assert made.trainer.global_step == 6
    one, other = (
        torch.load(cli.run_folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for cli in (whole, made)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_gradients_of_steps_by_hand_are_checked() -> None:
    with pytest.raises(RunFailed, match=r"gradient of net.1.weight is not finite at step 1 "):
        train("NotFinite")


def test_metrics_of_an_own_net_are_printed_and_its_report_is_refused(capsys: Line) -> None:
    cli = train("Plain")
    printed = capsys.readouterr().out
    loss = cli.trainer.callback_metrics["test_loss"]
    assert f"test_loss   {loss:.4f}" in printed
    assert "Plain is not a LitClassifier" in printed
    run(["test", "--ckpt_path", "latest"])
    assert f"test_loss   {loss:.4f}" in capsys.readouterr().out
    run(["validate", "--ckpt_path", "latest"])
    assert "val_loss" in capsys.readouterr().out
    assert "there is no report" in refusal("report", "latest")
    with pytest.raises(InputError, match="Plain is not a LitClassifier"):
        deepdigits.evaluate("latest")


def test_the_table_of_epochs_shows_the_metrics_of_the_net(capsys: Line) -> None:
    cli = train(
        "Plain", None, "--trainer.check_val_every_n_epoch", "2", "--trainer.max_epochs", "3"
    )
    curves = read_curves(cli.run_folder)
    table = [line.split() for line in capsys.readouterr().out.split("class")[0].splitlines()]
    table = [row for row in table if row[-1:] == ["left"] or (row and row[0][1:] == "/3")]
    shown = [row[1:-2] if row[-1] != "left" else row[1:-3] for row in table]
    assert shown[0] == ["train_loss", "epochs_done"]
    assert shown[2] == ["train_loss", "val_loss", "epochs_done"]  # now it is validated
    assert shown[1][1] == "1" and shown[3][2] == "2"
    assert (shown[4][1], shown[4][2]) == ("-", "3")
    assert float(shown[3][1]) == pytest.approx(curves["val_loss"][1], rel=1e-3)


def test_a_net_without_metrics_has_a_table_without_columns(capsys: Line) -> None:
    train("Wordless")
    lines = capsys.readouterr().out.splitlines()
    rows = [" ".join(line.split()) for line in lines if "images/s" in line or "/2 " in line]
    assert rows[0] == "epoch images/s time left"
    assert [row.split()[0] for row in rows[1:]] == ["1/2", "2/2"]


def test_the_curves_have_what_a_classifier_logs_besides(capsys: Line) -> None:
    curves = read_curves(train("Talking").run_folder)
    assert curves.keys() >= {"train/loss", "val/accuracy", "val/f1/7"}
    assert curves["distance"].tolist() == [1, 2]
    assert curves["val/doubt"].tolist() == [3, 6]
    assert np.isfinite(curves["largest"]).all()
    assert not [tag for tag in curves if tag.endswith(("_step", "_epoch"))]
    plain = read_curves(train("LitMLP").run_folder)
    assert curves.keys() - plain.keys() == {"distance", "val/doubt", "largest"}
    assert all(np.array_equal(curves[tag], plain[tag]) for tag in plain)
    run(["train", "--resume", "lightning_logs/talking/version_0", "--trainer.max_epochs", "3"])
    assert read_curves(Path("lightning_logs/talking/version_0"))["val/doubt"].tolist() == [3, 6, 9]


def test_predictions_of_an_own_net(capsys: Line) -> None:
    train("Plain")
    run(["predict", "--ckpt_path", "latest"])
    with (latest_run().folder / "probabilities.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 130
    train("Mappings")
    capsys.readouterr()
    run(["predict", "--ckpt_path", "latest"])
    assert [line for line in notes(capsys) if "no probabilities are written" in line]
    with pytest.raises(InputError, match="no class probabilities"):
        deepdigits.predict("latest")


def test_each_optimizer_has_a_curve_of_its_learning_rate() -> None:
    cli = train("Manual")
    events = EventAccumulator(str(cli.run_folder))
    events.Reload()
    assert {event.value for event in events.Scalars("lr")} == {0.5}
    assert {event.value for event in events.Scalars("lr/1")} == {0.25}
    assert "train/loss_step" not in events.Tags()["scalars"]
    cli = train("NoOptimizer")
    events = EventAccumulator(str(cli.run_folder))
    events.Reload()
    assert {"train/loss_step", "images_per_second"} <= set(events.Tags()["scalars"])
    assert "lr" not in events.Tags()["scalars"]


def test_pictures_of_an_earlier_evaluation_do_not_stay() -> None:
    cli = train("ManualClassifier")
    assert files(cli) >= PICTURES
    source = Path("mine.py").read_text()
    Path("mine.py").write_text(
        source.replace("class ManualClassifier(LitMLP)", "class Old(LitMLP)")
    )
    with Path("mine.py").open("a") as file:
        file.write("\n\nclass ManualClassifier(Silent):\n    def __init__(self, **kwargs):\n")
        file.write("        super().__init__(hidden_sizes=[8], **kwargs)\n")
    forget()
    run(["test", "--model", "mine.ManualClassifier", "--ckpt_path", str(cli.run_folder)])
    assert not files(cli) & PICTURES
    assert files(cli) >= REPORT


def test_settings_of_a_checkpoint_are_plain() -> None:
    cli = train("WithObjects", None, "--model.width", "5")
    saved = torch.load(cli.run_folder / "checkpoints" / "last.ckpt", weights_only=True)
    settings = saved["hyper_parameters"]
    assert (settings["width"], settings["lr"]) == (5, 0.1)
    assert all(isinstance(value, str | int | float) for value in settings.values())


def test_a_net_without_parameters_and_without_steps_of_its_own_is_one_line() -> None:
    line = refusal("train", "--model", "mine.NoParameters", *DIGITS, *SHORT)
    assert "NoParameters has no parameters to train" in line


@pytest.mark.parametrize("net", ["Colour", "ColourWithExample"])
def test_a_net_that_cannot_take_the_images_is_one_line(net: str) -> None:
    line = refusal("train", "--model", f"mine.{net}", *DIGITS, *SHORT)
    assert "Sequential cannot take the images (" in line
    assert "1, 28, 28) of DigitsDataModule" in line
    assert ("example_input_array (2, 3, 32, 32)" in line) == (net == "ColourWithExample")


def test_the_net_keeps_its_modes_when_it_is_checked() -> None:
    cli = run(["fit", *MLP, *DIGITS, *SHORT, "--trainer.fast_dev_run", "true"])
    frozen = cli.model.net[1] if isinstance(cli.model.net, torch.nn.Sequential) else cli.model.net
    part = next(part for part in frozen.modules() if isinstance(part, torch.nn.BatchNorm1d))
    cli.model.net.train()
    part.eval()
    cli.model.setup("test")
    assert cli.model.net.training and not part.training


# ---------------------------------------------------------------- monitors


def test_the_default_monitor_is_given_up_with_one_line(capsys: Line) -> None:
    cli = train("Plain")
    checkpoint = [line for line in notes(capsys) if "checkpoint.monitor" in line]
    assert len(checkpoint) == 1
    assert "Plain does not log checkpoint.monitor val/accuracy, but epochs_done," in checkpoint[0]
    assert ", val_loss: the last epoch counts as the best; pass --ch" in checkpoint[0]
    assert torch.load(cli.run_folder / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 1
    assert json.loads((cli.run_folder / "checkpoints.json").read_text())["best"]


def test_a_typed_monitor_that_is_not_logged_is_named_early_and_refused(capsys: Line) -> None:
    """Not by the sanity check, in which a net may leave out metrics."""
    for flag in ("--checkpoint.monitor=val/accuracy", "--early_stopping.monitor=val/accuracy"):
        line = refusal("train", "--model", "mine.Plain", *DIGITS, *SHORT, flag)
        assert line.endswith(", val_loss")
    config = "{checkpoint: {monitor: val_los}}"
    line = refusal("train", "--model", "mine.Plain", *DIGITS, *SHORT, "-c", config)
    assert "did you mean 'val_loss'?" in line
    assert sum("the sanity check did not log" in note for note in notes(capsys)) == 3


def test_a_monitor_of_an_own_net_chooses_its_best_checkpoint_and_stops_it() -> None:
    stop = ["--early_stopping.monitor", "val_loss", "--early_stopping.min_delta", "100"]
    stop += ["--early_stopping.patience", "1", "--trainer.max_epochs", "9"]
    cli = train("Plain", None, "--checkpoint.monitor", "val_loss", *stop)
    assert cli.trainer.current_epoch == 2
    record = json.loads((cli.run_folder / "checkpoints.json").read_text())
    assert record["monitor"] == "val_loss"
    assert record["score"] == pytest.approx(read_curves(cli.run_folder)["val_loss"].min())


def test_the_saved_config_of_an_own_net_runs_again() -> None:
    cli = train("Plain", "Shapes")
    again = run(["train", "-c", str(cli.run_folder / "config.yaml")])
    one, other = (read_curves(made.run_folder)["val_loss"] for made in (cli, again))
    np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------- data modules

# Data module -> whether it is tested.
DATA = {
    "Shapes": True,
    "NoValidation": True,
    "EmptyValidation": True,
    "NoTest": False,
    "TwoValidations": True,
    "Streams": True,
}


@pytest.mark.parametrize("net", ["LitMLP", "Plain"])
@pytest.mark.parametrize("data", DATA)
def test_a_data_module_is_trained_on_tested_and_resumed(net: str, data: str, capsys: Line) -> None:
    cli = train(net, data)
    is_tested = DATA[data]
    assert ("report.json" in files(cli)) == (is_tested and net == "LitMLP")
    assert not files(cli) & PICTURES
    assert cli.trainer.global_step == 6
    untested = [line for line in notes(capsys) if "nothing is tested" in line]
    assert untested == (
        [] if is_tested else ["note: nothing is tested: NoTest has no test_dataloader"]
    )
    if net == "LitMLP" and is_tested:
        report = json.loads((cli.run_folder / "report.json").read_text())
        assert (report["dataset"], report["split"], report["seed"]) == (data, "test", 0)
        assert list(report["class"]) == ["circle", "square", "star"]
        assert report["accuracy"] > 0.9
        assert latest_run().report.num_samples == 60
    again = run(["train", "--resume", str(cli.run_folder), "--trainer.max_epochs", "3"])
    assert again.trainer.global_step == 9


def test_metrics_of_several_loaders_are_those_of_all_images() -> None:
    cli = train("LitMLP", "TwoValidations")
    run(["validate", "--ckpt_path", "latest"])
    report = json.loads((cli.run_folder / "report-val.json").read_text())
    assert report["overall"]["num_samples"] == 120
    plain = train("Plain", "TwoValidations", "--checkpoint.monitor", "val_loss/dataloader_idx_1")
    curve = read_curves(plain.run_folder)["val_loss/dataloader_idx_1"]
    record = json.loads((plain.run_folder / "checkpoints.json").read_text())
    assert record["score"] == pytest.approx(curve.max())  # mode auto: the name ends in no loss


def test_workers_of_a_data_loader() -> None:
    cli = train("LitMLP", "Shapes", "--data.workers", "1", "--trainer.max_epochs", "1")
    assert json.loads((cli.run_folder / "report.json").read_text())["accuracy"] > 0.3


def test_settings_of_a_data_module_are_options() -> None:
    cli = train("LitMLP", "Shapes", "--data.size", "30")
    assert cli.datamodule.size == 30
    saved = yaml.safe_load((cli.run_folder / "config.yaml").read_text())["data"]
    assert saved["class_path"] == "mine.Shapes"
    assert saved["init_args"]["size"] == 30
    config = "{data: {class_path: mine.Shapes, init_args: {size: 40}}}"
    assert run(["fit", *MLP, *SHORT, "-c", config]).datamodule.size == 40


def test_the_seed_reaches_a_data_module_that_takes_it() -> None:
    cli = train("LitMLP", "Seeded", "--seed_everything", "7")
    assert cli.datamodule.seed == 7
    assert json.loads((cli.run_folder / "training.json").read_text())["seed"] == 7
    typed = train("LitMLP", "Seeded", "--seed_everything", "7", "--data.seed", "3")
    assert typed.datamodule.seed == 3
    assert run(["fit", "--resume", str(typed.run_folder)]).datamodule.seed == 3
    untaken = train("LitMLP", "Shapes", "--seed_everything", "5")
    assert json.loads((untaken.run_folder / "training.json").read_text())["seed"] == 5


def test_the_number_of_classes_follows_from_the_data_or_is_typed() -> None:
    assert train("LitMLP", "Shapes").model.num_classes == 3
    assert train("LitMLP", "Unnamed").model.num_classes == 10
    cli = train("LitMLP", "Unnamed", "--model.num_classes", "4")
    assert cli.model.num_classes == 4
    report = json.loads((cli.run_folder / "report.json").read_text())
    assert list(report["class"]) == ["0", "1", "2", "3"]
    assert run(["fit", "--resume", str(cli.run_folder)]).model.num_classes == 4
    line = refusal("train", *MLP, "--data", "mine.Shapes", "--model.num_classes", "5", *SHORT)
    assert "LitMLP has num_classes 5, but the dataset has 3 classes" in line


@pytest.mark.parametrize("net", ["Colour", "ColourWithExample"])
def test_images_of_another_shape_reach_a_net_that_takes_them(net: str) -> None:
    cli = train(net, "Pictures")
    assert json.loads((cli.run_folder / "report.json").read_text())["accuracy"] > 0.9


BATCHES = {
    "Pictures": "MLP cannot take the images (20, 3, 32, 32) of Pictures (images have shape",
    "Mapped": "the batches of Mapped are a dict, and LitMLP expects (images, labels)",
    "WrongLabels": "labels of WrongLabels are int64 (20,) from 1 to 3, expected int64 (B,) from 0",
}


@pytest.mark.parametrize("data", BATCHES)
def test_batches_that_the_net_cannot_take_are_one_line(data: str) -> None:
    assert BATCHES[data] in refusal("train", *MLP, "--data", f"mine.{data}", *SHORT)


def test_a_net_of_the_users_takes_other_batches() -> None:
    assert train("OfMappings", "Mapped").trainer.callback_metrics["test_loss"] > 0


def test_a_subclass_of_the_data_module_has_everything() -> None:
    cli = train("LitMLP", "Shifted", "--data.augment.degrees", "5")
    assert files(cli) >= REPORT | PICTURES
    again = run(["train", "--resume", str(cli.run_folder), "--trainer.max_epochs", "3"])
    assert again.datamodule.augment.degrees == 5
    assert run(["report", str(cli.run_folder), "--split", "val"]).num_samples == 60


def test_the_data_module_of_the_package_can_be_named() -> None:
    cli = run(["train", *MLP, "--data", "deepdigits.DigitsDataModule", *DIGITS, *SHORT])
    assert cli.datamodule.seed == 0
    assert run(["report", str(cli.run_folder), "--split", "train"]).num_samples == 240


def test_evaluations_of_an_own_data_module() -> None:
    train("LitMLP", "Shapes")
    assert run(["report", "latest", "--split", "val"]).num_samples == 60
    assert deepdigits.evaluate("latest").class_names == ("circle", "square", "star")
    assert "choose --split val" in refusal("report", "latest", "--split", "train")
    run(["predict", "--ckpt_path", "latest"])
    with (latest_run().folder / "probabilities.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "predicted", "circle", "square", "star"]
    assert len(rows) == 60
    with pytest.raises(InputError, match="images of Shapes are not known"):
        deepdigits.predict("latest")


WRONG = {
    "no such class": (["--data", "mine.Foo"], "mine.Foo"),
    "another kind": (["--data", "mine.Plain"], "subclass of LightningDataModule"),
    "a dataset": (["--data", "mnist"], "--data.dataset NAME"),
    "setting": (["--data", "mine.Shapes", "--data.batch_sise", "3"], "--data.batch_size"),
    "type": (["--data", "mine.Shapes", "--data.size", "many"], "size"),
    "net": (["--model", "mine.Shapes"], "subclass of LightningModule"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_class_or_setting_is_one_line(case: str) -> None:
    flags, named = WRONG[case]
    assert named in refusal("train", *MLP, *flags, *SHORT)


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (["--data.help", "mine.Shapes"], "--data.workers"),
        (["--data.help"], "--data.val_size"),
        (["--model.help", "mine.Plain"], "--model.width"),
    ],
)
def test_help_of_a_class(flags: list[str], shown: str, capsys: Line) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["train", *flags])
    assert ended.value.code == 0
    assert shown in capsys.readouterr().out


# ---------------------------------------------------------------- trust

OPENING = {
    "test": ["test", "--ckpt_path"],
    "validate": ["validate", "--ckpt_path"],
    "predict": ["predict", "--ckpt_path"],
    "report": ["report"],
    "train": ["train", "--resume"],
}


@pytest.mark.parametrize("opening", OPENING)
def test_a_strangers_run_that_names_a_data_module_imports_nothing(
    opening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(train("LitMLP", "Shapes").run_folder)
    forget()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = Path("mine.py").read_text()
    Path("mine.py").write_text(f"from pathlib import Path\nPath('canary').touch()\n{source}")
    line = refusal(*OPENING[opening], folder)
    assert "names the data module mine.Shapes" in line
    assert "DEEPDIGITS_TRUST=mine" in line
    assert not Path("canary").exists()
    if opening != "report":  # which has no such option
        run([*OPENING[opening], folder, "--data", "mine.Shapes"])
        assert Path("canary").exists()
    forget()
    monkeypatch.setenv("DEEPDIGITS_TRUST", "mine")
    run([*OPENING[opening], folder])


def test_a_net_that_is_typed_does_not_make_its_data_module_trusted() -> None:
    folder = str(train("Plain", "Shapes").run_folder)
    forget()
    assert "names the net mine.Plain" in refusal("test", "--ckpt_path", folder)
    # Its file is imported for the net: then it is a file of the user's program.
    Path("other.py").write_text(Path("mine.py").read_text())
    config = Path(folder, "config.yaml")
    config.write_text(config.read_text().replace("mine.Plain", "other.Plain"))
    line = refusal("test", "--ckpt_path", folder, "--model", "other.Plain")
    assert "names the data module mine.Shapes" in line
    assert "mine" not in sys.modules


@pytest.mark.parametrize(
    "class_path",
    [
        "lightning.pytorch.demos.boring_classes.BoringDataModule",
        "os.system",
        "deepdigits.training.cli.LightningDataModule",
        "mine.Plain",
    ],
)
def test_a_strangers_run_names_no_other_class_as_data(class_path: str) -> None:
    from lightning.pytorch.demos import boring_classes  # noqa: F401 (imported already)

    folder = train("LitMLP", "Shapes").run_folder
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["data"] = {"class_path": class_path}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert f"names the data module {class_path}" in refusal("test", "--ckpt_path", str(folder))


def test_a_path_of_a_data_module_is_typed_again() -> None:
    folder = str(train("LitMLP", "Shapes", "--data.root", "/elsewhere").run_folder)
    line = refusal("train", "--resume", folder)
    assert "data.root is '/elsewhere', expected a plain value" in line
    assert "--data.root" in line
    cli = run(["train", "--resume", folder, "--data.root", "/mine"])
    assert cli.datamodule.root == "/mine"


def test_another_data_module_takes_the_place_of_that_of_the_run() -> None:
    folder = str(train("LitMLP", "Shapes").run_folder)
    run(["test", "--ckpt_path", folder, "--data", "mine.Streams"])
    assert json.loads(Path(folder, "report.json").read_text())["dataset"] == "Streams"


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_gradients_of_any_kind_are_checked(bad: float) -> None:
    indices = torch.tensor([[0, 2]])
    values = torch.tensor([1.0, 2.0])
    sparse = torch.sparse_coo_tensor(indices, values, (3,), check_invariants=True)
    double, half = torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.bfloat16)
    assert not any_not_finite([torch.ones(3), sparse, double, half])
    assert not any_not_finite([])
    worse = torch.sparse_coo_tensor(indices, torch.tensor([1.0, bad]), (3,), check_invariants=True)
    assert any_not_finite([torch.ones(3), worse])
    assert any_not_finite([torch.ones(3), double * bad])
