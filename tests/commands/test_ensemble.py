"""``deepdigits ensemble``: the mean of what runs say, against numpy and scikit-learn."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.commands import ensemble
from deepdigits.core.errors import InputError
from deepdigits.data import sources
from deepdigits.runs import predictions
from deepdigits.runs.resolve import latest_run

pytestmark = pytest.mark.usefixtures("blank_figures")

MLP = str(Path(__file__).parents[2] / "configs" / "mlp.yaml")
TINY = ["-c", MLP, "--trainer.max_epochs=2", "--trainer.enable_progress_bar=false"]
TINY += ["--trainer.log_every_n_steps=1", "--data.batch_size=32", "--data.val_size=50"]
RUNS = [f"lightning_logs/mlp/seed_{seed}" for seed in range(3)]
FOLDER = Path("lightning_logs/ensemble/version_0")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the runs are copied from; the first test that needs them trains them."""
    return tmp_path_factory.mktemp("ensemble") / "lightning_logs"


@pytest.fixture
def trained(tiny_digits, kept):
    """Three runs on the tiny set, in the logs."""
    if kept.exists():
        shutil.copytree(kept, "lightning_logs")
        return RUNS
    for seed in range(3):
        own = ["--seed_everything", str(seed), "--logger.version", f"seed_{seed}"]
        run(["train", *TINY, "--model.hidden_sizes=[4]", *own])
    shutil.copytree("lightning_logs", kept)
    return RUNS


def test_it_is_the_mean_of_the_members(trained, capsys):
    report = ensemble.main(trained)
    images, labels = sources.load("mnist", sources.default_data_dir(), train=False)
    each = np.stack([load(name)(images).numpy().astype(float) for name in trained])
    mean, true = each.mean(axis=0), labels.numpy()
    written = json.loads((FOLDER / "report.json").read_text())
    expected = confusion_matrix(true, mean.argmax(axis=1), labels=range(10)).tolist()
    assert report.confusion.tolist() == written["confusion_matrix"] == expected
    whole = mean / mean.sum(axis=1, keepdims=True)  # to the last digit, as scikit-learn asks
    assert written["loss"] == pytest.approx(log_loss(true, whole, labels=range(10)), rel=1e-4)
    assert written["members"] == trained
    alone = [accuracy_score(true, votes) for votes in each.argmax(axis=2)]
    assert written["member_accuracies"] == pytest.approx(alone)
    votes = each.argmax(axis=2).T
    assert written["disagreement"]["not_unanimous"] == sum(len(set(row)) > 1 for row in votes) > 0
    assert written["disagreement"]["all_wrong"] == (votes != true[:, None]).all(axis=1).sum()
    pairs = [np.mean(votes[:, a] != votes[:, b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert written["disagreement"]["pairwise"] == pytest.approx(np.mean(pairs))
    assert (predictions.read(FOLDER, "test").predicted == mean.argmax(axis=1)).all()
    assert {"report.md", "confusion.png", "mistakes.png"} <= {p.name for p in FOLDER.iterdir()}
    assert "the members disagree on" in capsys.readouterr().out


def test_compare_shows_it_beside_its_members(trained, capsys):
    ensemble.main(trained)
    ensemble.main(trained[:2])
    capsys.readouterr()
    run(["compare", "--format", "json"])
    rows = json.loads(capsys.readouterr().out)["configs"]
    members = next(row for row in rows if row["config"] == "mlp")
    both = [row for row in rows if row["config"].startswith("ensemble")]
    assert sorted(row["parameters"] / members["parameters"] for row in both) == [2, 3]
    assert all(row["n"] == 1 for row in both)  # other members are no second sample


def test_latest_is_a_run_and_no_ensemble(trained):
    ensemble.main(trained)
    assert latest_run().folder.parent == Path("lightning_logs/mlp")


def test_other_splits_and_names(trained):
    ensemble.main([*trained[:2], "--split", "val", "--name", "pair"])
    report = json.loads(Path("lightning_logs/pair/version_0/report-val.json").read_text())
    assert (report["split"], report["overall"]["num_samples"]) == ("val", 50)


def test_a_net_of_the_package_may_be_a_member():
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=20"]
    run(["fit", "-c", MLP, *short, "--logger.version", "seed_0"])
    ensemble.main([RUNS[0], "mlp"])
    report = json.loads((FOLDER / "report.json").read_text())
    images, labels = sources.load("mnist", sources.default_data_dir(), train=False)
    right = (load("mlp")(images).argmax(dim=1) == labels).double().mean().item()
    assert report["member_accuracies"][1] == pytest.approx(right)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([RUNS[0]], "two runs or more"),
        ([RUNS[0], RUNS[0]], "named twice"),
        ([RUNS[0], "lightning_logs/none"], "does not exist"),
    ],
)
def test_what_makes_no_ensemble_is_refused(names, message, tiny_digits):
    if RUNS[0] in names and "none" in names[-1]:
        run(["train", *TINY, "--logger.version", "seed_0"])
    with pytest.raises(InputError, match=message):
        ensemble.main(names)
    assert not FOLDER.exists()


def test_runs_of_other_digits_are_refused(trained):
    other = ["--data.split_seed=1", "--logger.version", "other", "--logger.name", "mlp"]
    run(["train", *TINY, "--model.hidden_sizes=[4]", *other])
    with pytest.raises(InputError, match="needs the same images"):
        ensemble.main([trained[0], "lightning_logs/mlp/other", "--split", "val"])
