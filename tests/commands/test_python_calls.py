"""Every command is a function: the process is the same afterwards, and a run is an object."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import deepdigits
from deepdigits.core.errors import InputError

pytestmark = pytest.mark.usefixtures("blank_figures")

MLP = Path(__file__).parents[2] / "configs" / "mlp.yaml"
SHORT = {
    "data.val_size": 40,
    "data.batch_size": 20,
    "trainer": {"max_epochs": 2, "log_every_n_steps": 5},
}

CHDIR = """
import os
from deepdigits import LitMLP

os.chdir("/")

class Wanderer(LitMLP):
    '''Changes the directory when it is imported, built and trained.'''

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        os.chdir("/")

    def on_train_start(self):
        os.chdir("/")
"""


def state() -> tuple[object, ...]:
    generators = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()
    return os.getcwd(), list(sys.path), dict(os.environ), torch.get_num_threads(), generators


def test_a_whole_experiment_leaves_the_process_as_it_was(tiny_digits: Path) -> None:
    before = state()
    run = deepdigits.train(MLP, SHORT)
    accuracy = deepdigits.evaluate(run, split="val").accuracy
    assert state() == before
    assert run.folder == Path("lightning_logs/mlp/version_0").resolve()
    assert run.config["trainer"]["max_epochs"] == 2
    assert 0 <= run.report.accuracy <= 1 and run.report.num_samples == 130
    # Averaged metrics of the last epoch are those of the last weights, not of the best.
    assert run.metrics["val/accuracy"].max() == pytest.approx(accuracy)
    assert run.metrics["epoch"].tolist() == [1, 2]
    assert set(run.metrics) >= {"train/loss", "train/accuracy", "val/loss", "val/f1/9"}


def test_the_model_of_a_run_predicts_what_predict_predicts(tiny_digits: Path) -> None:
    run = deepdigits.train(MLP, SHORT)
    prediction = deepdigits.predict(run, "val", output="all.npz")
    images = torch.from_numpy(prediction.images).unsqueeze(1) / 255
    with torch.no_grad():
        probabilities = run.model()(images).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, prediction.probabilities, atol=1e-6)
    np.testing.assert_array_equal(np.load("all.npz")["predicted"], prediction.predicted)
    assert (prediction.predicted == prediction.labels).mean() == pytest.approx(
        deepdigits.evaluate(run, "val").accuracy
    )


def test_training_in_a_thread_and_several_times_in_a_process(tiny_digits: Path) -> None:
    runs = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: runs.append(deepdigits.train(MLP, SHORT)))
        thread.start()
        thread.join()
    here = deepdigits.train(MLP, SHORT)
    assert [run.folder.name for run in [*runs, here]] == ["version_0", "version_1", "version_2"]
    losses = {run.metrics["train/loss"].tobytes() for run in [*runs, here]}
    assert len(losses) == 1


def test_a_module_that_changes_the_directory_does_no_harm(tiny_digits: Path) -> None:
    Path("wanderer.py").write_text(CHDIR)
    before = state()
    run = deepdigits.train({"model": {"class_path": "wanderer.Wanderer"}}, SHORT)
    assert state() == before
    assert run.folder == Path("lightning_logs/wanderer/version_0").resolve()
    assert run.config["logger"]["save_dir"] == "lightning_logs"
    assert deepdigits.evaluate(run).errors == run.report.errors
    assert type(run.model()).__name__ == "Wanderer"
    os.chdir(before[0])  # type: ignore[arg-type]  # the import of `model` has changed it


def test_configs_are_stacked_and_a_run_is_resumed(tiny_digits: Path) -> None:
    flags = ["--data.val_size=40", "--data.batch_size", "20", "--trainer.log_every_n_steps", "5"]
    run = deepdigits.train([MLP, {"trainer": {"max_epochs": 1}}], flags)
    resumed = deepdigits.train(resume=run, overrides={"trainer.max_epochs": 3})
    assert resumed.folder == run.folder
    assert resumed.metrics["epoch"].tolist() == [1, 2, 3]


def test_an_ensemble_from_python(tiny_digits: Path) -> None:
    runs = [deepdigits.train(MLP, {**SHORT, "seed_everything": seed}) for seed in range(2)]
    made = deepdigits.ensemble(runs)
    assert made.report.num_samples == 130
    assert [report.accuracy for report in made.members.values()] == [
        run.report.accuracy for run in runs
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deepdigits.train("nowhere.yaml"), "nowhere.yaml"),
        (lambda: deepdigits.train(MLP, ["--model.lrr", "1"]), r"did you mean '--model\.lr'"),
        (lambda: deepdigits.train(MLP, {"model.shifts": True}), r"is now --model\.shift_tta"),
        (
            lambda: deepdigits.train(MLP, {**SHORT, "trainer.fast_dev_run": True}),
            "leaves no run folder",
        ),
        (lambda: deepdigits.evaluate("nowhere"), "nowhere does not exist"),
        (lambda: deepdigits.ensemble(["mlp"]), "two runs or more"),
        (lambda: deepdigits.repeat(MLP, seeds=0), "expected 1 or more"),
    ],
)
def test_wrong_calls_are_one_line(call: object, message: str, tiny_digits: Path) -> None:
    before = state()
    small = deepdigits.Run(Path("missing"))
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
    assert state() == before
    with pytest.raises(InputError, match=r"has no report\.json"):
        _ = small.report


HOSTILE = {
    "a class of the package that runs what it is given": (
        "deepdigits.training.cli.DigitsCLI",
        {"stage": "fit", "args": ["--model=evil.Net"]},
    ),
    "a class that writes files": (
        "torch.utils.tensorboard.writer.SummaryWriter",
        {"log_dir": "written"},
    ),
    "a module elsewhere": ("evil.Net", {}),
    "no class": (None, {}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_model_of_a_foreign_run_builds_nets_only(kind: str, tiny_digits: Path) -> None:
    run = deepdigits.train(MLP, SHORT)
    class_path, settings = HOSTILE[kind]
    config = run.config
    config["model"] = {"class_path": class_path}
    run.config_file.write_text(yaml.safe_dump(config))
    for path in (run.folder / "checkpoints").iterdir():
        content = torch.load(path, weights_only=True)
        torch.save(content | {"hyper_parameters": settings}, path)
    (run.folder / "evil.py").write_text("open('ran', 'w')")
    with pytest.raises(InputError):
        run.model()
    assert not Path("ran").exists() and not Path("written").exists()


def test_part_of_a_split_is_predicted(tiny_digits: Path) -> None:
    run = deepdigits.train(MLP, SHORT)
    flags = {"data.eval_batch_size": 7, "trainer.limit_predict_batches": 2}
    prediction = deepdigits.predict(run, "val", overrides=flags)
    assert len(prediction.probabilities) == len(prediction.labels) == len(prediction.images) == 14
    assert prediction.predicted.shape == prediction.labels.shape


def test_overrides_may_be_paths_and_numbers_of_numpy(tiny_digits: Path) -> None:
    more = {"data": {"data_dir": tiny_digits}, "model.lr": np.float64(0.02), "model.norm": False}
    run = deepdigits.train(MLP, {**SHORT, **more})
    assert run.config["model"]["init_args"]["lr"] == 0.02
    with pytest.raises(InputError, match="expected plain values"):
        deepdigits.train(MLP, {"model.lr": object()})
