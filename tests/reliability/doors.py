"""The doors: every verb and every call that opens a run folder, and how to knock at them."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from strangers import CONFIGS, RUN

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled import publish

MLP = ["-c", str(CONFIGS / "mlp.yaml")]
FEW = ["--trainer.limit_train_batches", "4", "--trainer.max_epochs", "2"]
FEW += ["--trainer.log_every_n_steps", "4"]

# Those of Lightning's verbs: they build what the config beside the checkpoint says.
BY_CONFIG = {
    "test": ["test", "--ckpt_path", RUN],
    "validate": ["validate", f"--ckpt_path={RUN}"],
    "predict": ["predict", "--ckpt_path", f"{RUN}/checkpoints/best.ckpt"],
    "report": ["report", RUN, "--split", "val"],
    "train --resume": ["train", "--resume", RUN, "--trainer.max_epochs", "2"],
    "fit --resume": ["fit", "--resume", RUN, "--trainer.max_epochs", "2"],
    "ensemble, as first": ["ensemble", RUN, "mlp"],
    "ensemble, as second": ["ensemble", "mlp", RUN],
}
# Those that take of the config the name of the net, one of the package's, and its dataset.
BY_NAME = {
    "export": ["export", RUN, "--to", "safetensors"],
    "classify --model": ["classify", "--model", RUN, "one.png"],
    "demo": ["demo", RUN],
    "bench photos --model": ["bench", "photos", "--model", RUN, "--limit", "3"],
    "load() in Python": partial(load, RUN),
    "python -m deepdigits.runs.bundled": partial(publish, RUN, "mine", Path("published")),
}
# Here the config is the user's own, and only the checkpoint is the stranger's.
BY_FILE = {"fit --ckpt_path": ["fit", *MLP, *FEW, "--ckpt_path", f"{RUN}/checkpoints/last.ckpt"]}
RESUMING = ("train --resume", "fit --resume", *BY_FILE)
DOORS: dict[str, Any] = {**BY_CONFIG, **BY_NAME, **BY_FILE}


def each(
    kinds: Iterable[str], doors: Iterable[str] = tuple(DOORS)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Each kind of file at each door; in `make test` one door a kind, another for each."""
    doors = list(doors)
    pairs = [(place, kind, door) for place, kind in enumerate(kinds) for door in doors]
    long = pytest.mark.reliability
    return pytest.mark.parametrize(
        ("kind", "door"),
        [
            pytest.param(kind, door, marks=() if door == doors[place % len(doors)] else long)
            for place, kind, door in pairs
        ],
    )


def enter(door: str, *more: str) -> Any:
    """Go through a door, with further flags."""
    Path("published").mkdir(exist_ok=True)
    way = DOORS[door]
    return run([*way, *more]) if isinstance(way, list) else way()


def refusal(door: str | list[str], *more: str) -> str:
    """The one line with which a door, or a command line, refuses."""
    with pytest.raises(InputError) as caught:
        run(door) if isinstance(door, list) else enter(door, *more)
    line = str(caught.value)
    assert line.isprintable(), line
    return line
