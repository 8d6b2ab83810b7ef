"""Invalid content of a config, a report, another file of a run or a data folder: one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from entry_points import BY_CONFIG, BY_NAME, FEW, MLP, all_pairs, error_line, open_run
from ledger import Ledger
from tampering import RUN, edit_config, zip_bomb

from deepdigits.__main__ import run

pytestmark = pytest.mark.usefixtures("blank_figures", "downloaded", "photo", "served")
PROOF = "invalid config, report, predictions or data folder: one line"


def exponential(first: str, step: str) -> bytes:
    """A few lines of YAML for 10^9 values: each repeats the one before nine times."""
    lines = [f"a: &a {first}"]
    for before, this in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{this}: &{this} " + step.format(", ".join([f"*{before}"] * 9)))
    return "\n".join(lines).encode()


INVALID = {
    "empty": b"",
    "random": bytes(range(256)) * 20,
    "no mapping": b"[1, 2]",
    "null": b"null",
    "unclosed": b"{model: [",
    "another encoding": "model: LitMLP".encode("utf-16"),
    "python object": b"model: !!python/object/apply:os.system ['touch canary']",
    "python name": b"!!python/name:os.system",
    "tag of a class": b"model: !evil.Net {}",
    "deep": b"[" * 5000,
    "holds itself": b"&a {model: *a}",
    "exponential aliases": exponential("[x, x]", "[{}]"),
    "exponential merges": exponential("{x: 1}", "{{<<: [{}]}}"),
    "merge of nothing": b"{<<: 1}",
    "endless number": b"{seed_everything: 1" + b"0" * 5000 + b"}",
    "for a terminal": b'model: "\\e[31m\\nred"',
    "unknown alias": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b, *d]",
    "other keys": b"{nonsense: 1}",
    "no settings": b"{trainer: [1]}",
    "nothing in a section": b"data:\n",
    "no numbers": b"{data: {batch_size: [a]}}",
    "zip bomb": zip_bomb(),
    "much": b"a: 1\n" * 250_000,
}
CONFIG_READERS = {
    "fit -c": ["fit", *MLP, "-c", "invalid.yaml"],
    "train -c, alone": ["train", "-c", "invalid.yaml"],
    "repeat -c": ["repeat", *MLP, "-c", "invalid.yaml", "--seeds", "1"],
    "bench loop --config": ["bench", "loop", "--config", "invalid.yaml"],
    "bench speedrun --config": ["bench", "speedrun", "--config", "invalid.yaml"],
    "test -c": ["test", "--ckpt_path", RUN, "-c", "invalid.yaml"],
}


@all_pairs(INVALID, CONFIG_READERS)
def test_invalid_config_of_the_user(kind: str, entry: str, canary: Path, ledger: Ledger) -> None:
    with ledger(PROOF):
        Path("invalid.yaml").write_bytes(INVALID[kind])
        error_line(CONFIG_READERS[entry])
        assert not canary.exists() and not Path("lightning_logs").exists()


@all_pairs(INVALID, [*BY_CONFIG, *BY_NAME])
def test_invalid_config_of_a_run(kind: str, entry: str, canary: Path, ledger: Ledger) -> None:
    with ledger(PROOF):
        Path(RUN, "config.yaml").write_bytes(INVALID[kind])
        error_line(entry)
        assert not canary.exists()


def changed(**facts: object) -> Callable[[bytes], bytes]:
    """A change of some keys of a report."""
    return lambda content: json.dumps(json.loads(content) | facts).encode()


REPORTS = {
    **{kind: lambda _, kind=kind: INVALID[kind] for kind in ("empty", "random", "null", "deep")},
    "no mapping": lambda _: b"[1, 2]",
    "nothing in it": lambda _: b"{}",
    "other keys": lambda _: b'{"nonsense": 1}',
    "a script for the accuracy": changed(accuracy="<script>alert(1)</script>"),
    "no number": changed(accuracy=float("nan")),
    "endless errors": changed(errors=10**400),
    "no name of a dataset": changed(dataset=["mnist"]),
    "no classes": changed(**{"class": 3}),
    "a list of classes": changed(**{"class": [1]}),
    "one class": changed(**{"class": {"\x1b[31m": {"f1": 1.0}}}),
    "no confusion matrix": changed(confusion_matrix="x"),
    "a ragged one": changed(confusion_matrix=[[1, 2], [3]]),
    "one of too many digits": changed(confusion_matrix=[[10**30] * 10] * 10),
    "parameters in words": changed(parameters="many"),
    "seconds in a mapping": changed(training_seconds={"a": 1}),
    "versions in a list": changed(versions=[1]),
}
REPORT_READERS = {**{entry: entry for entry in BY_NAME}, "compare": ["compare", RUN]}


@all_pairs(REPORTS, REPORT_READERS)
def test_invalid_report(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        report = Path(RUN, "report.json")
        report.write_bytes(REPORTS[kind](report.read_bytes()))
        error_line(REPORT_READERS[entry])


FACTS = {
    **{kind: INVALID[kind] for kind in ("empty", "random", "null", "deep")},
    "no mapping": b"[1, 2]",
    "parameters in words": b'{"parameters": "many"}',
    "seconds in a mapping": b'{"training_seconds": {"a": 1}}',
    "endless seconds": b'{"training_seconds": 1e999}',
    "a seed in words": b'{"seed": "x"}',
}
MEASURING = ("test", "validate", "report", "ensemble, as first", "ensemble, as second")


@all_pairs(FACTS, MEASURING)
def test_invalid_training_facts(kind: str, entry: str, ledger: Ledger) -> None:
    with ledger(PROOF):
        Path(RUN, "training.json").write_bytes(FACTS[kind])
        assert "training.json" in error_line(entry)


def test_training_facts_choose_no_file(ledger: Ledger) -> None:
    """Their split would be a part of the name of the file that is written."""
    with ledger(PROOF):
        Path(RUN, "report-").mkdir()
        Path(RUN, "training.json").write_text('{"split": "/../../outside", "dataset": "x"}')
        open_run("test")
        assert json.loads(Path(RUN, "report.json").read_text())["split"] == "test"
        assert not list(Path.cwd().glob("outside*"))


def huge() -> bytes:
    """An array that is much larger in memory than in its file."""
    np.savez_compressed("huge.npz", predicted=np.zeros(10**8, np.uint8), labels=[1])
    return Path("huge.npz").read_bytes()


def claiming(shape: str, kind: str = "|u1") -> bytes:
    """An archive of two arrays whose headers claim any shape and type."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    with ZipFile("claiming.npz", "w") as archive:
        for name in ("predicted.npy", "labels.npy"):
            archive.writestr(name, array)
    return Path("claiming.npz").read_bytes()


PREDICTIONS = {
    "a shape beyond any memory": lambda: claiming(f"({10**15},)"),
    "a shape beyond any number": lambda: claiming("(" + "9" * 40 + ",)"),
    "a header that is nested": lambda: claiming("(" * 50),
    "an item beyond any memory": lambda: claiming("(10,)", "|V2000000000"),
    "objects": lambda: claiming("(1,)", "|O"),
    "empty": lambda: b"",
    "random": lambda: INVALID["random"],
    "zip bomb": zip_bomb,
    "an array beyond any memory": huge,
    "no zip": lambda: b"PK\x03\x04",
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_invalid_predictions_are_reported_with_the_rest(
    kind: str, capsys: pytest.CaptureFixture[str], ledger: Ledger
) -> None:
    with ledger(PROOF):
        shutil.copytree(RUN, "as-it-was")
        edit_config(lambda config: config["model"]["init_args"].update(lr=0.5))
        Path(RUN, "predictions.npz").write_bytes(PREDICTIONS[kind]())
        run(["compare", RUN, "as-it-was"])
        assert "predictions.npz is damaged" in capsys.readouterr().out


def sums(folder: Path) -> None:
    (folder / "SHA256SUMS").write_bytes(INVALID["random"])


def folder_for_a_file(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").mkdir()


def link_to_itself(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte").symlink_to("t10k-images-idx3-ubyte")


def processed(folder: Path) -> None:
    (folder.parent / "processed").mkdir()


DATA = {
    "a folder for a file": folder_for_a_file,
    "files of an old torchvision": processed,
}
DATA_READERS = {
    "fit": ["fit", *MLP, *FEW],
    "report": ["report", RUN],
    "export": ["export", RUN, "--to", "safetensors"],
    "bench photos": ["bench", "photos", "--limit", "3"],
    "bench data": ["bench", "data", "--limit", "3", "--repeats", "1"],
}


@all_pairs(["a file", *DATA], DATA_READERS)
def test_invalid_data_folder_is_one_line(
    kind: str, entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with ledger(PROOF):
        folder = tmp_path / "data"
        monkeypatch.setenv("DEEPDIGITS_DATA", str(folder))
        if kind in DATA:
            (folder / "MNIST" / "raw").mkdir(parents=True)
            DATA[kind](folder / "MNIST" / "raw")
        else:
            folder.touch()
        assert str(folder) in error_line(DATA_READERS[entry])


@pytest.mark.parametrize("harm", [sums, link_to_itself])
def test_damaged_data_folder_is_restored(
    harm: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Ledger,
) -> None:
    with ledger(PROOF):
        monkeypatch.setenv("DEEPDIGITS_DATA", str(tmp_path / "data"))
        raw = tmp_path / "data" / "MNIST" / "raw"
        raw.mkdir(parents=True)
        harm(raw)
        run(["report", RUN])
