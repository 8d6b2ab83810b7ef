"""``deepdigits ensemble``: evaluate the mean of the class probabilities of several nets."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from deepdigits.commands import summary
from deepdigits.commands.parser import ArgumentParser
from deepdigits.commands.predict import Prediction, predict
from deepdigits.core import environment
from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.files import make_version_folder
from deepdigits.data.registry import SPLITS, Split
from deepdigits.metrics.agreement import Disagreement, disagreement
from deepdigits.metrics.report import Report
from deepdigits.runs import evaluation
from deepdigits.runs.finished import check_trained
from deepdigits.runs.report import read_training
from deepdigits.runs.resolve import LOGS, RUN_HELP, resolve_run, run_argument
from deepdigits.runs.run import Run


@dataclass(frozen=True)
class Ensemble:
    """An evaluated ensemble.

    Attributes:
        run: Its folder: report, predictions and pictures, but no config and no checkpoint.
        report: The report of the mean probabilities.
        members: Name and report of each net.
        disagreement: How often the members predict different classes.
        files: What was written: kind -> path.
    """

    run: Run
    report: Report
    members: dict[str, Report]
    disagreement: Disagreement
    files: dict[str, Path]


def ensemble(
    runs: Sequence[Run | str | Path],
    split: Split = "test",
    name: str = "ensemble",
    logs: str | Path = LOGS,
) -> Ensemble:
    """Average the class probabilities of several nets, and evaluate the mean.

    Each net predicts in the default precision. Report, predictions and pictures go into a new
    folder ``<logs>/<name>/version_N``, which `compare` takes like a run.

    Args:
        runs: Two runs or more, as for `evaluate`, all of one dataset.
        split: train, val or test.
        name: Name of the ensemble, a folder in `logs`.
        logs: The folder of all runs.

    Raises:
        InputError: A run does not exist or is unfinished, there are fewer than two, or their images
            differ.
    """
    names = [run_argument(run) for run in runs]
    if len(names) < 2:
        raise InputError("an ensemble needs two runs or more: deepdigits ensemble RUN RUN ...")
    if len(set(names)) < len(names):
        raise InputError("a run is named twice: name each run once")
    for run in map(resolve_run, names):
        # A checkpoint may be named before its training has ended.
        if run.chosen is None and not run.is_bundled:
            check_trained(run.folder)
    members = {member: predict(member, split) for member in names}
    first = members[names[0]]
    for member, prediction in members.items():
        if not _same_images(prediction, first):
            raise InputError(
                f"{names[0]} was evaluated on {first.dataset} and {member} on "
                f"{prediction.dataset}, or on other images of it: an ensemble needs the same images"
            )
    mean = np.mean([member.probabilities for member in members.values()], axis=0)
    report = _report(mean, first)
    reports = {member: _report(one.probabilities, one) for member, one in members.items()}
    agreement = disagreement(
        [torch.from_numpy(member.probabilities) for member in members.values()],
        torch.from_numpy(first.known_labels),
    )
    run = Run(make_version_folder(Path(logs) / name))
    facts = _facts(reports, agreement, first)
    tensors = (torch.from_numpy(array) for array in (first.images, first.known_labels, mean))
    files = evaluation.write(run, report, facts, evaluation.Pictured(*tensors))
    return Ensemble(run, report, reports, agreement, files)


def main(args: Sequence[str]) -> Report:
    """Evaluate the ensemble, and print its report and the disagreement of its members.

    Returns:
        Its report.
    """
    options = build_parser().parse_args(args)
    made = ensemble(options.runs, options.split, options.name)
    summary.print_table(made.report)
    for name, report in made.members.items():
        say(f"member {name}: accuracy {report.accuracy:.2%}")
    total, differ = made.report.num_samples, made.disagreement
    say(f"ensemble: accuracy {made.report.accuracy:.2%}: {made.report.errors} errors in {total}")
    say(
        f"the members disagree on {differ.not_unanimous} digits; two members disagree on "
        f"{differ.pairwise:.2%} on average; all members are wrong on {differ.all_wrong} digits",
        "",
    )
    summary.print_files(made.files)
    return made.report


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "ensemble",
        description="Average the class probabilities of several nets, and evaluate the mean. "
        "Report, predictions and pictures go into a new folder, which `compare` takes like a run.",
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--name", default="ensemble", help=f"folder in {LOGS} (default: ensemble)")
    return parser


def _same_images(one: Prediction, other: Prediction) -> bool:
    return one.dataset == other.dataset and np.array_equal(one.images, other.images)


def _report(probabilities: NDArray[np.float32], of: Prediction) -> Report:
    """The report of class probabilities (N, C)."""
    classes = probabilities.shape[1]
    cells = of.known_labels * classes + probabilities.argmax(axis=1)
    confusion = np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    log_probabilities = torch.from_numpy(probabilities).clamp_min(1e-12).log()
    loss = F.nll_loss(log_probabilities, torch.from_numpy(of.known_labels)).item()
    return Report(confusion, of.class_names, loss)


def _facts(reports: dict[str, Report], agreement: Disagreement, of: Prediction) -> dict[str, Any]:
    """What report.json holds besides the metrics; costs are sums over the members."""
    trainings = [read_training(resolve_run(name).folder) for name in reports]
    costs: dict[str, Any] = {}
    for cost in ("parameters", "training_seconds"):
        found = [training.get(cost) for training in trainings]
        costs[cost] = None if None in found else sum(filter(None, found))
    return {
        "dataset": of.dataset,
        "split": of.split,
        "members": [os.path.relpath(name) if os.path.exists(name) else name for name in reports],
        "member_accuracies": [report.accuracy for report in reports.values()],
        "disagreement": asdict(agreement),
        **costs,
        "hardware": environment.hardware(),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
    }
