"""``deepdigits audit`` finds labels that were made wrong, and refuses what it cannot judge."""

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import deepdigits
from deepdigits.__main__ import run
from deepdigits.commands.audited import read_audited
from deepdigits.core.errors import InputError
from deepdigits.data.label_edits import image_sum
from deepdigits.runs import out_of_fold
from deepdigits.runs.out_of_fold import OutOfFold

pytestmark = pytest.mark.usefixtures("tiny_digits")
WRONG = (3, 50, 120, 299)
TINY = [
    *("-c", "mlp", "--trainer.max_epochs=1", "--trainer.log_every_n_steps=1"),
    *("--trainer.enable_progress_bar=false", "--data.batch_size=32", "--data.val_size=50"),
]


@pytest.fixture
def folds(tiny_arrays: dict[str, Any]) -> Callable[..., Path]:
    """Writes the folder of a repeat whose nets are fair, with four wrong labels."""

    def make(name: str = "folds", seed: int = 0, **changes: Any) -> Path:
        images, true = (
            tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        random = np.random.default_rng(seed)
        logits = random.normal(size=(300, 10)) + 6 * np.eye(10)[true]
        logits[list(WRONG)] = 9 * np.eye(10)[true[list(WRONG)]]  # these nets are sure of them
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels = true.astype(np.int64)
        labels[list(WRONG)] = (labels[list(WRONG)] + 1) % 10
        folder = Path(name)
        (folder / "fold_0").mkdir(parents=True)
        (folder / "fold_0/config.yaml").write_text("data: {val_size: 50, batch_size: 32}\n")
        content = OutOfFold(
            probabilities.astype(np.float32),
            labels,
            np.arange(300) % 2,
            np.arange(300),
            np.array([image_sum(image) for image in images]),
            tuple("0123456789"),
            "mnist, fold of 2",
            ("a", "b"),
        )
        out_of_fold.write(folder, replace(content, **changes))
        return folder

    return make


def test_it_finds_the_wrong_labels(
    folds: Callable[..., Path],
    tiny_arrays: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, true = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    folder = folds()
    made = run(["audit", str(folder)])
    assert set(made.indices[:4]) == set(WRONG)
    with (folder / "audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:4]:
        index = int(row["index"])
        assert int(row["suggested"]) == true[index]
        assert int(row["label"]) == (true[index] + 1) % 10
        digest = hashlib.sha256(images[index].tobytes()).hexdigest()
        assert digest.startswith(row["sha256"]) and len(row["sha256"]) == 16
        assert float(row["label_probability"]) < float(row["suggested_probability"])
    ranked = [float(row["label_probability"]) for row in rows]
    assert ranked == sorted(ranked)
    assert (folder / "audit.png").read_bytes().startswith(b"\x89PNG")
    text = capsys.readouterr().out
    assert f"mnist, fold of 2, train: {len(rows)} of 300 labels are suspicious" in text
    assert f"index {rows[0]['index']}: label {rows[0]['label']}" in text
    assert f"--data.exclude {folder / 'audit.csv'}" in text
    scores = 1 - out_of_fold_label_probabilities(folder)
    assert average_precision_score(np.isin(np.arange(300), WRONG), scores) == 1


def out_of_fold_label_probabilities(folder: Path) -> Any:
    found = out_of_fold.read(folder)
    assert found is not None
    return found.probabilities[np.arange(300), found.labels]


def test_several_runs_are_averaged(folds: Callable[..., Path]) -> None:
    one, other = folds("one", 0), folds("other", 1)
    found = read_audited([str(one), str(other)], None)
    contents = [out_of_fold.read(folder) for folder in (one, other)]
    mean = sum(content.probabilities for content in contents if content) / 2
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-7)
    assert found.folder == one


def test_limit_output_and_json(
    folds: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folds()
    run(["audit", str(folder), "--limit", "2", "--output", "mine.csv", "--format", "json"])
    content = json.loads(capsys.readouterr().out)
    assert len(content["labels"]) == 2 < content["num_suspicious"]
    assert {row["index"] for row in content["labels"]} < set(WRONG)
    assert content["files"] == {"csv": "mine.csv", "picture": "mine.png"}
    assert len(Path("mine.csv").read_text().splitlines()) == 3
    assert not (folder / "audit.csv").exists()


def test_no_suspicious_label(folds: Callable[..., Path], tiny_arrays: dict[str, Any]) -> None:
    labels = tiny_arrays["train-labels-idx1-ubyte"].astype(np.int64)
    folder = folds(probabilities=np.eye(10, dtype=np.float32)[labels], labels=labels)
    made = run(["audit", str(folder)])
    assert made.num_suspicious == 0 and made.pairs == []
    assert (folder / "audit.csv").read_text().startswith("index,label,suggested,")
    assert not (folder / "audit.png").exists()


def test_without_the_dataset_there_is_no_picture_but_a_file(
    folds: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folds(sums=np.array(["0" * 16] * 300))
    run(["audit", str(folder)])
    assert "there is no picture: the images of mnist" in capsys.readouterr().err
    assert (folder / "audit.csv").is_file() and not (folder / "audit.png").exists()


def test_the_test_images_of_a_run(tiny_arrays: dict[str, Any]) -> None:
    run(["train", *TINY])
    for split, places in (("test", range(130)), ("val", range(300))):
        made = deepdigits.audit("latest", split=split)  # type: ignore[arg-type]
        assert made.num_images == (130 if split == "test" else 50)
        assert set(made.indices) <= set(places)
        part = "t10k" if split == "test" else "train"
        labels = tiny_arrays[f"{part}-labels-idx1-ubyte"]
        assert labels[made.indices].tolist() == made.labels.tolist()
        file = Path(f"lightning_logs/mlp/version_0/audit-{split}.csv")
        assert made.files["csv"].samefile(file)


@pytest.mark.parametrize("more", [[], ["--split", "train"]])
def test_a_run_does_not_judge_its_own_training_images(more: list[str]) -> None:
    run(["train", *TINY])
    with pytest.raises(InputError, match=r"deepdigits repeat -c CONFIG --folds 5.*--split val or"):
        run(["audit", "lightning_logs/mlp/version_0", *more])


def test_wrong_input_is_one_line(folds: Callable[..., Path], tiny_arrays: dict[str, Any]) -> None:
    folder = folds()
    other = folds("other", labels=np.zeros(300, np.int64))
    (Path("unfinished") / "fold_0").mkdir(parents=True)
    Path("unfinished/fold_0/config.yaml").touch()
    (Path("damaged")).mkdir()
    Path("damaged/out_of_fold.npz").write_bytes((folder / "out_of_fold.npz").read_bytes()[:500])
    for args, message in (
        ([str(folder), "--split", "test"], "leave out --split test"),
        ([str(folder), str(other)], "other has other images or labels than folds"),
        ([str(folder), str(folder)], "a run is named twice"),
        (["unfinished"], "its folds are not finished"),
        (["damaged"], "out_of_fold.npz is damaged"),
        (["nowhere"], "nowhere"),
        ([str(folder), "--limit", "0"], "--limit is 0, expected 1 or more"),
        ([str(folder), "--output", "a.txt"], "ends in .csv"),
    ):
        with pytest.raises(InputError) as caught:
            run(["audit", *args])
        assert message in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.full(300, 10)},
        {"folds": np.arange(299)},
        {"places": np.zeros(300, np.int64)},
        {"probabilities": np.full((300, 10), np.nan, np.float32)},
        {"probabilities": np.zeros((300, 9), np.float32)},
    ],
    ids=["label", "length", "place twice", "nan", "shape"],
)
def test_a_file_that_does_not_fit_together_is_refused(
    change: dict[str, Any], folds: Callable[..., Path]
) -> None:
    with pytest.raises(InputError, match=r"out_of_fold\.npz is damaged"):
        out_of_fold.read(folds(**change))
