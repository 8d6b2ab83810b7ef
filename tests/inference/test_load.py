"""A trained net by name: list_models ones, runs, and files that are not to be trusted."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from deepdigits import LitCNN, LitMLP, load
from deepdigits.__main__ import run as run_command
from deepdigits.core.errors import InputError
from deepdigits.data import sources as datasets
from deepdigits.inference.publish import publish
from deepdigits.metrics.report import Report
from deepdigits.runs import bundled as pretrained
from deepdigits.runs import checkpoint
from deepdigits.runs.json_files import read_json
from deepdigits.runs.resolve import latest_run, resolve_run

HALF_RIGHT = np.eye(10, dtype=int) + np.roll(np.eye(10, dtype=int), 1, axis=1)
REPORT = Report(HALF_RIGHT, "0123456789").to_dict() | {"dataset": "mnist", "split": "test"}


def make_run(folder: Path, net: LitMLP | LitCNN, class_path: str, dataset: str = "mnist") -> Path:
    """A run folder as a training leaves it, with the weights that the net has now."""
    (folder / "checkpoints").mkdir(parents=True)
    config = {"model": {"class_path": class_path}, "data": {"dataset": dataset}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "report.json").write_text(json.dumps(REPORT))
    content = {"state_dict": net.state_dict(), "hyper_parameters": dict(net.hparams)}
    checkpoint.save(content, folder / "checkpoints" / "best.ckpt")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", LitMLP(hidden_sizes=[16], norm=False), "deepdigits.LitMLP")


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_shipped_weights_give_the_shipped_report(name: str) -> None:
    folder = datasets.default_data_dir()
    datasets.prepare("mnist", folder)
    images, labels = datasets.load("mnist", folder, train=False)
    net = load(name)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels.numpy(), net(images).argmax(dim=1).numpy()), 1)
    assert confusion.tolist() == net.report["confusion_matrix"]
    assert net.report["accuracy"] == pytest.approx(confusion.trace() / 10_000)
    assert pretrained.path(name).stat().st_size < 5_000_000


@pytest.mark.parametrize(
    ("net", "class_path"),
    [
        (LitMLP(hidden_sizes=[16], num_classes=47), "deepdigits.LitMLP"),
        (
            LitCNN(channels=[4], kernel_sizes=[3], hidden_size=8),
            "deepdigits.training.classifier.LitCNN",
        ),
    ],
)
def test_a_run_gives_what_its_net_gives(
    tmp_path: Path, net: LitMLP | LitCNN, class_path: str
) -> None:
    dataset = "emnist_balanced" if net.num_classes == 47 else "mnist"
    reader = load(str(make_run(tmp_path / "run", net, class_path, dataset)))
    images = torch.rand(7, 1, 28, 28)
    with torch.no_grad():
        expected = net.eval()(images).softmax(dim=1)
    torch.testing.assert_close(reader(images), expected)
    torch.testing.assert_close(reader(images[:, 0].numpy()), expected)
    assert len(reader.class_names) == net.num_classes
    assert reader.report == REPORT


def test_lightnings_own_way_stays_open(tiny_digits: Path) -> None:
    small = ["--model.channels", "[4]", "--model.kernel_sizes", "[3]", "--model.hidden_size", "8"]
    few = ["--data.val_size", "40", "--data.batch_size", "10", "--trainer.max_epochs", "1"]
    run_command(["fit", "--model", "LitCNN", *small, *few])
    run = latest_run()
    again = LitCNN.load_from_checkpoint(run.checkpoint)
    assert again.hparams["channels"] == [4]
    images = torch.rand(5, 1, 28, 28)
    with torch.no_grad():
        expected = again.eval()(images).softmax(dim=1)
    torch.testing.assert_close(load("latest")(images), expected)
    torch.testing.assert_close(load(str(run.checkpoint))(images), expected)


def test_tensors_arrays_and_images_of_the_same_digit_agree() -> None:
    folder = datasets.default_data_dir()
    datasets.prepare("mnist", folder)
    images, labels = datasets.load("mnist", folder, train=False)
    net = load("cnn")
    few = images[:20]
    by_tensor = net.predict(few)
    assert by_tensor == net.predict(few.numpy()) == net.predict(few.float() / 255)
    assert by_tensor == [str(label) for label in labels[:20].tolist()]
    assert net.predict([Image.fromarray(digit) for digit in few.numpy()]) == by_tensor
    assert net.predict(Image.fromarray(few[0].numpy())) == by_tensor[:1]


def test_a_shipped_copy_of_a_run_is_its_net(run: Path, tmp_path: Path) -> None:
    publish(str(run), "mine", tmp_path)
    weights, facts = pretrained.read("mine", tmp_path)
    saved = checkpoint.load(run / "checkpoints" / "best.ckpt")["state_dict"]
    assert {f"net.{name}" for name in weights} == saved.keys()
    assert all(torch.equal(value, saved[f"net.{name}"]) for name, value in weights.items())
    assert facts["settings"]["hidden_sizes"] == [16] and facts["report"] == REPORT


def edit(run: Path, part: str, value: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(config | {part: value}))


def test_no_class_that_a_file_names_is_imported(run: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    for class_path in ("evil.LitCNN", "os.system", "LitCNN", 7):
        edit(run, "model", {"class_path": class_path})
        with pytest.raises(InputError, match="only LitCNN and LitMLP are loaded by name"):
            load(str(run))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_sizes": [10**13]}, "is of another net"),  # would not fit any memory
        ({"hidden_sizes": [17]}, "is of another net"),
        ({"hidden_sizes": "abc"}, "make no net"),
        ({"hidden_sizes": [0]}, "make no net"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    run: Path, settings: dict[str, Any], message: str
) -> None:
    file = run / "checkpoints" / "best.ckpt"
    content = checkpoint.load(file)
    checkpoint.save(content | {"hyper_parameters": content["hyper_parameters"] | settings}, file)
    with pytest.raises(InputError, match=message):
        load(str(run))


def test_what_is_missing_or_damaged_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist.*bundled net: cnn or mlp"):
        load("nowhere")
    edit(run, "data", {"dataset": "letters"})
    with pytest.raises(InputError, match="the dataset 'letters', which is not known"):
        load(str(run))
    edit(run, "data", {"dataset": "mnist"})
    file = run / "checkpoints" / "best.ckpt"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(InputError, match="is damaged or no checkpoint"):
        load(str(run))
    file.unlink()
    with pytest.raises(InputError, match="has no checkpoint"):
        load(str(run))
    shutil.copy(pretrained.path("mlp"), tmp_path / "mlp.safetensors")
    with pytest.raises(InputError, match="net mlp cannot be read"):
        pretrained.read("mlp", tmp_path)


@pytest.mark.parametrize(
    "images", [torch.rand(27, 28), torch.full((28, 28), 2.0), torch.zeros(28, 28, dtype=torch.int)]
)
def test_arrays_that_are_no_digits_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"images (are|have)"):
        load("mlp")(images)


def test_a_shipped_name_is_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    tested = run_command(["test", "--ckpt_path", "mlp", "--trainer.accelerator", "cpu"])
    report = tested.report_writer.report
    assert report is not None
    assert np.asarray(report.confusion).tolist() == load("mlp").report["confusion_matrix"]
    assert read_json(resolve_run("mlp").folder / "training.json") is not None
