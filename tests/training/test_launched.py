"""Devices and nodes come from torchrun or SLURM; a restarted launch goes on in its run folder."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from signals_helper import send_signal

from deepdigits.__main__ import run
from deepdigits.core.errors import InputError, Interrupted, RunFailed
from deepdigits.core.launched import Launched
from deepdigits.runs.checkpoint_record import CheckpointRecord, write_record
from deepdigits.runs.run import Run
from deepdigits.training import rendezvous
from deepdigits.training.launched_settings import launched_settings
from deepdigits.training.relaunch import LAUNCH, find_run, launch_keys, record_launch

FIT = ["fit", "--model", "LitMLP", "--model.dropout", "0.2", "--data.batch_size", "32"]
FIT += ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "2"]
FIT += ["--trainer.enable_progress_bar", "false", "--data.val_size", "60"]
FIT += ["--trainer.log_every_n_steps", "2"]
TWO = {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "RANK": "0"}
TWO |= {"GROUP_WORLD_SIZE": "2", "LOCAL_RANK": "0", "GROUP_RANK": "0"}
JOB = {"SLURM_JOB_ID": "41", "SLURM_NTASKS": "1", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "mlp"}
JOB |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
RUNS = Path("lightning_logs/mlp")


class Settings(dict[str, object]):
    """Settings of a Trainer, as a parsed config has them."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A job of SLURM with one task."""
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("deepdigits.training.relaunch._trainings", iter([0] * 9))
    return monkeypatch


def settings(made: Launched | None, *args: str, **trainer: object) -> dict[str, object]:
    values = {"devices": 1, "num_nodes": 1, "strategy": "auto", **trainer}
    return launched_settings(made, Settings(values), args)


def test_the_launcher_decides() -> None:
    made = Launched("torchrun", 2, 3)
    numbers = {"devices": 2, "num_nodes": 3}
    assert settings(None) == {}
    assert settings(made) == {**numbers, "strategy": "ddp"}
    assert settings(made, devices="auto", strategy="ddp_x") == numbers
    assert settings(made, devices=2, num_nodes=3) == {**numbers, "strategy": "ddp"}
    assert settings(made, devices="4,6")["num_nodes"] == 3
    assert "devices" not in settings(made, devices=[4, 6])
    assert settings(Launched("SLURM", 1, 1)) == {"devices": 1, "num_nodes": 1}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--trainer.devices", "2"], "devices is 2, but torchrun has started 1 process on each"),
        (["--trainer.num_nodes=1"], "num_nodes is 1, but .* of 2 nodes: expected 2; leave out"),
        (["-c", "{trainer: {devices: 4}}"], "devices is 4"),
    ],
)
def test_other_numbers_are_one_line_before_anything_is_built(
    flags: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TWO.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=line):
        run([*FIT, *flags])
    assert not Path("lightning_logs").exists()


def test_a_requeued_job_goes_on_in_its_folder_to_the_same_bytes(
    tiny_digits: Path, job: pytest.MonkeyPatch, blank_figures: None
) -> None:
    run([*FIT, "--logger.version", "unbroken"])
    job.setenv("SLURM_JOB_ID", "42")
    stopped = [*FIT, *send_signal(Path(), "training", "SIGUSR1", at=5)]
    with pytest.raises(Interrupted, match="143"):
        run(stopped)
    job.setenv("SLURM_RESTART_COUNT", "1")
    cli = run(stopped)
    assert cli.run_folder.name == "version_0" and cli.trainer.current_epoch == 2
    assert sorted(path.name for path in RUNS.iterdir()) == ["unbroken", "version_0"]
    one, two = (
        torch.load(RUNS / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("unbroken", "version_0")
    )
    assert all(one[name].numpy().tobytes() == two[name].numpy().tobytes() for name in one)
    saved = yaml.safe_load((RUNS / "version_0" / "config.yaml").read_text())
    assert saved.get("ckpt_path") is None
    assert (saved["trainer"]["devices"], saved["trainer"]["num_nodes"]) == (1, 1)


def test_another_job_has_a_folder_of_its_own(
    tiny_digits: Path, job: pytest.MonkeyPatch, blank_figures: None
) -> None:
    run(FIT)
    run(FIT)  # the same job, not requeued: another line of its script
    job.setenv("SLURM_JOB_ID", "43")
    job.setenv("SLURM_RESTART_COUNT", "1")  # its first attempt has not begun to train
    run(FIT)
    assert sorted(path.name for path in RUNS.iterdir()) == [f"version_{n}" for n in range(3)]


def begun(name: str, saved: bool = True, **variables: str) -> Path:
    """A run folder that a launch has begun."""
    folder = Path("runs", name)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").touch()
    if saved:
        torch.save({"state_dict": {}}, folder / "checkpoints" / "last.ckpt")
        write_record(folder, CheckpointRecord(None, "checkpoints/last.ckpt"), {})
    record_launch(folder, launch_keys(["-c", "cnn"], variables))
    return folder


@pytest.fixture
def first_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training is the first one of its process."""
    monkeypatch.setattr("deepdigits.training.relaunch._trainings", iter([0] * 9))


@pytest.mark.parametrize(
    ("begins", "comes", "args", "found"),
    [
        # torchrun restarts its processes: the count is above 0
        ({"ID": "none"}, {"ID": "none", "COUNT": "1"}, ["-c", "cnn"], True),
        ({"ID": "x"}, {"ID": "x", "COUNT": "1"}, ["-c", "mlp"], True),
        # torchrun itself is started again
        ({"ID": "none"}, {"ID": "none"}, ["-c", "cnn"], False),
        ({"ID": "x"}, {"ID": "x"}, ["-c", "cnn"], True),
        ({"ID": "x"}, {"ID": "x"}, ["-c", "mlp"], False),
        ({"ID": "x"}, {"ID": "y", "COUNT": "1"}, ["-c", "cnn"], False),
    ],
)
def test_run_of_a_launch_of_torchrun(
    begins: dict[str, str],
    comes: dict[str, str],
    args: list[str],
    found: bool,
    first_training: None,
) -> None:
    names = {"ID": "TORCHELASTIC_RUN_ID", "COUNT": "TORCHELASTIC_RESTART_COUNT"}
    folder = begun("a", **{names[key]: value for key, value in begins.items()})
    keys = launch_keys(args, {names[key]: value for key, value in comes.items()})
    run_and_checkpoint = find_run([folder, Path("runs/none")], keys, tests=True)
    assert (run_and_checkpoint is not None) == found
    if run_and_checkpoint is not None:
        assert run_and_checkpoint[0].folder == folder.absolute()
        assert run_and_checkpoint[1] == folder.absolute() / "checkpoints" / "last.ckpt"


def test_second_training_of_a_script_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepdigits.training.relaunch._trainings", iter([0, 1]))
    folder = begun("a", TORCHELASTIC_RUN_ID="x")
    second = launch_keys(["-c", "cnn"], {"TORCHELASTIC_RUN_ID": "x"})
    assert find_run([folder], second, tests=True) is None


def test_finished_run_is_found_only_by_a_certain_restart(first_training: None) -> None:
    folder = begun("a", TORCHELASTIC_RUN_ID="x")
    (folder / "finished.json").touch()
    again = launch_keys(["-c", "cnn"], {"TORCHELASTIC_RUN_ID": "x"})
    assert find_run([folder], again, tests=True) is None
    restarted = {"TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_RESTART_COUNT": "1"}
    assert find_run([folder], launch_keys(["-c", "cnn"], restarted), tests=True) is not None


def test_run_without_a_checkpoint_makes_room(first_training: None) -> None:
    folder = begun("a", saved=False, TORCHELASTIC_RUN_ID="x")
    again = launch_keys(["-c", "cnn"], {"TORCHELASTIC_RUN_ID": "x"})
    assert find_run([folder, folder], again, tests=True) is None
    assert not folder.exists()


def test_best_checkpoint_is_enough(first_training: None) -> None:
    folder = begun("a", saved=False, TORCHELASTIC_RUN_ID="x")
    best = folder.absolute() / "checkpoints" / "best.ckpt"
    torch.save({"state_dict": {}}, best)
    write_record(folder, CheckpointRecord("checkpoints/best.ckpt", None), {})
    again = launch_keys(["-c", "cnn"], {"TORCHELASTIC_RUN_ID": "x"})
    assert find_run([folder], again, tests=True) == (Run(folder.absolute()), best)


@pytest.mark.parametrize("content", ["{", '{"keys": 3}', '{"keys": [["torchrun"]]}', "[]"])
def test_damaged_record_is_that_of_no_launch(content: str, first_training: None) -> None:
    folder = begun("a", TORCHELASTIC_RUN_ID="x")
    (folder / LAUNCH).write_text(content)
    again = launch_keys(["-c", "cnn"], {"TORCHELASTIC_RUN_ID": "x"})
    assert find_run([folder], again, tests=True) is None


def test_resume_takes_the_number_of_processes_from_the_launcher(
    tiny_digits: Path, job: pytest.MonkeyPatch, blank_figures: None
) -> None:
    for name in JOB:
        job.delenv(name)
    run(FIT)
    file = RUNS / "version_0" / "config.yaml"
    content = yaml.safe_load(file.read_text())
    content["trainer"] |= {"devices": 2, "num_nodes": 4}
    file.write_text(yaml.safe_dump(content))
    resume = ["fit", "--resume", str(RUNS / "version_0"), "--trainer.max_epochs", "3"]
    with pytest.raises(InputError, match="num_nodes"):
        run(resume)
    for name, value in JOB.items():
        job.setenv(name, value)
    assert run(resume).trainer.current_epoch == 3
    assert "SLURM job 41 step 0" in json.loads((RUNS / "version_0" / LAUNCH).read_text())["keys"][0]


def test_processes_that_do_not_come_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "JOIN_LIMIT", 1.0)
    for name, value in TWO.items():
        monkeypatch.setenv(name, value)
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True)  # that of torchrun
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    with pytest.raises(RunFailed, match="not all 2 processes of this run have come within 1 sec"):
        run([*FIT, "--peer_timeout", "1"])
    assert not Path("lightning_logs").exists()


def test_prefix_is_that_of_the_processes_that_are_there_now() -> None:
    """The store still has the request and the answers of an attempt that has ended."""
    from concurrent.futures import ThreadPoolExecutor

    store = torch.distributed.HashStore()
    with ThreadPoolExecutor(3) as pool:
        found = []
        for _ in range(3):
            others = [pool.submit(rendezvous.new_prefix, store, rank, 3, 20.0) for rank in (1, 2)]
            first = pool.submit(rendezvous.new_prefix, store, 0, 3, 20.0).result()
            assert [other.result() for other in others] == [first, first]
            found.append(first)
    assert len(set(found)) == 3
