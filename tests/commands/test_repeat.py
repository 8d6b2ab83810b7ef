"""``deepdigits repeat``: all seeds, each once, also after a kill."""

import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
import yaml

import deepdigits
from deepdigits.__main__ import run
from deepdigits.commands import repeat
from deepdigits.comparison.results import read
from deepdigits.comparison.settings import differences, settings
from deepdigits.core.errors import InputError, RunFailed
from deepdigits.core.locks import sole_lock
from deepdigits.runs.run import Run
from deepdigits.training.execution import resolve_config

pytestmark = pytest.mark.usefixtures("blank_figures")

MLP = str(Path(__file__).parents[2] / "configs" / "mlp.yaml")
QUICK = [
    "--trainer.max_epochs=1",
    "--trainer.enable_progress_bar=false",
    "--trainer.log_every_n_steps=1",
]
TINY = ["-c", MLP, *QUICK, "--data.batch_size", "32", "--data.val_size", "50"]
RUNS = Path("lightning_logs/mlp")


@pytest.fixture
def trained(monkeypatch, tiny_digits):
    """Trains in this process, on a tiny set; gives the seeds that were trained, in order."""
    seeds = []

    def start(args, lock):
        if args[0] == "train":
            seeds.append(int(args[args.index("--seed_everything") + 1]))
        try:
            run(args)
        except InputError:
            return 2
        return 0

    monkeypatch.setattr(repeat, "start", start)
    return seeds


def test_each_seed_is_a_run_of_its_own(trained, capsys):
    results = repeat.main([*TINY, "--seeds", "2", "--model.lr", "0.01"])
    assert trained == [0, 1]
    for seed in range(2):
        config = yaml.safe_load((RUNS / f"seed_{seed}" / "config.yaml").read_text())
        assert config["seed_everything"] == seed
        assert config["model"]["init_args"]["lr"] == 0.01
    assert [result.seed for result in results] == [0, 1]


def test_a_second_call_runs_only_what_is_missing(trained, capsys):
    repeat.main([*TINY, "--seeds", "2"])
    before = {path: path.stat().st_mtime_ns for path in RUNS.rglob("*") if path.is_file()}
    repeat.main([*TINY, "--seeds", "3"])
    assert trained == [0, 1, 2]
    assert {path: path.stat().st_mtime_ns for path in before if path.name != ".repeat.lock"} == {
        path: time for path, time in before.items() if path.name != ".repeat.lock"
    }


def damage(path):
    path.write_text(path.read_text()[:100] + "{")


def killed_in_training(folder):
    """As after `report` on a seed that was killed in its training."""
    (folder / "training.json").unlink()
    (folder / "finished.json").unlink()


@pytest.mark.parametrize(
    "stop",
    [killed_in_training, lambda folder: damage(folder / "config.yaml")],
    ids=["killed in training", "damaged config"],
)
def test_an_unfinished_run_is_moved_aside_and_run_anew(trained, capsys, stop):
    repeat.main([*TINY, "--seeds", "1"])
    first = capsys.readouterr().out.splitlines()
    for number in range(2):  # twice: the second does not overwrite what the first has moved
        stop(RUNS / "seed_0")
        (RUNS / "seed_0/mine.txt").write_text(str(number))
        repeat.main([*TINY, "--seeds", "1"])
        assert (RUNS / f".unfinished/seed_0-{number}/mine.txt").read_text() == str(number)
    assert trained == [0, 0, 0]
    assert capsys.readouterr().out.splitlines()[-4:] == first[-4:]


def of_other_weights(folder):
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | {"checkpoint_sha256": "0" * 64}))


@pytest.mark.parametrize(
    "stop",
    [
        lambda folder: (folder / "finished.json").unlink(),
        lambda folder: (folder / "report.json").unlink(),
        lambda folder: damage(folder / "report.json"),
        of_other_weights,
    ],
    ids=["no marker", "no report", "damaged report", "report of other weights"],
)
def test_a_trained_run_is_only_tested_again(trained, capsys, stop):
    repeat.main([*TINY, "--seeds", "1"])
    first = capsys.readouterr().out.splitlines()
    stop(RUNS / "seed_0")
    (RUNS / "seed_0/confusion.png").unlink()
    repeat.main([*TINY, "--seeds", "1"])
    assert trained == [0]
    assert (RUNS / "seed_0/confusion.png").is_file()
    assert capsys.readouterr().out.splitlines()[-4:] == first[-4:]


def test_a_seed_that_is_being_trained_is_left_alone(trained):
    (RUNS / "seed_0").mkdir(parents=True)
    with sole_lock(RUNS / "seed_0"), pytest.raises(InputError, match="another training is running"):
        repeat.main([*TINY, "--seeds", "1"])
    assert trained == []


def test_other_settings_than_those_of_finished_seeds_are_refused(trained, capsys):
    repeat.main([*TINY, "--seeds", "1"])
    message = r"seed_0 is finished, .*model\.init_args\.lr was 0\.01, now 0\.02.*--logger\.name"
    with pytest.raises(InputError, match=message):
        repeat.main([*TINY, "--seeds", "2", "--model.lr", "0.02"])
    repeat.main([*TINY, "--seeds", "1", "--model.lr", "0.02", "--logger.name", "mlp-fast"])
    assert trained == [0, 0]
    assert Path("lightning_logs/mlp-fast/seed_0/report.json").is_file()


def test_the_summary_has_mean_sd_interval_and_range(make_run, capsys):
    for seed, wrong in enumerate([10, 12, 14]):
        make_run(RUNS / f"seed_{seed}", range(wrong), seed)
    results = [read(Run(RUNS / f"seed_{seed}")) for seed in range(3)]
    accuracies = [99.0, 98.8, 98.6]
    reach = 4.3027 * statistics.stdev(accuracies) / 3**0.5  # t of a printed table, 2 degrees
    text = repeat.to_text(RUNS, results)
    assert "seed 1: accuracy 98.80%, 12 errors in 1,000" in text
    assert "98.800 % ± 0.200 (n=3)" in text
    assert f"95 % interval {98.8 - reach:.3f} to {98.8 + reach:.3f} (t)" in text
    assert "lowest 98.60 %, highest 99.00 %" in text
    assert "one seed has no standard deviation" in repeat.to_text(RUNS, results[:1])


@pytest.mark.parametrize(("code", "kind"), [(2, InputError), (1, RunFailed), (-9, RunFailed)])
def test_a_run_that_fails_ends_it_with_one_line(monkeypatch, capsys, tiny_digits, code, kind):
    monkeypatch.setattr(repeat, "start", lambda args, lock: code)
    with pytest.raises(kind, match=f"seed 0 ended with exit code {code}"):
        repeat.main([*TINY, "--seeds", "2"])


def test_a_run_that_leaves_nothing_is_named(trained, capsys):
    with pytest.raises(InputError, match=r"seed 0 left no report\.json"):
        repeat.main([*TINY, "--seeds", "2", "--trainer.fast_dev_run", "true"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-c", MLP], "--seeds"),
        (["-c", MLP, "--seeds", "0"], "--seeds is 0, expected 1 or more"),
        (["-c", MLP, "--seeds", "two"], "invalid int value: 'two'"),
        (["-c", MLP, "--seeds", "2", "--seed_everything", "3"], "leave out --seed_everything"),
        (["-c", MLP, "--seeds", "2", "--logger.version=7"], "leave out --logger.version=7"),
        (["-c", "nowhere.yaml", "--seeds", "2"], "nowhere.yaml"),
        (["-c", MLP, "--seeds", "2", "--model.width", "3"], "width"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_trained(trained, args, message):
    with pytest.raises(InputError) as error:
        repeat.main(args)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not trained and not Path("lightning_logs").exists()


def test_the_resolved_config_is_the_one_that_a_run_saves(trained, capsys):
    args = [*TINY, "--data.val_size=0", "--data.augment.degrees=3", "--model.hidden_sizes=[8]"]
    repeat.main([*args, "--seeds", "1"])
    saved = yaml.safe_load((RUNS / "seed_0/config.yaml").read_text())
    own = ["--logger.version", "seed_0", "--seed_everything", "0"]
    resolved = resolve_config([*args, *own])
    assert differences([settings(resolved), settings(saved)]) == {}
    assert resolved["logger"]["name"] == saved["logger"]["name"] == "mlp"


@pytest.mark.parametrize("name", ["mlp", "cnn", "record"])
def test_a_run_of_an_earlier_version_has_the_defaults_of_newer_settings(name):
    """The reference runs are older than some options."""
    folder = Path(__file__).parents[2] / "lightning_logs/reference" / name / "seed_0"
    saved = yaml.safe_load((folder / "config.yaml").read_text())
    resolved = resolve_config(["-c", name])
    found = differences([settings(saved), settings(resolved)])
    assert not [key for key in found if key.startswith(("data.", "model."))]


def test_a_newer_setting_that_is_not_the_default_is_another_config():
    net = {"class_path": "deepdigits.LitCNN", "init_args": {"crop": 1, "freeze": "body"}}
    config = {"model": net, "data": {"skip_damaged": True}}
    assert settings(config).keys() == {
        *("model.class_path", "model.init_args.crop", "model.init_args.freeze"),
        "data.skip_damaged",
    }
    own = {"class_path": "my.Net", "init_args": {"crop": 0}}
    assert settings({"model": own})["model.init_args.crop"] == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs process groups and SIGKILL")
def test_killed_in_the_third_run_and_started_again_it_ends_as_unbroken(capfd):
    code = "import sys; from deepdigits.commands.repeat import main; main(sys.argv[1:])"
    limits = ["--trainer.limit_train_batches=20", "--seeds", "5"]
    command = [sys.executable, "-W", "ignore", "-c", code, "-c", MLP, *QUICK, *limits]
    package = Path(deepdigits.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}

    def repeated(name):
        named = [*command, "--logger.name", name]
        return subprocess.Popen(
            named, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def summary(process):
        out, _ = process.communicate()
        assert process.returncode == 0
        return [line for line in out.splitlines() if line.startswith(("seed ", "lowest", "light"))]

    unbroken = summary(repeated("whole"))
    broken = repeated("broken")
    third, deadline = Path("lightning_logs/broken/seed_2/config.yaml"), monotonic() + 200
    while not third.exists() and broken.poll() is None and monotonic() < deadline:
        sleep(0.02)
    os.killpg(broken.pid, signal.SIGKILL)
    broken.communicate()
    assert third.exists() and not third.with_name("report.json").exists()
    again = summary(repeated("broken"))
    assert [line.replace("broken", "whole") for line in again][-7:] == unbroken[-7:]
    assert len(list(Path("lightning_logs/broken").glob("seed_*/report.json"))) == 5
