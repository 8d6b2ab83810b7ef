"""Files from strangers: nothing in them runs, and each ends in one line."""

import io
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml

from deepdigits import runs, trust
from deepdigits.__main__ import run
from deepdigits.callbacks.placement import Placement
from deepdigits.errors import InputError

CONFIGS = Path(__file__).parents[2] / "configs"
CANARY = "from pathlib import Path\nPath({!r}).touch()\n"
NET = """
from deepdigits import LitMLP
class Net(LitMLP):
    '''A net.'''
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data_folder):
    """A folder with one short run of the MLP."""
    folder = tmp_path_factory.mktemp("trained")
    short = ["--trainer.limit_train_batches", "4", "--trainer.max_epochs", "1"]
    debug = ["-c", str(CONFIGS / "trainer" / "debug.yaml"), *short]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DEEPDIGITS_DATA", str(data_folder))
        run(["fit", "-c", str(CONFIGS / "mlp.yaml"), *debug])
    return folder / "lightning_logs" / "mlp" / "version_0"


@pytest.fixture
def found(trained, tmp_path):
    """A copy of it in the working directory, as it was downloaded."""
    folder = Path("downloaded")
    shutil.copytree(trained, folder)
    return folder


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """The file that appears when code runs; modules to import lie where Python finds them."""
    path, modules = tmp_path / "canary", tmp_path / "site"
    modules.mkdir()
    (modules / "evil.py").write_text(CANARY.format(str(path)) + NET)
    monkeypatch.syspath_prepend(modules)
    yield path
    sys.modules.pop("evil", None)


DOORS = {
    "test": ["test", "--ckpt_path", "downloaded"],
    "validate": ["validate", "--ckpt_path=downloaded"],
    "predict": ["predict", "--ckpt_path", "downloaded/checkpoints/best.ckpt"],
    "report": ["report", "downloaded"],
    "resume": ["train", "--resume", "downloaded"],
}


def at_the_doors(kinds):
    """Each kind of file at each door; one door a kind in `make test`, another for each."""
    short = {(kind, list(DOORS)[place % len(DOORS)]) for place, kind in enumerate(kinds)}
    return pytest.mark.parametrize(
        "kind, door",
        [
            pytest.param(kind, door, marks=() if (kind, door) in short else pytest.mark.reliability)
            for kind in kinds
            for door in DOORS
        ],
    )


def shown(ledger):
    ledger(f"hostile or broken files at {len(DOORS)} doors: one line, nothing is run")


def refusal(args):
    with pytest.raises(InputError) as caught:
        run(args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit_config(folder, change):
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def edit_checkpoints(folder, change):
    for path in (folder / "checkpoints").glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)


def callback(path, **init):
    return lambda c: c["trainer"].update(callbacks=[{"class_path": path, "init_args": init}])


HOSTILE = {
    "net": lambda c: c["model"].update(class_path="evil.Net"),
    "net in short": lambda c: c.update(model="evil.Net"),
    "net in a further config": lambda c: c.update(model="other.yaml"),
    "nested net": lambda c: c["model"]["init_args"].update(norm={"class_path": "evil.Net"}),
    "callback": callback("evil.Net"),
    "callback in short": lambda c: c["trainer"].update(callbacks=["evil.Net"]),
    "function of a callback": callback(
        "lightning.pytorch.callbacks.LambdaCallback", setup="evil.run"
    ),
    "logger": lambda c: c["trainer"].update(logger={"class_path": "evil.Net"}),
    "strategy": lambda c: c["trainer"].update(strategy="evil.Net"),
    "plugin": lambda c: c["trainer"].update(plugins=[{"class_path": "evil.Net"}]),
    "augment": lambda c: c["data"].update(augment={"class_path": "evil.Net"}),
    "through a package of here": lambda c: c["model"].update(class_path="deepdigits.cli.os.system"),
    "from the run folder": lambda c: c["model"].update(class_path="downloaded.net.Net"),
}


@at_the_doors(HOSTILE)
def test_config_beside_a_checkpoint_imports_nothing(kind, door, found, canary, ledger):
    edit_config(found, HOSTILE[kind])
    Path("other.yaml").write_text("class_path: evil.Net\n")
    (found / "net.py").write_text(CANARY.format(str(canary)) + NET)
    (found / "__init__.py").touch()
    assert "downloaded/config.yaml" in refusal(DOORS[door])
    assert not canary.exists()
    shown(ledger)


def test_without_the_check_it_would_be_imported(found, canary, monkeypatch):
    edit_config(found, HOSTILE["net"])
    monkeypatch.setattr(trust, "check", lambda *args: None)
    run(DOORS["test"])
    assert canary.exists()


def test_net_that_the_user_names_is_built(found, canary):
    edit_config(found, HOSTILE["net"])
    run([*DOORS["test"], "--model", "evil.Net"])
    assert canary.exists()


def test_net_that_the_users_own_config_names_is_built(found, canary):
    edit_config(found, HOSTILE["net"])
    Path("mine.yaml").write_text("model: {class_path: evil.Net}\n")
    run([*DOORS["test"], "-c", "mine.yaml"])
    assert canary.exists()


class Code:
    """Pickled, it is code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def hparams(**more):
    return lambda c: c["hyper_parameters"].update(more)


CHECKPOINTS = {
    "_instantiator": hparams(_instantiator="evil.Net"),
    "_class_path": hparams(_class_path="evil.Net"),
    "nested class_path": hparams(hidden_sizes={"class_path": "evil.Net"}),
    "hparams of another name": lambda c: c.update(hparams_name="evil.Net"),
}


@at_the_doors(CHECKPOINTS)
def test_hyper_parameters_of_a_checkpoint_are_not_looked_at(kind, door, found, canary, ledger):
    """The net is the config's: the run works as if they were not there."""
    edit_checkpoints(found, CHECKPOINTS[kind])
    run(DOORS[door])
    assert not canary.exists()
    shown(ledger)


def poison(content):
    next(iter(content["state_dict"].values())).view(-1)[0] = torch.nan


def halves(state):
    return {
        name: value[: len(value) // 2] if value.ndim else value for name, value in state.items()
    }


REFUSED = {
    "code": (lambda c: c.update(net=Code(Path("canary").resolve())), "for safety"),
    "nan": (poison, "not finite"),
    "later version": (lambda c: c["deepdigits"].update(format=99), "install the later version"),
    "no weights": (lambda c: c.update(state_dict={}), "another net"),
    "further weights": (lambda c: c["state_dict"].update(x=torch.ones(1)), "unknown weights x"),
    "other shapes": (lambda c: c.update(state_dict=halves(c["state_dict"])), "has shape"),
    "no state_dict": (lambda c: c.pop("state_dict"), "no state_dict"),
}


@at_the_doors(REFUSED)
def test_content_that_is_no_good_is_refused(kind, door, found, canary, ledger):
    change, named = REFUSED[kind]
    edit_checkpoints(found, change)
    assert named in refusal(DOORS[door])
    assert not canary.exists()
    shown(ledger)


def bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return buffer.getvalue()


DAMAGED = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "random": lambda data: data[::-1],
    "zip bomb": lambda data: bomb(),
}


@at_the_doors(DAMAGED)
def test_damaged_checkpoint_is_named(kind, door, found, ledger):
    for path in (found / "checkpoints").glob("*.ckpt"):
        path.write_bytes(DAMAGED[kind](path.read_bytes()))
    assert "is damaged" in refusal(DOORS[door])
    shown(ledger)


def test_net_of_other_width_is_named(found):
    line = refusal([*DOORS["test"], "--model.hidden_sizes", "[32]"])
    assert "is of another net" in line


def plant(folder):
    """Make its checkpoints say that a file outside of the run was the best so far."""
    Path("mine.txt").touch()
    dirpath = f"{os.path.relpath(Path.cwd().parent)}/{Path.cwd().name}/{folder}/checkpoints"

    def mine(content):
        (state,) = (v for k, v in content["callbacks"].items() if k.startswith("ModelCheckpoint"))
        path = f"{dirpath}/../../mine.txt"
        best = {path: torch.tensor(0.0)}
        state |= {"kth_best_model_path": path, "best_k_models": best, "dirpath": dirpath}

    edit_checkpoints(folder, mine)


def test_checkpoint_of_a_stranger_removes_no_file(found):
    plant(found)
    run([*DOORS["resume"], "--trainer.max_epochs", "3"])
    assert Path("mine.txt").exists()
    names = {path.name for path in (found / "checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt"}


def test_the_engine_itself_would_remove_it(found, monkeypatch):
    plant(found)
    monkeypatch.setattr(Placement, "on_load_checkpoint", lambda *args: None)
    run([*DOORS["resume"], "--trainer.max_epochs", "3"])
    assert not Path("mine.txt").exists()


def test_damaged_last_checkpoint_gives_way_to_the_best(found, capsys):
    last = found / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1])
    assert runs.find("downloaded").last_checkpoint == found / "checkpoints" / "best.ckpt"
    assert "going on from downloaded/checkpoints/best.ckpt" in capsys.readouterr().err
    cli = run([*DOORS["resume"], "--trainer.max_epochs", "2"])
    assert cli.trainer.global_step == 8


RUBBISH = {
    "empty": b"",
    "random": bytes(range(256)) * 20,
    "no mapping": b"[1, 2]",
    "unclosed": b"{model: [",
    "python object": b"model: !!python/object/apply:os.system ['touch canary']",
    "python name": b"!!python/name:os.system",
    "deep": b"[" * 5000,
    "other keys": b"{nonsense: 1}",
    "zip bomb": bomb(),
    "endless": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b, *d]",
    "no numbers": b"{data: {batch_size: [a]}}",
    "null": b"null",
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_for_a_config_or_a_report_is_refused(kind, found, ledger):
    Path("rubbish.yaml").write_bytes(RUBBISH[kind])
    refusal(["fit", "-c", str(CONFIGS / "mlp.yaml"), "-c", "rubbish.yaml"])
    (found / "report.json").write_bytes(RUBBISH[kind])
    refusal(["compare", "downloaded"])
    (found / "config.yaml").write_bytes(RUBBISH[kind])
    refusal(DOORS["test"])
    refusal(["fit", "--data.data_dir", "rubbish.yaml", "-c", str(CONFIGS / "mlp.yaml")])
    assert not Path("canary").exists()
    ledger("rubbish for a config, a report or a data folder: one line, nothing is run", 4)
