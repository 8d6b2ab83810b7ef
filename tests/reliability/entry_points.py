"""Every command and function that opens a run folder, and how the tests call them."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tampering import CONFIGS, RUN

from deepdigits import load
from deepdigits.__main__ import run
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled import publish
from deepdigits.runs.resolve import resolve_run

MLP = ["-c", str(CONFIGS / "mlp.yaml")]
FEW = ["--trainer.limit_train_batches", "4", "--trainer.max_epochs", "2"]
FEW += ["--trainer.log_every_n_steps", "4"]


def _publish() -> None:
    """What `python -m deepdigits.runs.bundled RUN NAME` calls, into a folder of this test."""
    Path("published").mkdir(exist_ok=True)
    publish(RUN, "mine", Path("published"))


# Lightning's commands, and those built on them: they build what config.yaml names.
BY_CONFIG = {
    "test": ["test", "--ckpt_path", RUN],
    "validate": ["validate", f"--ckpt_path={RUN}"],
    "predict": ["predict", "--ckpt_path", f"{RUN}/checkpoints/best.ckpt"],
    "report": ["report", RUN, "--split", "val"],
    "train --resume": ["train", "--resume", RUN, "--trainer.max_epochs", "2"],
    "fit --resume": ["fit", "--resume", RUN, "--trainer.max_epochs", "2"],
    "audit": ["audit", RUN, "--split", "val"],
    "ensemble, as first": ["ensemble", RUN, "mlp"],
    "ensemble, as second": ["ensemble", "mlp", RUN],
}
RESUMING_BY_CONFIG = ("train --resume", "fit --resume")
# These read two names from config.yaml: the net, one of the package's, and the dataset.
BY_NAME = {
    "export": ["export", RUN, "--to", "safetensors"],
    "classify --model": ["classify", "--model", RUN, "one.png"],
    "demo": ["demo", RUN],
    "bench photos --model": ["bench", "photos", "--model", RUN, "--limit", "3"],
    "load() in Python": partial(load, RUN),
    "python -m deepdigits.runs.bundled": _publish,
}
# The config is the user's own; only the checkpoint comes from elsewhere.
# The settings in config.yaml are compared and printed; nothing is built.
BY_SETTINGS = {
    "compare": ["compare", RUN, "--format", "json"],
    "Run.report in Python": lambda: resolve_run(RUN).report,
}
OWN_CONFIG = {"fit --ckpt_path": ["fit", *MLP, *FEW, "--ckpt_path", f"{RUN}/checkpoints/last.ckpt"]}
RESUMING = (*RESUMING_BY_CONFIG, *OWN_CONFIG)
ENTRY_POINTS: dict[str, Any] = {**BY_CONFIG, **BY_NAME, **OWN_CONFIG}


def all_pairs(
    kinds: Iterable[str], entries: Iterable[str] = tuple(ENTRY_POINTS)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Test each kind of file at each entry point.

    `make test` runs one entry point for every third kind, in turn; `make test-reliability` runs
    them all.
    """
    entries = list(entries)
    pairs = [(place, kind, entry) for place, kind in enumerate(kinds) for entry in entries]
    short = {(place, entries[place // 3 % len(entries)]) for place, _, _ in pairs if place % 3 == 0}
    return pytest.mark.parametrize(
        ("kind", "entry"),
        [
            pytest.param(
                kind, entry, marks=() if (place, entry) in short else pytest.mark.reliability
            )
            for place, kind, entry in pairs
        ],
    )


def open_run(entry: str, *more: str) -> Any:
    """Open the run through an entry point, with further flags."""
    action = {**ENTRY_POINTS, **BY_SETTINGS}[entry]
    return run([*action, *more]) if isinstance(action, list) else action()


def error_line(entry: str | list[str], *more: str) -> str:
    """The one-line error of an entry point or a command line, which must fail."""
    with pytest.raises(InputError) as caught:
        run(entry) if isinstance(entry, list) else open_run(entry, *more)
    line = str(caught.value)
    assert line.isprintable(), line
    return line
