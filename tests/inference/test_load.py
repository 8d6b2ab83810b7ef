"""Loading a trained net: bundled nets, runs, exported files, and damaged or hostile files."""

import json
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
from deepdigits.data import sources
from deepdigits.metrics.report import Report
from deepdigits.runs import checkpoint, predictions, weights
from deepdigits.runs.bundled import list_models, output_folder, publish
from deepdigits.runs.finished import CHECKPOINT_SUM, sha256
from deepdigits.runs.json_files import read_json
from deepdigits.runs.resolve import latest_run, resolve_run
from deepdigits.runs.run import PRETRAINED, Run

FORMAT_1 = b'format\\": 1'


def report_of(classes: int) -> dict[str, Any]:
    """Content of report.json of a net that is right on half of the digits."""
    half_right = np.eye(classes, dtype=int) + np.roll(np.eye(classes, dtype=int), 1, axis=1)
    report = Report(half_right, [str(number) for number in range(classes)])
    return report.to_dict() | {"dataset": "mnist", "split": "test"}


REPORT = report_of(10)


def make_run(folder: Path, net: LitMLP | LitCNN, class_path: str, dataset: str = "mnist") -> Path:
    """A run folder as a training leaves it, with the weights that the net has now."""
    (folder / "checkpoints").mkdir(parents=True)
    config = {"model": {"class_path": class_path}, "data": {"dataset": dataset}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    content = {"state_dict": net.state_dict(), "hyper_parameters": dict(net.hparams)}
    best = folder / "checkpoints" / "best.ckpt"
    checkpoint.save(content, best)
    checkpoint_facts = {"checkpoint": "checkpoints/best.ckpt", CHECKPOINT_SUM: sha256(best)}
    report = report_of(net.num_classes) | checkpoint_facts
    (folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", LitMLP(hidden_sizes=[16], norm=False), "deepdigits.LitMLP")


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_bundled_weights_give_the_bundled_report_and_predictions(name: str) -> None:
    folder = sources.default_data_dir()
    sources.prepare("mnist", folder)
    images, labels = sources.load("mnist", folder, train=False)
    net = load(name, bf16=False)  # as it was tested
    predicted = net(images).argmax(dim=1).numpy()
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels.numpy(), predicted), 1)
    assert confusion.tolist() == net.report["confusion_matrix"]
    assert net.report["accuracy"] == pytest.approx(confusion.trace() / 10_000)
    run = resolve_run(name)
    saved = predictions.read(run.folder, "test")
    assert saved is not None
    assert (saved.predicted == predicted).all() and (saved.labels == labels.numpy()).all()
    assert run.checkpoint.stat().st_size < 5_000_000
    default = load(name)(images).argmax(dim=1).numpy()  # in bfloat16 where the processor has it
    assert (default != predicted).sum() <= 5


def test_bundled_nets_are_run_folders_with_the_config_of_their_reference_runs() -> None:
    assert list_models() == ["cnn", "mlp"]
    reference = Path(__file__).parents[2] / "lightning_logs" / "reference"
    for name in list_models():
        run = resolve_run(name)
        assert (run.folder, run.name, run.is_bundled) == (PRETRAINED / name, name, True)
        machine = {"num_threads": None}  # each machine chooses its own
        expected = Run(reference / name / "seed_0").config
        assert {**run.config, **machine} == {**expected, **machine}
        assert output_folder(run) == sources.default_data_dir() / "pretrained" / name
        content = checkpoint.load(run.checkpoint)
        settings = run.config["model"]["init_args"]
        hparams = {**content["hyper_parameters"]}
        assert hparams.pop("num_classes") == 10
        assert all(settings.get(name) == value for name, value in hparams.items())


def test_a_run_of_that_name_comes_before_a_bundled_net(run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "mlp")
    assert resolve_run("mlp").folder == Path("mlp")
    assert len(load("mlp").net.state_dict()) == 4


@pytest.mark.parametrize(
    ("net", "class_path"),
    [
        (LitMLP(hidden_sizes=[16], num_classes=47), "deepdigits.LitMLP"),
        (LitCNN(channels=[4], kernel_sizes=[3], hidden_size=8), "deepdigits.LitCNN"),
    ],
)
def test_a_loaded_run_has_the_outputs_of_its_net(
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
    assert reader.report.items() >= report_of(net.num_classes).items()
    for same in (tmp_path / "run", Run(tmp_path / "run")):
        torch.testing.assert_close(load(same)(images), expected)


def test_load_from_checkpoint_of_lightning_works_too(tiny_digits: Path) -> None:
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
    folder = sources.default_data_dir()
    sources.prepare("mnist", folder)
    images, labels = sources.load("mnist", folder, train=False)
    net = load("cnn")
    few = images[:20]
    by_tensor = net.predict(few)
    assert by_tensor == net.predict(few.numpy()) == net.predict(few.float() / 255)
    assert by_tensor == [str(label) for label in labels[:20].tolist()]
    assert net.predict([Image.fromarray(digit) for digit in few.numpy()]) == by_tensor
    assert net.predict(Image.fromarray(few[0].numpy())) == by_tensor[:1]


def test_a_published_run_is_its_net(run: Path, tmp_path: Path) -> None:
    path = publish(str(run), "mine", tmp_path)
    assert path == tmp_path / "mine" / "model.safetensors"
    state, description = weights.read(path)
    saved = checkpoint.load(run / "checkpoints" / "best.ckpt")["state_dict"]
    assert {f"net.{name}" for name in state} == saved.keys()
    assert all(torch.equal(value, saved[f"net.{name}"]) for name, value in state.items())
    assert description["model"]["settings"]["hidden_sizes"] == [16]
    assert description["model"]["report"].items() >= REPORT.items()
    images = torch.rand(3, 28, 28)
    lone = path.rename(tmp_path / "lone.safetensors")  # described well enough without its folder
    torch.testing.assert_close(load(lone)(images), load(str(run))(images))
    assert load(lone).class_names == load(run).class_names


def edit(run: Path, part: str, value: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(config | {part: value}))


def test_no_class_named_in_a_file_is_imported(run: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    for class_path in ("evil.LitCNN", "os.system", "deepdigits.commands.LitCNN", "Net", 7):
        edit(run, "model", {"class_path": class_path})
        with pytest.raises(InputError, match=r"may only name trusted classes|expected a class"):
            load(str(run))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_sizes": [10**6]}, "is of another net"),  # would not fit any memory
        ({"hidden_sizes": [17]}, "is of another net"),
        ({"hidden_sizes": "abc"}, "cannot be built from its settings"),
        ({"hidden_sizes": [0]}, "cannot be built from its settings"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    run: Path, settings: dict[str, Any], message: str
) -> None:
    file = run / "checkpoints" / "best.ckpt"
    content = checkpoint.load(file)
    checkpoint.save(content | {"hyper_parameters": content["hyper_parameters"] | settings}, file)
    with pytest.raises(InputError, match=message):
        load(str(run))


def test_missing_and_damaged_files_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist.*bundled net: cnn or mlp"):
        load("nowhere")
    edit(run, "data", {"dataset": "letters"})
    with pytest.raises(InputError, match="the unknown dataset 'letters', expected one of mnist"):
        load(str(run))
    edit(run, "data", {"dataset": "mnist"})
    file = run / "checkpoints" / "best.ckpt"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(InputError, match="is damaged or not a checkpoint"):
        load(str(run))
    file.unlink()
    with pytest.raises(InputError, match="has no checkpoint"):
        load(str(run))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: data[:-500], "damaged"),
        (lambda data: b"hello" * 100, "damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum of its weights is wrong"),
        (
            lambda data: data.replace(b'"format\\": 1', b'"format\\": 9', 1),
            "install the later version",
        ),
        (lambda data: data.replace(b"deepdigits", b"somebody_s", 1), "not written by deepdigits"),
    ],
)
def test_damaged_weights_are_named(run: Path, tmp_path: Path, change: Any, message: str) -> None:
    path = publish(Run(run), "mine", tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        load(path)  # of the run folder
    lone = path.rename(tmp_path / "lone.safetensors")
    with pytest.raises(InputError, match=message):
        load(lone)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net": "os.system"}, "may only name trusted classes"),
        ({"net": "LitFoo"}, "may only name trusted classes"),
        ({"net": 7}, "net is 7"),
        ({"class_names": [1, 2]}, "a class name is not text"),
        ({"settings": {"hidden_sizes": [10**6]}}, "is of another net"),
        ({"report": {"accuracy": 2}}, "is damaged"),
        ({"report": REPORT | {"accuracy": 2}}, "inconsistent values"),
    ],
)
def test_a_description_is_checked(
    run: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    state, description = weights.read(publish(Run(run), "mine", tmp_path))
    model = description["model"] | change
    weights.write(tmp_path / "lone.safetensors", state, description | {"model": model})
    with pytest.raises(InputError, match=message):
        load(tmp_path / "lone.safetensors")


@pytest.mark.parametrize(
    "images", [torch.rand(27, 28), torch.full((28, 28), 2.0), torch.zeros(28, 28, dtype=torch.int)]
)
def test_arrays_of_another_shape_or_range_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"images (are|have)"):
        load("mlp")(images)


def test_a_bundled_net_is_evaluated_without_writing_into_the_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {path: path.stat().st_mtime_ns for path in PRETRAINED.rglob("*")}
    tested = run_command(["test", "--ckpt_path", "mlp", "--trainer.accelerator", "cpu"])
    report = tested.report_writer.report
    assert report is not None
    assert np.asarray(report.confusion).tolist() == load("mlp").report["confusion_matrix"]
    assert read_json(resolve_run("mlp").folder / "training.json") is not None
    assert {path: path.stat().st_mtime_ns for path in PRETRAINED.rglob("*")} == before
    written = read_json(output_folder(resolve_run("mlp")) / "report.json")
    assert written is not None and written["checkpoint"] == "model.safetensors"


def test_a_bundled_net_cannot_be_resumed() -> None:
    before = {path: path.stat().st_mtime_ns for path in PRETRAINED.rglob("*")}
    with pytest.raises(InputError, match=r"holds weights only.*deepdigits train -c .*config\.yaml"):
        run_command(["fit", "--resume", "cnn"])
    assert {path: path.stat().st_mtime_ns for path in PRETRAINED.rglob("*")} == before
