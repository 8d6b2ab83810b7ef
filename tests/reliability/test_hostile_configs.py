"""A malicious config.yaml in a downloaded run: nothing runs, and nothing outside is touched.

The classes that it names are dangerous in themselves, and most of them belong to trusted packages.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml
from entry_points import (
    BY_CONFIG,
    BY_NAME,
    BY_SETTINGS,
    OWN_CONFIG,
    RESUMING_BY_CONFIG,
    all_pairs,
    error_line,
    open_run,
)
from ledger import Ledger
from tampering import RUN, Content, edit_config

from deepdigits.__main__ import run
from deepdigits.commands import members
from deepdigits.commands.registry import COMMANDS
from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import resolve_run
from deepdigits.runs.trust import VARIABLE
from deepdigits.training import arguments, run_arguments

pytestmark = pytest.mark.usefixtures("blank_figures", "downloaded", "photo", "served")
PROOF = "hostile config.yaml at an entry point: one line, or not read; nothing is imported"
DANGEROUS = "config.yaml with a dangerous class of a trusted package, a path or a URL at an entry"
TEST = ["test", "--ckpt_path", RUN]
MEASURING = [entry for entry in BY_CONFIG if entry not in RESUMING_BY_CONFIG]


def net(value: object) -> Callable[[Content], object]:
    return lambda config: config.update(model=value)


def net_class(path: str) -> Callable[[Content], object]:
    return lambda config: config["model"].update(class_path=path)


def argument(value: object) -> Callable[[Content], object]:
    return lambda config: config["model"]["init_args"].update(norm=value)


def section(name: str, **settings: object) -> Callable[[Content], object]:
    return lambda config: config.setdefault(name, {}).update(settings)


def whole(name: str, value: object) -> Callable[[Content], object]:
    return lambda config: config.update({name: value})


def shell(*command: str) -> dict[str, Any]:
    """A class of torch that starts a process when it is built."""
    handler = "torch.distributed.elastic.multiprocessing.subprocess_handler.SubprocessHandler"
    names = ("stdout", "stderr", "numa_options")
    settings = {"entrypoint": command[0], "args": list(command[1:]), "env": {}, "local_rank_id": 0}
    return {"class_path": handler, "init_args": settings | dict.fromkeys(names)}


def callback(path: str, **settings: object) -> Callable[[Content], object]:
    return section("trainer", callbacks=[{"class_path": path, "init_args": settings}])


CALLBACKS = "lightning.pytorch.callbacks"
TOUCH = shell("touch", "canary")

# ---------------------------------------------------------------- classes of the net

NETS = {
    "net": net_class("evil.Net"),
    "net in short": net("evil.Net"),
    "net in a further config": net("other.yaml"),
    "net behind a URL": net("https://example.org/net.yaml"),
    "net from the run folder": net_class(f"{RUN}.net.Net"),
    "net of the working directory": net_class("here.Net"),
    "net through a package of ours": net_class("deepdigits.training.cli.os.system"),
    "net of Lightning's demos": net_class("lightning.pytorch.demos.boring_classes.BoringModel"),
    "process in place of a net": lambda config: config.update(model=TOUCH),
    "function in place of a net": net_class("os.system"),
}
# Refused where a net is built from config.yaml; the others do not read the settings of the net.
ARGUMENTS = {
    "nested net": argument({"class_path": "evil.Net"}),
    "process as a setting of the net": argument(TOUCH),
    "processes in a list": argument([TOUCH]),
    "text of a process": argument(yaml.safe_dump(TOUCH)),
    "further arguments": lambda config: config["model"].update(dict_kwargs={"net": TOUCH}),
    "net as an argument": lambda config: config["model"]["init_args"].update(net=TOUCH),
    "path as a setting": argument("/etc/passwd"),
}
DATA = {
    "augment": section("data", augment={"class_path": "evil.Net"}),
    "process as augment": section("data", augment=TOUCH),
    "process in augment": section("data", augment={"degrees": TOUCH}),
    "augment in a further config": section("data", augment="other.yaml"),
    "data in a further config": whole("data", "other.yaml"),
    "data module of a user": whole("data", {"class_path": "evil.Net"}),
    "data behind a URL": section("data", dataset="https://example.org/data"),
    "path of the user's data": section("data", dataset="/etc"),
    "file next to the run": section("data", dataset="one.png"),
    "variable": section("data", dataset="${oc.env:HOME}"),
    "no batch size": section("data", batch_size=None),
    "batch size as a process": section("data", batch_size=TOUCH),
}
# ---------------------------------------------------------------- everything else

OUTSIDE = {
    "callback": callback("evil.Net"),
    "callback in short": section("trainer", callbacks=["evil.Net"]),
    "process in a progress bar": callback(
        f"{CALLBACKS}.RichProgressBar", console_kwargs={"file": TOUCH}
    ),
    "function of a callback": callback(f"{CALLBACKS}.LambdaCallback", setup="evil.run"),
    "system call as a function": callback(f"{CALLBACKS}.LambdaCallback", setup="os.system"),
    "callback that writes": callback(f"{CALLBACKS}.OnExceptionCheckpoint", dirpath="outside"),
    "checkpoint elsewhere": callback(f"{CALLBACKS}.ModelCheckpoint", dirpath="outside"),
    "callback of ours": callback(
        "deepdigits.training.callbacks.prediction_writer.PredictionWriter", output="outside/a.csv"
    ),
    "logger": section("trainer", logger={"class_path": "evil.Net"}),
    "strategy": section("trainer", strategy="evil.Net"),
    "process as a strategy": section("trainer", strategy=TOUCH),
    "strategy with a process": section(
        "trainer",
        strategy={"class_path": "DDPStrategy", "init_args": {"process_group_backend": TOUCH}},
    ),
    "accelerator": section("trainer", accelerator="evil.Net"),
    "plugin": section("trainer", plugins=[{"class_path": "evil.Net"}]),
    "plugin in short": section("trainer", plugins="evil.Net"),
    "profiler elsewhere": section(
        "trainer",
        profiler={
            "class_path": "lightning.pytorch.profilers.SimpleProfiler",
            "init_args": {"dirpath": "outside", "filename": "a"},
        },
    ),
    "root elsewhere": section("trainer", default_root_dir="outside"),
    "model registry": section("trainer", model_registry="a/b"),
    "time from a process": section("trainer", max_time=TOUCH),
    "trainer in a further config": whole("trainer", "other.yaml"),
    "trainer behind a URL": whole("trainer", "https://example.org/trainer.yaml"),
    "best checkpoint elsewhere": section("checkpoint", dirpath="outside"),
    "name of the best checkpoint": section("checkpoint", filename="../../outside/best"),
    "name with an attribute": section("checkpoint", filename="{epoch.__class__}"),
    "long name": section("checkpoint", filename="{epoch:999999999d}"),
    "checkpoint group in a further config": whole("checkpoint", "other.yaml"),
    "process in the checkpoint group": section("checkpoint", monitor=TOUCH),
    "early stopping by a process": section("early_stopping", patience=TOUCH),
    "dashboard": whole("dashboard", TOUCH),
    "events elsewhere": section("logger", sub_dir="../../outside"),
    "events of another name": section("logger", filename_suffix="/../../../outside/a"),
    "seed": whole("seed_everything", TOUCH),
    "threads": whole("num_threads", TOUCH),
    "many threads": whole("num_threads", 10**5),
    "many processes": section("trainer", strategy="ddp", devices=10_000),
    "many forked processes": section("trainer", strategy="ddp_fork", devices=10_000),
    "many processes as text": section("trainer", strategy="ddp", devices="10000"),
    "many nodes": section("trainer", num_nodes=10_000),
    "average": whole("ema_decay", TOUCH),
    "unknown section": whole("config", "other.yaml"),
    "unknown class": whole("optimizer", TOUCH),
}
NOT_BUILT = [*BY_NAME, *BY_SETTINGS, *OWN_CONFIG]


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, canary: Path, no_network: None) -> Iterator[None]:
    """A folder outside of the run that nothing may change; no network; no process of a config."""
    mine = tmp_path / "outside" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    (tmp_path / "here.py").write_text((tmp_path / RUN / "net.py").read_text())
    yield
    assert [*mine.parent.iterdir()] == [mine]
    assert mine.read_text() == "mine"


def changed(kind: str) -> None:
    edit_config({**NETS, **ARGUMENTS, **DATA, **OUTSIDE}[kind])


@all_pairs(NETS)
def test_no_class_of_a_downloaded_config_is_imported(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    with ledger(PROOF):
        changed(kind)
        if entry in BY_CONFIG or entry in BY_NAME:
            assert f"{RUN}/config.yaml" in error_line(entry)
        else:
            open_run(entry)
        assert not canary.exists()


@all_pairs([*ARGUMENTS, *DATA], [*BY_CONFIG, *NOT_BUILT])
def test_only_plain_settings_of_net_and_data_are_read(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    with ledger(DANGEROUS):
        changed(kind)
        if entry in BY_CONFIG:
            assert f"{RUN}/config.yaml" in error_line(entry)
        elif entry in BY_NAME and kind in DATA:
            try:
                open_run(entry)
            except InputError as error:
                assert str(error).isprintable()
        else:
            open_run(entry)
        assert not canary.exists()


@all_pairs(OUTSIDE, RESUMING_BY_CONFIG)
def test_a_resumed_run_takes_only_plain_settings(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    with ledger(DANGEROUS):
        changed(kind)
        assert f"{RUN}/config.yaml" in error_line(entry)
        assert not canary.exists()


def test_a_logger_of_another_place_writes_into_the_run(ledger: Ledger) -> None:
    with ledger(DANGEROUS):
        before = sorted(Path().rglob("*outside*/**/*"))
        content = yaml.safe_load(Path(RUN, "config.yaml").read_text())
        settings = {"save_dir": "outside", "name": "../../outside", "version": "outside"}
        kind = "lightning.pytorch.loggers.CSVLogger"
        content["trainer"]["logger"] = {"class_path": kind, "init_args": settings}
        Path(RUN, "config.yaml").write_text(yaml.safe_dump(content))
        open_run("fit --resume")
        assert Path(RUN, "metrics.csv").is_file()
        assert sorted(Path().rglob("*outside*/**/*")) == before


@all_pairs(["all of them"], [*MEASURING, *NOT_BUILT])
def test_measuring_reads_nothing_beyond_net_and_data(
    kind: str, entry: str, canary: Path, ledger: Ledger
) -> None:
    with ledger(DANGEROUS, len(OUTSIDE)):
        content = yaml.safe_load(Path(RUN, "config.yaml").read_text())
        for change in OUTSIDE.values():
            former = dict(content)
            change(content)
            if any(isinstance(content[key], str) for key in former):
                content = former  # else the next change would find no section
        Path(RUN, "config.yaml").write_text(yaml.safe_dump(content))
        open_run(entry)
        assert not canary.exists()


# ---------------------------------------------------------------- the rest of the folder


@pytest.mark.parametrize("name", ["config.part", "hparams.yaml", "checkpoints", "events.out"])
@pytest.mark.parametrize("entry", RESUMING_BY_CONFIG)
def test_a_link_out_of_the_run_is_refused(name: str, entry: str, ledger: Ledger) -> None:
    with ledger("link out of a downloaded run: one line, what it points to is not changed"):
        target = Path("outside").resolve() if name == "checkpoints" else Path("outside/mine.txt")
        path = Path(RUN, name)
        if path.exists():
            path.rename(f"{RUN}/former")
        path.symlink_to(target.resolve())
        assert f"{RUN}/{name} is a link" in error_line(entry)


@pytest.mark.reliability
def test_repeat_builds_nothing_of_a_found_seed(
    canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    """A downloaded folder lies where `repeat` looks for a finished seed."""
    monkeypatch.setattr(members, "_start", lambda args, lock: 1)
    mlp = ["repeat", "-c", str(resolve_run("mlp").config_file), "--seeds", "1"]
    where = ["--logger.save_dir", ".", "--logger.name", "x"]
    for kind in (*NETS, *ARGUMENTS, *DATA, *OUTSIDE):
        with ledger(DANGEROUS):
            seed = Path("x", "seed_0")
            seed.mkdir(parents=True)
            for name in ("report.json", "config.yaml", "training.json"):
                (seed / name).write_bytes(Path(RUN, name).read_bytes())
            content = yaml.safe_load((seed / "config.yaml").read_text())
            {**NETS, **ARGUMENTS, **DATA, **OUTSIDE}[kind](content)
            (seed / "config.yaml").write_text(yaml.safe_dump(content))
            with pytest.raises(InputError):
                run([*mlp, *where])
            assert not canary.exists()
            Path("x").rename(f"done-{kind}")


def test_every_command_is_attacked() -> None:
    """A new command must be attacked, or be listed here with its reason."""
    entries = {**BY_CONFIG, **BY_NAME, **BY_SETTINGS, **OWN_CONFIG}
    attacked = {entry[0] for entry in entries.values() if isinstance(entry, list)}
    reads_no_run = {"completion", "configs", "data"}
    # These start `train` with the user's own config.
    assert attacked | {"repeat", "slurm", "sweep"} | reads_no_run == set(COMMANDS)


@pytest.mark.parametrize("kind", [*NETS, *ARGUMENTS])
def test_the_net_of_a_run_in_python(kind: str, canary: Path, ledger: Ledger) -> None:
    with ledger(DANGEROUS):
        changed(kind)
        with pytest.raises(InputError):
            resolve_run(RUN).model()
        assert not canary.exists()


# ---------------------------------------------------------------- these attacks are real


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["net", "process in a progress bar", "callback"])
def test_without_the_check_it_would_run(
    kind: str, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(kind)
    monkeypatch.setattr(
        arguments, "for_evaluation", lambda run, args: f"--config={run.config_file}"
    )
    monkeypatch.setattr("rich._console", None)  # the progress bar sets it up for the whole process
    with suppress(Exception):  # what follows depends on what was built
        run(TEST)
    deadline = monotonic() + 10  # a process that was started needs a moment
    while not canary.exists() and monotonic() < deadline:
        sleep(0.01)
    assert canary.exists()
    gc.collect()  # the process of the attack is dropped here, with a warning, not in the next test


# ---------------------------------------------------------------- what the user trusts


def test_net_that_the_user_types_is_built(canary: Path) -> None:
    changed("net")
    run([*TEST, "--model", "evil.Net"])
    assert canary.exists()


def test_net_that_the_users_own_config_names_is_built(canary: Path) -> None:
    changed("net")
    Path("mine.yaml").write_text("model: {class_path: evil.Net}\n")
    run([*TEST, "-c", "mine.yaml"])
    assert canary.exists()


@pytest.mark.parametrize("entry", ["report", "train --resume"])
def test_net_of_a_module_that_the_user_lists_is_built(
    entry: str, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed("net")
    monkeypatch.setenv(VARIABLE, "other, evil")
    open_run(entry)
    assert canary.exists()


def test_a_listed_module_is_not_taken_from_the_run_folder(
    canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed("net from the run folder")
    monkeypatch.setenv(VARIABLE, RUN)
    assert VARIABLE in error_line("report")
    assert not canary.exists()


def test_the_whole_config_is_read_if_the_user_passes_it(canary: Path) -> None:
    changed("callback")
    args = ["train", "--resume", RUN, "--trainer.max_epochs", "2"]
    assert "-c downloaded/config.yaml" in error_line(args)
    with pytest.raises(InputError):
        run([*args, "-c", f"{RUN}/config.yaml"])  # it is a net, and no callback
    assert canary.exists()


@pytest.mark.parametrize("address", ["https://example.org/a.yaml", "memory://a.yaml"])
def test_a_config_is_read_from_this_disk_only(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("fsspec.open", lambda path, *args, **more: opened.append(path))
    assert address in error_line(["fit", "-c", address])
    assert opened == []


def test_a_setting_that_is_typed_again_replaces_that_of_the_config() -> None:
    edit_config(section("trainer", profiler={"class_path": "evil.Net"}, max_epochs=2))
    made = run(["train", "--resume", RUN, "--trainer.profiler", "simple"])
    assert type(made.trainer.profiler).__name__ == "SimpleProfiler"
    assert made.trainer.max_epochs == 2


def test_the_data_folder_of_the_config_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_config(section("data", data_dir="outside"))
    open_run("report")
    assert "note: data.data_dir of downloaded/config.yaml is not used" in capsys.readouterr().err


def test_plain_settings_of_a_resumed_run_are_kept() -> None:
    before = resolve_run(RUN).config
    kept = yaml.safe_load(run_arguments.for_resume(resolve_run(RUN), []).partition("=")[2])
    for name, settings in kept.items():
        given = before[name]
        assert settings == (
            {key: given[key] for key in settings} if isinstance(settings, dict) else given
        )
    assert kept["trainer"]["max_epochs"] == 1
    assert kept["early_stopping"]["patience"] == before["early_stopping"]["patience"]
