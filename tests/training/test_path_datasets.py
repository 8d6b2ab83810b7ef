"""Runs on a dataset by its path: the same weights, class names in all files, resume and report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from run_files import error_line, weights

import deepdigits
from deepdigits.__main__ import run
from deepdigits.runs.model import read_model
from deepdigits.runs.resolve import resolve_run

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits", "own_data_folder")

Write = Callable[[str, Path, dict[str, Any]], Path]
SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "2"]
RUN = Path("lightning_logs/mlp/version_0")
NAMES = tuple("abcdefghij")


@pytest.fixture
def own_data_folder(tiny_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of this test, with the tiny MNIST."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "MNIST").symlink_to(tiny_digits / "MNIST")
    monkeypatch.setenv("DEEPDIGITS_DATA", str(folder))
    return folder


@pytest.fixture
def letters(tiny_arrays: dict[str, Any]) -> Path:
    """A folder of class folders, a to j, without a test split."""
    images, labels = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = Path("letters", NAMES[label], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return Path("letters")


def test_each_form_gives_the_weights_of_the_catalogue(
    form: str, write_dataset: Write, tiny_arrays: dict[str, Any]
) -> None:
    run(["train", *TRAIN, "--logger.name", "by_name"])
    path = write_dataset(form, Path("mine"), tiny_arrays)
    run(["train", *TRAIN, "--logger.name", "by_path", "--data.dataset", str(path)])
    by_name, by_path = (weights(Path("lightning_logs", n, "version_0")) for n in _BOTH)
    assert by_name.keys() == by_path.keys()
    for name, tensor in by_name.items():
        assert tensor.numpy().tobytes() == by_path[name].numpy().tobytes()
    reports = [deepdigits.Run(Path("lightning_logs", n, "version_0")).report for n in _BOTH]
    assert reports[0].to_dict() == reports[1].to_dict()


_BOTH = ("by_name", "by_path")


def test_class_names_are_in_all_files(letters: Path) -> None:
    run(["train", *TRAIN, "--data.dataset", "letters"])
    report = json.loads((RUN / "report.json").read_text())
    assert tuple(report["class"]) == NAMES
    assert report["dataset"].startswith("letters@")
    record = json.loads((RUN / "dataset.json").read_text())
    assert record["path"] == str(letters.absolute())
    assert yaml.safe_load((RUN / "config.yaml").read_text())["data"]["dataset"] == record["path"]
    assert read_model(resolve_run(str(RUN)))[1].class_names == NAMES
    run(["predict", "--ckpt_path", str(RUN)])
    head = (RUN / "probabilities.csv").read_text().partition("\n")[0]
    assert head == "index,label,predicted," + ",".join(NAMES)
    prediction = deepdigits.predict(RUN)
    assert prediction.class_names == NAMES
    assert prediction.probabilities.shape == (50, 10)


def test_a_run_is_described_without_its_dataset(letters: Path, own_data_folder: Path) -> None:
    run(["train", *TRAIN, "--data.dataset", "letters"])
    letters.rename("gone")
    for file in (own_data_folder / "paths").iterdir():
        file.unlink()
    assert deepdigits.load(str(RUN)).class_names == NAMES
    assert tuple(resolve_run(str(RUN)).report.class_names) == NAMES
    run(["compare", str(RUN)])
    assert "--data.dataset PATH" in error_line(["report", str(RUN)])
    assert "--data.dataset PATH" in error_line(["train", "--resume", str(RUN)])
    run(["test", "--ckpt_path", str(RUN), "--data.dataset", "gone"])


def test_report_and_resume_use_the_prepared_copy(letters: Path) -> None:
    run(["train", *TRAIN, *_on("letters")])
    before = (RUN / "report.json").read_text()
    Image.new("L", (28, 28)).save("letters/a/new.png")  # as if the folder were used elsewhere
    run(["report", str(RUN)])
    assert _figures(before) == _figures((RUN / "report.json").read_text())
    letters.rename("gone")
    config = (RUN / "config.yaml").read_text()
    run(["train", "--resume", str(RUN), "--trainer.max_epochs", "2"])
    after = yaml.safe_load((RUN / "config.yaml").read_text())
    assert after["data"] == yaml.safe_load(config)["data"]
    assert "dataset_sha256" not in after["data"]


def _on(dataset: str) -> list[str]:
    return ["--data.dataset", dataset]


def _figures(report: str) -> Any:
    content = json.loads(report)
    return {key: content[key] for key in ("dataset", "confusion_matrix", "loss", "class")}


def test_a_copy_in_another_data_folder(letters: Path) -> None:
    run(["train", *TRAIN, *_on("letters"), "--data.data_dir", "elsewhere"])
    test = ["test", "--ckpt_path", str(RUN)]
    assert "--data.data_dir" in error_line(test)
    run([*test, "--data.data_dir", "elsewhere"])


def test_a_subclass_takes_a_path_too(letters: Path) -> None:
    Path("mine.py").write_text(
        "from deepdigits import DigitsDataModule\n\n\nclass Mine(DigitsDataModule):\n    pass\n"
    )
    net = ["--model", "LitMLP", "--logger.name", "mlp", *TRAIN[-4:]]
    run(["train", *net, "--data", "mine.Mine", *SMALL, *_on("letters")])
    assert json.loads((RUN / "dataset.json").read_text())["class_names"] == list(NAMES)
    letters.rename("gone")
    cli = run(["test", "--ckpt_path", str(RUN)])
    assert cli.datamodule.dataset_name.startswith("letters@")
    assert type(cli.datamodule).__name__ == "Mine"


def test_a_typed_dataset_replaces_that_of_the_run(letters: Path) -> None:
    run(["train", *TRAIN, *_on("letters")])
    cli = run(["test", "--ckpt_path", str(RUN), "--data.dataset", "mnist"])
    assert cli.datamodule.dataset_name == "mnist"
    run(["train", "--resume", str(RUN), "--trainer.max_epochs", "2", *_on("mnist")])
    assert not (RUN / "dataset.json").exists()
    run(["report", str(RUN)])


def test_a_small_folder_needs_no_val_size(letters: Path) -> None:
    cli = run(["train", "-c", "mlp", *TRAIN[-4:], *_on("letters"), *_QUICK])
    assert [cli.datamodule.num_images(s) for s in ("train", "val", "test")] == [209, 41, 50]


_QUICK = ["--data.batch_size", "64", "--model.hidden_sizes", "[8]"]


# ---------------------------------------------------------------- a stranger's run


@pytest.fixture
def strange(letters: Path, own_data_folder: Path) -> Path:
    """A run of someone else, whose data folder was another one."""
    run(["train", *TRAIN, *_on("letters")])
    for file in (own_data_folder / "paths").iterdir():
        file.unlink()
    return RUN


ENTRIES = {
    "report": ["report", str(RUN)],
    "test": ["test", "--ckpt_path", str(RUN)],
    "predict": ["predict", "--ckpt_path", str(RUN)],
    "resume": ["train", "--resume", str(RUN), "--trainer.max_epochs", "2"],
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("record", [True, False])
def test_a_path_in_a_strangers_run_is_not_read(
    entry: str, record: bool, strange: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is there, with the content of the run, and is not even looked at."""
    if not record:
        (RUN / "dataset.json").unlink()
    monkeypatch.setattr("deepdigits.data.paths.dataset.open_path", None)
    line = error_line(ENTRIES[entry])
    assert "--data.dataset" in line
    assert ("letters" if record else "config.yaml") in line


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "../../letters"},
        {"sha256": 7},
        {"class_names": "ab"},
        {"class_names": ["a", 7]},
        {"class_names": ["a"]},
        {"class_names": ["a"] * 2},
        {"class_names": ["a" * 101, "b"]},
    ],
)
def test_a_damaged_record_is_one_line(change: dict[str, Any], strange: Path) -> None:
    path = RUN / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for args in (ENTRIES["report"], ["classify", "--model", str(RUN), "x.png"]):
        Image.new("L", (28, 28)).save("x.png")
        assert "dataset.json" in error_line(args)


def test_a_record_does_not_rename_the_classes_of_the_catalogue() -> None:
    run(["train", *TRAIN])
    record = {"path": "mnist", "sha256": "0" * 64, "class_names": list(NAMES)}
    (RUN / "dataset.json").write_text(json.dumps(record))
    assert read_model(resolve_run(str(RUN)))[1].class_names == tuple("0123456789")
    run(["report", str(RUN)])


def test_a_copy_is_named_by_its_whole_sum(letters: Path) -> None:
    line = error_line(["fit", *TRAIN, *_on("letters"), "--data.dataset_sha256", "../x"])
    assert "expected 64 hexadecimal digits" in line


def test_an_export_of_a_run_on_a_path_is_verified(letters: Path) -> None:
    run(["train", *TRAIN, *_on("letters")])
    run(["export", str(RUN), "--to", "safetensors"])
    reader = deepdigits.load(str(RUN / "export" / "mlp.safetensors"))
    assert reader.class_names == NAMES
    assert str(letters.absolute()) not in (RUN / "export" / "mlp.safetensors.md").read_text()


def test_export_is_verified_with_the_own_test_images(letters: Path, own_data_folder: Path) -> None:
    run(["train", *TRAIN, "--data.dataset", "letters"])
    accuracy = deepdigits.Run(RUN).report.accuracy
    (check,) = deepdigits.export(RUN, "safetensors").checks["mlp.safetensors"]
    assert check.startswith("all 50 predictions equal the net's")
    assert check.endswith(f"accuracy {100 * accuracy:.2f} %")
    for copy in (own_data_folder / "paths").glob("*.npz"):
        copy.unlink()
    (check,) = deepdigits.export(RUN, "safetensors").checks["mlp.safetensors"]
    assert check.startswith("all 130 predictions equal the net's")  # those of the tiny MNIST
    assert "accuracy is not measured" in check
