"""Trainings with ``--data.exclude`` and ``--data.relabel``: files of the run, resume, trust."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from run_files import error_line, weights

import deepdigits
from deepdigits.__main__ import run
from deepdigits.commands import repeat
from deepdigits.core.errors import InputError
from deepdigits.training.classifier import LitClassifier

pytestmark = pytest.mark.usefixtures("blank_figures", "tiny_digits")

SMALL = ["--data.batch_size", "32", "--data.val_size", "60", "--model.hidden_sizes", "[8]"]
TRAIN = ["-c", "mlp", *SMALL, "--trainer.max_epochs", "2", "--trainer.log_every_n_steps", "2"]
EDITS = ["--data.exclude", "gone.csv", "--data.relabel", "new.csv"]
RUN = Path("lightning_logs/mlp/version_0")


@pytest.fixture(autouse=True)
def files() -> None:
    """gone.csv leaves out 20 images, new.csv gives two of them another label."""
    Path("gone.csv").write_text("index\n" + "".join(f"{index}\n" for index in range(20)))
    Path("new.csv").write_text("index,label,suggested\n100,0,3\n101,0,4\n")


def remove_files() -> None:
    Path("gone.csv").unlink()
    Path("new.csv").write_text("another file of the user\n")


def config() -> Any:
    return yaml.safe_load((RUN / "config.yaml").read_text())["data"]


def report(name: str = "report.json") -> Any:
    return json.loads((RUN / name).read_text())


def test_the_weights_are_those_of_a_dataset_with_these_labels(tiny_arrays: dict[str, Any]) -> None:
    """A .npz file that was edited by hand is the judge."""
    parts = ("images-idx3-ubyte", "labels-idx1-ubyte")
    arrays = [tiny_arrays[f"{split}-{part}"] for split in ("train", "t10k") for part in parts]
    names = ("x_train", "y_train", "x_test", "y_test")
    content = dict(zip(names, arrays, strict=True))
    content["y_train"] = content["y_train"].copy()
    content["y_train"][[100, 101]] = (3, 4)
    content |= {name: content[name][20:] for name in names[:2]}
    np.savez("edited.npz", **content)
    run(["train", *TRAIN, *EDITS])
    by_hand = ["--data.dataset", "./edited.npz", "--data.data_dir", "data"]
    run(["train", *TRAIN, *by_hand, "--logger.name", "judge"])
    ours, theirs = weights(RUN), weights(Path("lightning_logs/judge/version_0"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    judge = deepdigits.Run(Path("lightning_logs/judge/version_0")).report
    assert deepdigits.Run(RUN).report.to_dict() == judge.to_dict()


def test_the_run_says_what_was_edited() -> None:
    run(["train", *TRAIN, *EDITS])
    edits = report()["label_edits"]
    assert (edits["excluded"], edits["relabelled"]) == (20, 2)
    assert report()["dataset"] == "mnist"
    assert config()["exclude"] == str(Path("gone.csv").absolute())
    assert config()["edits_sha256"] == edits["sha256"]
    run(["report", str(RUN), "--split", "val"])
    assert report("report-val.json")["dataset"] == "mnist (20 excluded, 2 relabelled)"
    run(["train", *TRAIN, "--logger.name", "plain"])
    assert "label_edits" not in json.loads(
        Path("lightning_logs/plain/version_0/report.json").read_text()
    )
    comparison = deepdigits.compare(["lightning_logs/mlp", "lightning_logs/plain"])
    assert "mlp was trained with label edits: 20 excluded, 2 relabelled" in comparison.notes
    assert "data.edits_sha256" in comparison.differences()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_report_does_not_need_the_files(split: str) -> None:
    run(["train", *TRAIN, *EDITS])
    before = deepdigits.evaluate(RUN, split=split)  # type: ignore[arg-type]
    remove_files()
    after = deepdigits.evaluate(RUN, split=split)  # type: ignore[arg-type]
    assert after.to_dict() == before.to_dict()


def test_a_resume_without_the_files_ends_as_an_unbroken_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(["train", *TRAIN, *EDITS, "--logger.name", "whole"])

    def stop(self: LitClassifier) -> None:
        if self.current_epoch == 1:
            raise KeyError("stopped")

    with monkeypatch.context() as patched, pytest.raises(KeyError, match="stopped"):
        patched.setattr(LitClassifier, "on_train_epoch_start", stop)
        run(["train", *TRAIN, *EDITS])
    before = config()
    remove_files()
    run(["train", "--resume", str(RUN)])
    ours, theirs = weights(RUN), weights(Path("lightning_logs/whole/version_0"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert config() == before


def test_typed_files_replace_those_of_the_run() -> None:
    run(["train", *TRAIN, *EDITS])
    Path("fewer.csv").write_text("index\n1\n2\n")
    cli = run(["test", "--ckpt_path", str(RUN), "--data.exclude", "fewer.csv"])
    assert cli.datamodule.num_images("train") == 300 - 60 - 2
    none = ["--data.exclude", "null", "--data.relabel", "null"]
    cli = run(["test", "--ckpt_path", str(RUN), *none])
    assert cli.datamodule.num_images("train") == 300 - 60
    run(["train", "--resume", str(RUN), *none, "--trainer.max_epochs", "3"])
    assert not (RUN / "exclude.csv").exists() and not (RUN / "relabel.csv").exists()
    assert "exclude" not in config() and "edits_sha256" not in config()


# ---------------------------------------------------------------- a stranger's run

ENTRIES = {
    "report": ["report", str(RUN)],
    "test": ["test", "--ckpt_path", str(RUN)],
    "predict": ["predict", "--ckpt_path", str(RUN)],
    "resume": ["train", "--resume", str(RUN), "--trainer.max_epochs", "3"],
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_path_in_a_run_is_not_read(entry: str) -> None:
    run(["train", *TRAIN, *EDITS])
    (RUN / "exclude.csv").unlink()
    line = error_line(ENTRIES[entry])  # although gone.csv is still there
    assert "exclude.csv is missing" in line and "--data.exclude null" in line


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_link_out_of_the_run_is_not_followed(entry: str, tmp_path: Path) -> None:
    run(["train", *TRAIN, *EDITS])
    (RUN / "exclude.csv").rename("moved.csv")
    (RUN / "exclude.csv").symlink_to(tmp_path / "moved.csv")
    assert "exclude.csv" in error_line(ENTRIES[entry])


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_changed_copy_is_refused(entry: str) -> None:
    run(["train", *TRAIN, *EDITS])
    (RUN / "exclude.csv").write_text("index\n5\n")
    assert "the label edits have changed" in error_line(ENTRIES[entry])


# ---------------------------------------------------------------- repeat


def test_repeat_refuses_another_content_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(args: list[str], lock: Any) -> int:
        run(args)
        return 0

    monkeypatch.setattr(repeat, "start", start)
    deepdigits.repeat("mlp", 1, [*TRAIN[2:], *EDITS])
    Path("gone.csv").write_text("index\n7\n")
    with pytest.raises(InputError, match=r"finished, with other settings \(data\.edits_sha256 was"):
        deepdigits.repeat("mlp", 2, [*TRAIN[2:], *EDITS])


def test_a_wrong_file_is_refused_before_the_training() -> None:
    Path("gone.csv").write_text("index\n300\n")
    line = error_line(["train", *TRAIN, *EDITS])
    assert "gone.csv, line 2: index 300, expected 0 to 299: mnist has 300 training images" in line
    assert not Path("lightning_logs").exists()
