"""Runs whose data module is a class: each command takes them, or says in one line why not."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import deepdigits
from deepdigits.__main__ import run
from deepdigits.benchmarks.loop import bench_loop
from deepdigits.comparison.settings import settings
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled import publish
from deepdigits.runs.resolve import resolve_run

pytestmark = [
    pytest.mark.usefixtures("tiny_digits", "blank_figures"),
    pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero"),
]
SHORT = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1", "--logger.name", "r"]
SIZES = ["--data.batch_size", "80", "--data.val_size", "60", "--data.eval_batch_size", "50"]
RUN = "lightning_logs/r/version_0"
TWO = [RUN, f"{RUN}/checkpoints/last.ckpt"]
DIGITS = tuple("0123456789")
# Data module -> names of its classes, and whether its images and labels are known.
DATA: dict[str, tuple[tuple[str, ...], bool]] = {
    "deepdigits.DigitsDataModule": (DIGITS, True),
    "mine.Shifted": (DIGITS, True),
    "mine.Parity": (("even", "odd"), False),
    "mine.Shapes": (("circle", "square", "star"), False),
}
NETS = {
    "LitMLP": ["--model.hidden_sizes", "[8]"],
    "LitCNN": ["--model.channels=[2]", "--model.kernel_sizes=[3]", "--model.hidden_size=8"],
    "mine.Small": [],
}


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's file in the working directory, trusted."""
    shutil.copy(Path(__file__).with_name("own_code.py"), tmp_path / "mine.py")
    monkeypatch.setenv("DEEPDIGITS_TRUST", "mine")


def train(net: str, data: str, *more: str) -> Any:
    sizes = SIZES if data in DATA and data != "mine.Shapes" else []
    args = ["--model", net, *NETS.get(net, []), "--data", data, *sizes, *SHORT, *more]
    made = run(["train", *args])
    sys.modules.pop("mine", None)  # as in a new process
    return made


def refusal(*args: str) -> str:
    with pytest.raises(InputError) as caught:
        run(list(args))
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "net"),
    [
        *((data, net) for data in DATA for net in ("LitMLP", "mine.Small")),
        ("mine.Shapes", "LitCNN"),
    ],
)
def test_each_command_opens_the_run(
    data: str, net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, is_known = DATA[data]
    cli = train(net, data)
    images = torch.rand(5, 28, 28)
    with torch.no_grad():
        expected = cli.model.cpu().eval()(images[:, None]).softmax(dim=1)
    reader = deepdigits.load(RUN)
    assert reader.class_names == names
    torch.testing.assert_close(reader(images), expected)
    module = resolve_run(RUN).model()
    torch.testing.assert_close(module(images[:, None]).softmax(dim=1).detach(), expected)
    blank = np.zeros((40, 40), np.uint8)
    assert deepdigits.classify(blank, RUN)[0].class_names == names
    (file, card) = deepdigits.export(RUN, "safetensors").files
    torch.testing.assert_close(deepdigits.load(file)(images), expected)
    assert ("accuracy is not measured" in card.read_text()) != is_known
    assert ("handwritten" in card.read_text()) == (data != "mine.Shapes")
    published = publish(RUN, "published", tmp_path).parent
    assert deepdigits.load(published).class_names == names
    if is_known:
        assert run(["ensemble", RUN, str(published), "--split", "val"]).num_samples == 60
        assert deepdigits.predict(RUN, "train").labels.shape == (240,)
        assert run(["report", RUN, "--split", "train"]).num_samples == 240
    server = pytest.importorskip("deepdigits.demo.server")
    monkeypatch.setattr(server, "launch", lambda app, *settings: app)
    assert run(["demo", RUN]) is None
    again = run(["train", "--resume", RUN, "--trainer.max_epochs", "2"])
    assert again.trainer.current_epoch == 2


@pytest.mark.parametrize("data", ["mine.Shifted", "mine.Parity", "mine.Shapes"])
def test_a_bundled_net_is_loaded_without_importing_its_data_module(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("LitMLP", data)
    monkeypatch.delenv("DEEPDIGITS_TRUST")
    Path("mine.py").write_text("raise SystemExit")
    reader = deepdigits.load(RUN)
    assert reader.class_names == DATA[data][0]  # of its report
    assert deepdigits.export(RUN, "safetensors").files
    assert "names the data module" in refusal("report", RUN, "--split", "train")
    Path(RUN, "report.json").unlink()
    numbers = DIGITS[: len(DATA[data][0])]
    assert deepdigits.load(RUN).class_names == numbers
    assert "mine" not in sys.modules


def test_onnx_of_a_net_for_other_data() -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'deepdigits[export]'")
    train("mine.Small", "mine.Shapes")
    (checks,) = deepdigits.export(RUN, "onnx").checks.values()
    assert checks[0].startswith("all 130 predictions equal the net's")


@pytest.mark.filterwarnings("ignore:You (defined|passed in) a `val:UserWarning")
@pytest.mark.parametrize("data", ["deepdigits.DigitsDataModule", "mine.Shapes"])
def test_a_module_without_logits_of_images_is_refused_in_one_line(data: str) -> None:
    train("mine.Plain", data)
    assert "does not map images" in refusal("export", RUN, "--to", "safetensors")
    with pytest.raises(InputError, match=r"does not map images .* to logits .*forward"):
        deepdigits.load(RUN)
    assert type(resolve_run(RUN).model()).__name__ == "Plain"


def test_images_of_another_shape_are_refused_in_one_line() -> None:
    run(["train", "--model", "mine.Colour", "--data", "mine.Pictures", *SHORT])
    with pytest.raises(InputError, match=r"does not map images \(B, 1, 28, 28\)"):
        deepdigits.load(RUN)


@pytest.mark.parametrize("data", ["deepdigits.DigitsDataModule", "mine.Shifted"])
def test_a_prediction_is_of_its_split(data: str) -> None:
    train("LitMLP", data)
    validation, test = (deepdigits.predict(RUN, split) for split in ("val", "test"))
    assert (validation.split, len(validation.labels)) == ("val", 60)
    assert (test.split, len(test.labels)) == ("test", 130)
    assert run(["ensemble", *TWO, "--split", "val"]).num_samples == 60


def test_a_subclass_without_test_split_is_predicted_on_its_test_images_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train("LitMLP", "mine.Fixed")
    assert "--split train" not in capsys.readouterr().out
    assert len(deepdigits.predict(RUN).labels) == 130
    with pytest.raises(InputError, match="Fixed has no argument test_split"):
        deepdigits.predict(RUN, "val")
    assert run(["report", RUN, "--split", "val"]).num_samples == 60
    assert "Fixed has no test_split" in refusal("report", RUN, "--split", "train")


def test_a_setting_test_split_of_another_data_module_is_its_own() -> None:
    with Path("mine.py").open("a") as file:
        file.write("\n\nclass Splits(Shapes):\n    def __init__(self, test_split: str = 'a'):\n")
        file.write("        super().__init__()\n        assert test_split == 'a'\n")
    train("LitMLP", "mine.Splits")
    assert run(["report", RUN, "--split", "val"]).num_samples == 60
    assert "choose --split val" in refusal("report", RUN, "--split", "train")


def test_labels_that_a_subclass_changes_are_not_taken_from_its_dataset() -> None:
    cli = train("LitMLP", "mine.Parity")
    found = {path.name for path in cli.run_folder.iterdir()}
    assert "report.json" in found and not found & {"predictions.npz", "mistakes.png"}
    run(["predict", "--ckpt_path", RUN])
    header = Path(RUN, "probabilities.csv").read_text().partition("\n")[0]
    assert header.split(",")[-2:] == ["even", "odd"] and "label" not in header
    assert "Parity has other labels than its dataset" in refusal("ensemble", *TWO)


@pytest.mark.parametrize("data", ["deepdigits.DigitsDataModule", "mine.Shifted"])
def test_without_validation_images_the_last_epoch_counts_as_the_best(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = train("LitMLP", data, "--data.val_size", "0")
    assert cli.config.trainer.limit_val_batches == 0
    assert cli.config.checkpoint.monitor is None
    assert "checkpoint.monitor" not in capsys.readouterr().err


@pytest.mark.parametrize("data", ["deepdigits.DigitsDataModule", "mine.Shifted"])
def test_a_saved_config_takes_another_seed(data: str) -> None:
    train("LitMLP", data)
    again = ["train", "-c", f"{RUN}/config.yaml"]
    assert run([*again, "--seed_everything", "3"]).datamodule.seed == 3
    assert run([*again, "--seed_everything", "3", "--data.seed", "5"]).datamodule.seed == 5


def test_runs_of_one_config_are_one_config_in_both_forms_and_with_any_seed() -> None:
    plain = {"data": {"val_size": 60, "seed": 1}}
    named = {"class_path": "deepdigits.DigitsDataModule", "init_args": {"val_size": 60, "seed": 2}}
    assert settings(plain) == settings({"data": named})
    several = [{"class_path": "mine.Shapes", "init_args": {"seed": seed}} for seed in (1, 2)]
    assert settings({"data": several[0]}) == settings({"data": several[1]})


def test_a_dataset_that_is_not_there_is_one_line() -> None:
    train("LitMLP", "deepdigits.DigitsDataModule")
    config = yaml.safe_load(Path(RUN, "config.yaml").read_text())
    config["data"]["init_args"]["dataset"] = "letters"
    Path(RUN, "config.yaml").write_text(json.dumps(config))
    with pytest.raises(InputError, match="names the unknown dataset 'letters', expected one of"):
        deepdigits.load(RUN)


def test_a_number_of_classes_in_a_checkpoint_names_no_class() -> None:
    with Path("mine.py").open("a") as file:
        file.write("\n\nclass Untyped(Small):\n    def __init__(self, num_classes=10):\n")
        file.write("        super().__init__(num_classes=num_classes)\n")
        file.write("\n\nclass Canary:\n    def __init__(self):\n")
        file.write("        Path('canary').touch()\n")
    train("mine.Untyped", "mine.Shapes")
    for path in Path(RUN, "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        content["hyper_parameters"]["num_classes"] = {"class_path": "mine.Canary"}
        torch.save(content, path)
    for open_run in (deepdigits.load, lambda name: resolve_run(name).model()):
        open_run(RUN)
        assert not Path("canary").exists()


def test_a_benchmark_of_other_data_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    train("LitMLP", "mine.Shapes")
    monkeypatch.syspath_prepend(Path.cwd())
    with pytest.raises(InputError, match="Shapes is not a DigitsDataModule"):
        bench_loop(f"{RUN}/config.yaml", 1, 1)
