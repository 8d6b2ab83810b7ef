"""A run or an exported file that names an untrusted net: one line, and nothing is imported.

The way in is the same as for the nets of users; what they have not listed stays outside.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from entry_points import BY_CONFIG, BY_NAME, RESUMING_BY_CONFIG, error_line, open_run
from ledger import Ledger
from tampering import MODULE, RUN, Content, edit_config

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.core.modules import VARIABLE
from deepdigits.runs import weights
from deepdigits.runs.resolve import resolve_run

pytestmark = pytest.mark.usefixtures("blank_figures", "downloaded", "photo", "served")
PROOF = "untrusted net of a run or an exported file: one line, exit code 2, nothing is imported"
ARGUMENT = "hostile argument of a trusted net: one line, nothing is imported or built"
MY_NET = """
from collections.abc import Callable
from os import system
from pathlib import Path
from subprocess import run
from typing import Any
from torch import nn
from deepdigits import LitClassifier

class Swish(nn.Module):
    '''A layer.'''

class Net(LitClassifier):
    def __init__(
        self,
        act: nn.Module | None = None,
        kind: type[nn.Module] = nn.ReLU,
        how: Callable | str = "relu",
        calls: list[Callable | str] | None = None,
        table: Path = Path("a"),
        any: Any = None,
        thing: object = None,
        untyped=None,
        **kwargs,
    ):
        super().__init__(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), **kwargs)
"""
# Each command and function that builds a net; of those that are alike, one.
ENTRIES = [
    *("report", "train --resume", "predict", "ensemble, as second"),
    *("export", "classify --model", "demo", "load() in Python", "bench photos --model"),
]
# Class path, and what DEEPDIGITS_TRUST lists.
UNTRUSTED = {
    "function of Python": ("os.system", ""),
    "module inside of the run": (f"{RUN}.net.Net", ""),
    "listed module inside of the run": (f"{RUN}.net.Net", RUN),
    "module in the working directory": ("here.Net", ""),
    "installed package": ("evil.Net", ""),
    "installed package beside a listed one": ("evil.Net", "my_net,other"),
    "name that begins as a listed one": ("my_net_evil.Net", "my_net"),
    "name that ends as a listed one": ("evil.Net", "my_evil"),
    "class that begins as a listed one": ("my_net_evil.Net2", "my_net_evil.Net"),
    "module below a listed class": ("here.Net", "here.Net.Other"),
    "empty list": ("here.Net", " , ,"),
}


@pytest.fixture(autouse=True)
def modules(canary: Path, tmp_path: Path) -> None:
    """A module that is trusted once it is listed, and others that are not."""
    (tmp_path / "my_net.py").write_text(MY_NET)
    for name in ("here", "my_net_evil"):
        (tmp_path / f"{name}.py").write_text(MODULE.format(str(canary)))


def name_net(class_path: str, **settings: object) -> None:
    edit_config(lambda config: config.update(model={"class_path": class_path, **settings}))


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_untrusted_net_is_refused(
    entry: str, canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    for class_path, listed in UNTRUSTED.values():
        with ledger(PROOF):
            monkeypatch.setenv(VARIABLE, listed)
            name_net(class_path)
            line = error_line(entry)
            assert f"{RUN}/config.yaml names the net {class_path}" in line
            assert f"set {VARIABLE}={class_path.rpartition('.')[0]}" in line  # the way out
            assert not canary.exists()


@pytest.mark.parametrize("command", [["report", "."], ["export", "."], ["demo", "."]])
def test_a_run_folder_that_is_the_working_directory_is_not_trusted(
    command: list[str], canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger(PROOF):
        name_net("net.Net")
        monkeypatch.chdir(RUN)
        monkeypatch.setenv(VARIABLE, "net")
        assert "names the net net.Net" in error_line(command)
        assert not canary.exists()


def test_the_exit_code_is_2(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from deepdigits.__main__ import main

    name_net("evil.Net")
    monkeypatch.setattr(sys, "argv", ["deepdigits", "export", RUN])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("entry", [e for e in (*BY_CONFIG, *BY_NAME) if e in ENTRIES])
def test_these_attacks_are_real(entry: str, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is listed is imported."""
    name_net("here.Net")
    monkeypatch.setenv(VARIABLE, "here")
    with suppress(InputError):  # the weights are of another net
        open_run(entry)
    assert canary.exists()


# ---------------------------------------------------------------- arguments

SHELL = "torch.distributed.elastic.multiprocessing.subprocess_handler.SubprocessHandler"
ARGUMENTS: dict[str, dict[str, object]] = {
    "net as a layer": {"act": {"class_path": "evil.Net"}},
    "layer in the run folder": {"act": {"class_path": f"{RUN}.net.Net"}},
    "layer in the working directory": {"act": {"class_path": "here.Net"}},
    "process as a layer": {"act": {"class_path": SHELL, "init_args": {"entrypoint": "touch"}}},
    "layer by its name": {"act": "evil.Net"},
    "path of torch to a function": {"act": {"class_path": "torch.nn.modules.module.os.system"}},
    "wrapper of torch": {"act": {"class_path": "torch.nn.parallel.DistributedDataParallel"}},
    "layer with a process": {
        "act": {
            "class_path": "torch.nn.Linear",
            "init_args": {"in_features": 1, "out_features": 1, "device": {"class_path": SHELL}},
        }
    },
    "layer with a function": {
        "act": {
            "class_path": "torch.nn.TransformerEncoderLayer",
            "init_args": {"d_model": 2, "nhead": 1, "activation": "os.system"},
        }
    },
    "layer with further arguments": {
        "act": {"class_path": "torch.nn.ReLU", "dict_kwargs": {"inplace": {"class_path": SHELL}}}
    },
    "layer in a further config": {"act": "other.yaml"},
    "class": {"kind": "evil.Net"},
    "class of torch that is no layer": {"kind": SHELL},
    "function": {"how": "os.system"},
    "function that the module has imported": {"how": "my_net.system"},
    "Python function that the module has imported": {"how": "my_net.run"},
    "class as a function": {"how": {"class_path": SHELL}},
    "module of a function": {"how": "torch.nn.functional.importlib"},
    "functions": {"calls": ["relu", "os.system"]},
    "path": {"table": "/etc/passwd"},
    "path upwards": {"table": "../outside"},
    "class for any type": {"any": {"class_path": SHELL}},
    "text of a class for any type": {"any": f"{{class_path: {SHELL}}}"},
    "class for an object": {"thing": {"class_path": "my_net.Swish"}},
    "class without a type": {"untyped": {"class_path": "evil.Net"}},
    "name without a type": {"untyped": "evil.Net"},
    "unknown argument": {"net": {"class_path": "evil.Net"}},
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_a_trusted_net_gets_no_dangerous_argument(
    kind: str, canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    monkeypatch.setenv(VARIABLE, "my_net")
    name_net("my_net.Net", init_args=ARGUMENTS[kind])
    entries: list[Callable[[], object]] = [lambda: load(RUN), lambda: resolve_run(RUN).model()]
    entries += [lambda: run(["report", RUN]), lambda: run(["demo", RUN])]
    entries += [lambda: run(["train", "--resume", RUN, "--trainer.max_epochs", "2"])]
    for entry in entries:
        with ledger(ARGUMENT):
            with pytest.raises(InputError, match=rf"{RUN}/config\.yaml: model\.") as caught:
                entry()
            assert str(caught.value).isprintable()
            assert not canary.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"act": {"class_path": "torch.nn.GELU", "init_args": {"approximate": "tanh"}}},
        {"act": {"class_path": "torch.nn.modules.activation.ReLU", "init_args": {}}},
        {"act": {"class_path": "my_net.Swish"}},
        {"kind": "torch.nn.GELU", "how": "torch.nn.functional.gelu", "table": "b/c.txt"},
        {"how": "gelu", "calls": ["relu", "torch.nn.functional.gelu"], "untyped": "gelu"},
    ],
)
def test_plain_arguments_and_layers_pass(
    settings: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "my_net")
    name_net("my_net.Net", init_args=settings)
    assert "is of another net" in error_line("load() in Python")  # the weights are of LitMLP
    assert "is of another net" in error_line("report")


# ---------------------------------------------------------------- exported files


def export_naming(net: str, settings: dict[str, object] | None = None) -> Path:
    """A .safetensors file whose description names a net."""
    state, description = weights.read(resolve_run("mlp").checkpoint)
    model = description["model"] | {"net": net, "settings": settings or {}}
    path = Path("net.safetensors")
    weights.write(path, state, description | {"model": model})
    return path


@pytest.mark.parametrize("class_path, listed", UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_exported_file_imports_no_class(
    class_path: str, listed: str, canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    if listed == RUN:
        pytest.skip("the file is not in that folder, so the module is the user's own")
    monkeypatch.setenv(VARIABLE, listed)
    path = str(export_naming(class_path))
    for args in (["classify", "--model", path, "one.png"], ["demo", path]):
        with ledger(PROOF):
            line = error_line(args)
            assert f"{path} names the net {class_path}" in line and VARIABLE in line
            assert not canary.exists()


def test_a_module_beside_an_exported_file_is_not_trusted(
    canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export_naming(f"{RUN}.net.Net").rename(f"{RUN}/net.safetensors")
    Path(RUN, "config.yaml").unlink()
    monkeypatch.setenv(VARIABLE, RUN)
    with pytest.raises(InputError, match="may only name trusted classes"):
        load(path)
    assert not canary.exists()


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_the_settings_of_an_exported_file_are_checked(
    kind: str, canary: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger(ARGUMENT):
        monkeypatch.setenv(VARIABLE, "my_net")
        path = export_naming("my_net.Net", ARGUMENTS[kind])
        with pytest.raises(InputError, match=r"^net\.safetensors: model\."):
            load(path)
        assert not canary.exists()


def test_a_class_that_the_program_has_imported_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    path = export_naming("my_net.Net")
    with pytest.raises(InputError, match="in Python, import it first"):
        load(path)
    __import__("my_net")
    with pytest.raises(InputError, match="is of another net"):  # its weights are of LitMLP
        load(path)


def test_a_function_of_a_net_that_is_only_imported_is_not_chosen_by_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its layers are: they do nothing but compute."""
    Path("my_net.py").write_text(f"{MY_NET}\ndef clean_up(): ...\n")
    monkeypatch.syspath_prepend(Path.cwd())
    __import__("my_net")
    name_net("my_net.Net", init_args={"how": "my_net.clean_up"})
    assert "model.how is 'my_net.clean_up'" in error_line("load() in Python")
    name_net("my_net.Net", init_args={"act": {"class_path": "my_net.Swish"}})
    assert "is of another net" in error_line("load() in Python")
    monkeypatch.setenv(VARIABLE, "my_net")
    name_net("my_net.Net", init_args={"how": "my_net.clean_up"})
    assert "is of another net" in error_line("load() in Python")


def test_resuming_takes_typed_arguments_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "my_net")
    name_net("my_net.Net", init_args={"table": "/etc/passwd", "kind": SHELL})
    for entry in RESUMING_BY_CONFIG:
        assert "model.kind" in error_line(entry, "--model.table", "mine.txt")
    content = yaml.safe_load(Path(RUN, "config.yaml").read_text())
    assert content["model"]["init_args"]["table"] == "/etc/passwd"
