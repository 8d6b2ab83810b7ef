"""``deepdigits predict``: the probabilities of a dataset in a file."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.data.registry import DATASETS
from deepdigits.runs.predictions import write_probabilities

pytestmark = pytest.mark.usefixtures("blank_figures")

TINY = ["--model.hidden_sizes=[8]", "--data.val_size=40", "--data.batch_size=20"]
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.log_every_n_steps=1"]
FOLDER = Path("lightning_logs/mlp/version_0")


@pytest.fixture
def trained(tiny_digits: Path) -> Path:
    """A run on the tiny digits."""
    run(["fit", "--model=LitMLP", *TINY, *QUIET, "--trainer.max_epochs=2"])
    return FOLDER


def table(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Head, labels and probabilities of a CSV, as any program reads it."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert [row[0] for row in rows] == [str(index) for index in range(len(rows))]
    probabilities = np.array([row[3:] for row in rows]).astype(np.float32)
    assert [row[2] for row in rows] == [head[3:][best] for best in probabilities.argmax(axis=1)]
    return head, np.array([row[1] for row in rows]), probabilities


def expected(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Test labels, and what the net says of the test digits without Lightning."""
    folder = sources.default_data_dir()
    sources.prepare("mnist", folder)
    images, labels = sources.load("mnist", folder, train=False)
    return labels.numpy(), load(name)(images).numpy()


def test_the_table_is_what_the_net_says_of_each_digit(trained, capsys) -> None:
    capsys.readouterr()
    run(["predict", "--ckpt_path", "latest"])
    path = FOLDER / "probabilities.csv"
    said = capsys.readouterr().out
    assert said == (
        f"probabilities of 130 images of mnist, split test: {path}\n"
        f"checkpoint {FOLDER / 'checkpoints' / 'best.ckpt'}\n"
    )
    head, labels, probabilities = table(path)
    true, by_load = expected("latest")
    assert head == ["index", "label", "predicted", *"0123456789"]
    assert labels.astype(int).tolist() == true.tolist()
    np.testing.assert_allclose(probabilities, by_load, atol=1e-6)


def test_another_split_and_another_file_are_flags(trained, tiny_arrays) -> None:
    run(["predict", "--ckpt_path", str(trained), "--data.test_split", "val"])
    assert len(table(FOLDER / "probabilities-val.csv")[1]) == 40
    assert not (FOLDER / "probabilities.csv").exists()
    run(["predict", "--ckpt_path", str(trained), "--output", "mine.npz"])
    run(["predict", "--ckpt_path", str(trained), "--output", "mine.csv"])
    with np.load("mine.npz", allow_pickle=False) as arrays:
        assert arrays["labels"].tolist() == tiny_arrays["t10k-labels-idx1-ubyte"].tolist()
        assert arrays["predicted"].tolist() == arrays["probabilities"].argmax(axis=1).tolist()
        assert arrays["class_names"].tolist() == list("0123456789")
        assert arrays["probabilities"].tobytes() == table(Path("mine.csv"))[2].tobytes()
    assert not list(Path().rglob("*.part"))


def test_nothing_is_written_where_none_is_wanted(trained, capsys) -> None:
    before = sorted(FOLDER.rglob("*"))
    capsys.readouterr()
    run(["predict", "--ckpt_path", str(trained), "--output=null"])
    assert sorted(FOLDER.rglob("*")) == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.txt", r"--output mine\.txt: expected a file name that ends in \.csv or \.npz"),
        ("gone/mine.csv", r"--output gone/mine\.csv: there is no folder gone"),
        ("folder.csv", r"--output folder\.csv: that is a folder"),
    ],
)
def test_a_file_that_cannot_be_is_named_before_the_work(trained, name, message) -> None:
    Path("folder.csv").mkdir()
    with pytest.raises(InputError, match=message):
        run(["predict", "--ckpt_path", str(trained), "--output", name])


def test_a_shipped_net_predicts_as_it_reports(data_folder) -> None:
    run(["predict", "--ckpt_path", "mlp", "--trainer.accelerator=cpu", "--output=all.csv"])
    _, labels, probabilities = table(Path("all.csv"))
    wrong = (probabilities.argmax(axis=1) != labels.astype(int)).sum()
    assert len(labels) == 10_000
    assert wrong == load("mlp").report["errors"]


def test_classes_of_any_name_are_columns(tmp_path: Path) -> None:
    names = DATASETS["fashion_mnist"].classes
    probabilities = np.random.default_rng(0).random((3, 10)).astype(np.float32)
    write_probabilities(tmp_path / "fashion.csv", probabilities, [0, 9, 2], names)
    head, labels, again = table(tmp_path / "fashion.csv")
    assert head[3:] == list(names)
    assert labels.tolist() == [names[0], names[9], names[2]]
    assert again.tobytes() == probabilities.tobytes()


@pytest.mark.distributed
def test_two_processes_write_once_what_one_does(data_folder) -> None:
    options = ["predict", "--ckpt_path", "mlp", "--trainer.accelerator=cpu"]
    options += ["--data.eval_batch_size=333", "--trainer.enable_progress_bar=false"]
    two = [*options, "--trainer.devices=2", "--trainer.strategy=ddp", "--output=two.csv"]
    command = [sys.executable, "-W", "ignore", "-m", "deepdigits", *two]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("probabilities of 10,000 images") == 1
    run([*options, "--output=one.csv"])
    head, labels, probabilities = table(Path("one.csv"))
    again = table(Path("two.csv"))
    assert (head, labels.tolist()) == (again[0], again[1].tolist())
    np.testing.assert_allclose(probabilities, again[2], atol=1e-5)
