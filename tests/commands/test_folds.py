"""``deepdigits repeat --folds``: each training image is predicted by a net of the others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import deepdigits
from deepdigits.__main__ import run
from deepdigits.commands import repeat
from deepdigits.comparison.groups import group_by_config
from deepdigits.comparison.results import Result, find, read
from deepdigits.core.errors import InputError
from deepdigits.runs import out_of_fold

pytestmark = pytest.mark.usefixtures("blank_figures")

TINY = [
    *("-c", "mlp", "--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"),
    *("--trainer.enable_progress_bar=false", "--data.batch_size=32", "--data.val_size=50"),
]
FOLDS = Path("lightning_logs/mlp")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tiny_digits: Path) -> list[str]:
    """Trains in this process, on a tiny set; gives the runs that were trained, in order."""
    names: list[str] = []

    def start(args: list[str], lock: Any) -> int:
        if args[0] == "train":
            names.append(args[args.index("--logger.version") + 1])
        try:
            run(args)
        except InputError:
            return 2
        return 0

    monkeypatch.setattr(repeat, "start", start)
    return names


def test_each_image_is_predicted_by_the_net_of_its_fold(
    trained: list[str], tiny_arrays: dict[str, Any]
) -> None:
    made = deepdigits.repeat("mlp", overrides=TINY[2:], folds=3)
    assert trained == ["fold_0", "fold_1", "fold_2"]
    images, labels = (tiny_arrays[f"train-{k}"] for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    found = made.out_of_fold
    assert found is not None
    assert found.labels.tolist() == labels.tolist()
    assert found.places.tolist() == list(range(300))
    assert found.dataset == "mnist, fold of 3"
    for fold in range(3):
        net = deepdigits.Run(FOLDS / f"fold_{fold}").model()
        own = found.folds == fold
        with torch.no_grad():
            logits = net(torch.from_numpy(images[own]).unsqueeze(1) / 255)
        expected = logits.softmax(dim=1).numpy()
        np.testing.assert_allclose(found.probabilities[own], expected, atol=1e-6)
        accuracy = (expected.argmax(axis=1) == labels[own]).mean()
        assert made.results[fold].report["accuracy"] == pytest.approx(accuracy)
    assert made.accuracy.mean == pytest.approx(
        np.mean([result.report["accuracy"] for result in made.results])
    )


def test_finished_folds_are_not_run_again(
    trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["repeat", *TINY, "--folds", "2"])
    text = capsys.readouterr().out
    assert "over 2 folds" in text and "fold 1: accuracy" in text
    assert f"next: deepdigits audit {FOLDS}" in text
    before = {path: path.stat().st_mtime_ns for path in FOLDS.rglob("*.*") if path.is_file()}
    run(["repeat", *TINY, "--folds", "2"])
    after = {path: path.stat().st_mtime_ns for path in before}
    del before[FOLDS / ".repeat.lock"], after[FOLDS / ".repeat.lock"]
    assert after == before
    (FOLDS / "fold_1/finished.json").unlink()
    (FOLDS / "fold_1/training.json").unlink()
    first = out_of_fold.read(FOLDS)
    run(["repeat", *TINY, "--folds", "2"])
    assert trained == ["fold_0", "fold_1", "fold_1"]
    again = out_of_fold.read(FOLDS)
    assert first is not None and again is not None
    assert np.array_equal(first.probabilities, again.probabilities)


def test_a_damaged_file_of_probabilities_is_written_again(trained: list[str]) -> None:
    run(["repeat", *TINY, "--folds", "2"])
    first = out_of_fold.read(FOLDS)
    (FOLDS / "out_of_fold.npz").write_bytes(b"PK")
    run(["repeat", *TINY, "--folds", "2"])
    again = out_of_fold.read(FOLDS)
    assert trained == ["fold_0", "fold_1"]
    assert first is not None and again is not None
    assert first.sha256 == again.sha256


def test_the_config_of_a_fold_runs_it_again(trained: list[str]) -> None:
    run(["repeat", *TINY, "--folds", "2", "--seed_everything", "7"])
    config = yaml.safe_load((FOLDS / "fold_1/config.yaml").read_text())
    assert (config["data"]["folds"], config["data"]["fold"]) == (2, 1)
    assert config["seed_everything"] == 7
    before = read(deepdigits.Run(FOLDS / "fold_1")).report
    report = deepdigits.evaluate(FOLDS / "fold_1")
    assert report.accuracy == before["accuracy"]
    assert read(deepdigits.Run(FOLDS / "fold_1")).report["folds"] == before["folds"]


def test_a_path_in_a_data_folder_of_its_own(
    trained: list[str], tiny_arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("images-idx3-ubyte", "labels-idx1-ubyte")
    (x_train, y_train), (x_test, y_test) = (
        [tiny_arrays[f"{part}-{name}"] for name in names] for part in ("train", "t10k")
    )
    np.savez("mine.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    mine = ["--data.dataset", "./mine.npz", "--data.data_dir", "elsewhere"]
    made = deepdigits.repeat("mlp", overrides=[*TINY[2:], *mine], folds=2)
    assert made.out_of_fold is not None
    assert made.out_of_fold.labels.tolist() == y_train.tolist()
    monkeypatch.setenv("DEEPDIGITS_DATA", "elsewhere")
    Path("mine.npz").unlink()
    assert deepdigits.audit(FOLDS).dataset.startswith("mine.npz@")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--folds", "1"], "--folds is 1, expected 2 or more"),
        (["--folds", "2", "--seeds", "2"], "leave out --seeds; --seed_everything S"),
        (["--folds", "2", "--data.fold", "1"], "leave out --data.fold"),
        (["--folds", "2", "--data.folds=3"], "leave out --data.folds=3"),
        (["--folds", "400"], "folds is 400, expected 2 to 300"),
        ([], "expected --seeds N or --folds K"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_trained(
    trained: list[str], args: list[str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(["repeat", *TINY, *args])
    assert message in str(caught.value)
    assert not trained and not Path("lightning_logs").exists()


def test_other_settings_and_another_number_of_folds_are_refused(trained: list[str]) -> None:
    run(["repeat", *TINY, "--folds", "2"])
    for more in (
        ["--folds", "3"],
        ["--folds", "2", "--model.lr", "0.5"],
        ["--folds", "2", "--seed_everything", "1"],
    ):
        with pytest.raises(InputError, match="fold_0 is finished, with other settings"):
            run(["repeat", *TINY, *more])


def test_seeds_of_one_fold_are_not_those_of_another(trained: list[str]) -> None:
    run(["repeat", *TINY, "--seeds", "1", "--data.folds", "2"])
    with pytest.raises(InputError, match=r"data\.fold was None, now 1"):
        run(["repeat", *TINY, "--seeds", "1", "--data.folds", "2", "--data.fold", "1"])


def test_compare_takes_folds_as_it_takes_seeds_and_never_as_test_images(trained: list[str]) -> None:
    seven = ["--folds", "7"]  # folds of 42 and 43 images
    run(["repeat", *TINY, *seven])
    run(["repeat", *TINY, *seven, "--logger.name", "small", "--model.hidden_sizes", "[4]"])
    run(["train", *TINY, "--logger.name", "mlp", "--logger.version", "tested"])
    comparison = deepdigits.compare("lightning_logs")
    rows = {(row["config"], row["dataset"]): row for row in comparison.rows}
    named = {name for name, _ in rows}
    assert len(rows) == 3 and len(named) == 3
    folds = [row for (_, dataset), row in rows.items() if dataset == "mnist, fold of 7"]
    assert [(row["n"], row["num_samples"]) for row in folds] == [(7, 300), (7, 300)]
    both = deepdigits.compare([FOLDS, "lightning_logs/small"], split="test")
    assert both.evidence is None  # the run on the test images is a group of its own
    (FOLDS / "tested").rename("tested")
    both = deepdigits.compare([FOLDS, "lightning_logs/small"])
    assert both.evidence is not None and both.evidence.welch is not None
    assert both.evidence.welch.df == 6
    assert "corrected paired t-test over folds" in both.evidence.sentences[0]
    two = deepdigits.compare([FOLDS / "fold_3", "lightning_logs/small/fold_3"])
    assert two.evidence is not None and two.evidence.mcnemar is not None
    assert two.evidence.mcnemar.num_samples in (42, 43)


def results(folder: str) -> list[Result]:
    return [read(one) for one in find([folder])[0]]


def test_nets_of_different_folds_are_not_paired(trained: list[str]) -> None:
    run(["repeat", *TINY, "--folds", "3"])
    run(["repeat", *TINY, "--folds", "3", "--logger.name", "other", "--model.dropout", "0.1"])
    (FOLDS / "fold_0").rename("away")
    comparison = deepdigits.compare([FOLDS, "lightning_logs/other"])
    assert comparison.evidence is not None
    assert "mlp/fold_1" in " ".join(comparison.evidence.sentences)
    assert "other/fold_1" in " ".join(comparison.evidence.sentences)
    (group,), notes = group_by_config(results("lightning_logs/other"))
    assert [result.fold for result in group.results] == [0, 1, 2] and not notes
