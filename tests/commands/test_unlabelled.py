"""`predict` of a CSV file without labels: what Kaggle takes as a submission."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import deepdigits
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.data import sources

N = 60


@pytest.fixture
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first test digits of MNIST."""
    sources.prepare("mnist", sources.default_data_dir())
    images, labels = sources.load("mnist", sources.default_data_dir(), train=False)
    return images[:N].numpy(), labels[:N].numpy()


def write_table(images: NDArray[np.uint8], file: str = "test.csv") -> Path:
    with open(file, "w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow([f"pixel{number}" for number in range(784)])
        writer.writerows(images.reshape(-1, 784).tolist())
    return Path(file)


def refusal(*args: str) -> str:
    with pytest.raises(InputError) as caught:
        run(list(args))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_submission_has_the_class_of_each_image(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]], capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = digits
    write_table(images)
    words = ["--ckpt_path", "mlp", "--data.dataset=test.csv", "--output", "submission.csv"]
    run(["predict", *words])
    with open("submission.csv", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ImageId", "Label"]
    assert [int(row[0]) for row in rows[1:]] == list(range(1, N + 1))
    assert (np.array([int(row[1]) for row in rows[1:]]) == labels).mean() > 0.95
    assert capsys.readouterr().out == "predicted labels of 60 images of test.csv: submission.csv\n"


def test_probabilities_are_those_of_the_dataset_by_name(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> None:
    write_table(digits[0])
    made = deepdigits.predict("mlp", output="p.npz", overrides={"data.dataset": "test.csv"})
    by_name = deepdigits.predict("mlp")
    np.testing.assert_allclose(made.probabilities, by_name.probabilities[:N], atol=1e-5)
    assert made.labels is None and made.dataset == "test.csv"
    np.testing.assert_array_equal(made.images, digits[0])
    with np.load("p.npz") as arrays:
        assert sorted(arrays.files) == ["class_names", "predicted", "probabilities"]
        np.testing.assert_array_equal(arrays["probabilities"], made.probabilities)


def test_dark_digits_on_a_light_page_are_inverted_as_in_a_training(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(255 - digits[0])
    made = deepdigits.predict("mlp", overrides={"data.dataset": "test.csv"})
    assert (made.predicted == digits[1]).mean() > 0.95
    assert "dark on light, inverted" in capsys.readouterr().err
    as_it_is = {"data.dataset": "test.csv", "data.framing": "none"}
    assert (deepdigits.predict("mlp", overrides=as_it_is).predicted == digits[1]).mean() < 0.6


def test_images_in_chunks_are_predicted_alike(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(digits[0])
    words = {"data.dataset": "test.csv"}
    whole = deepdigits.predict("mlp", overrides=words).probabilities
    monkeypatch.setattr("deepdigits.commands.unlabelled._CHUNK", 7)
    chunked = deepdigits.predict("mlp", overrides=words).probabilities
    torch.testing.assert_close(torch.from_numpy(chunked), torch.from_numpy(whole))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--output=a.txt"], "expected a file name that ends in .csv or .npz"),
        (["--output=none/a.csv"], "there is no folder none"),
        (["--trainer.devices=1"], "leave out --trainer.devices=1"),
        (["--data.batch_size", "5"], "leave out --data.batch_size"),
    ],
)
def test_a_wrong_argument_is_one_line(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]],
    words: list[str],
    what: str,
) -> None:
    write_table(digits[0])
    assert what in refusal("predict", "--ckpt_path=mlp", "--data.dataset=test.csv", *words)
    assert not list(Path().glob("*.npz")) and not Path("submission.csv").exists()


def test_a_wrong_pixel_is_named(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> None:
    file = write_table(digits[0])
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[3] = lines[3].replace(",", ",256,", 1).rpartition(",")[0]
    file.write_text("\n".join(lines), encoding="utf-8")
    what = refusal("predict", "--ckpt_path=mlp", "--data.dataset=test.csv")
    assert "test.csv, line 4, column pixel1: '256', expected" in what


def test_without_a_run_the_way_out_is_said(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> None:
    write_table(digits[0])
    assert "pass --ckpt_path RUN" in refusal("predict", "--data.dataset=test.csv")


def test_training_on_it_says_that_predict_takes_it(
    digits: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> None:
    write_table(digits[0])
    what = refusal("train", "-c", "mlp", "--data.dataset=test.csv")
    assert "has no column label and 784 others" in what
    assert "`deepdigits predict` takes it as it is" in what
