"""``deepdigits ensemble RUN RUN ...``: several runs as one net, by the mean of what they say."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepdigits.commands import ArgumentParser
from deepdigits.core import environment, tables
from deepdigits.core.errors import InputError
from deepdigits.data.registry import DATASETS
from deepdigits.metrics.agreement import Disagreement, disagreement
from deepdigits.metrics.report import Report
from deepdigits.runs import bundled as pretrained
from deepdigits.runs import evaluation
from deepdigits.runs import report as reports
from deepdigits.runs.resolve import LOGS, resolve_run
from deepdigits.runs.run import Run
from deepdigits.training import cli


@dataclass(frozen=True)
class Member:
    """What one net says of a split.

    Attributes:
        name: As it was typed.
        dataset: Name of the dataset.
        images: uint8 (N, 28, 28).
        labels: (N,).
        probabilities: (N, C).
        facts: Of its report: parameters and training_seconds, where they are known.
    """

    name: str
    dataset: str
    images: Tensor
    labels: Tensor
    probabilities: Tensor
    facts: dict[str, Any]


def main(args: Sequence[str]) -> Report:
    """Measure the ensemble, write its folder and print its table.

    Returns:
        Its report.

    Raises:
        InputError: A run is not there, there are fewer than two, or their digits differ.
    """
    options = _parser().parse_args(args)
    if len(options.runs) < 2:
        raise InputError("an ensemble takes two runs or more: deepdigits ensemble RUN RUN ...")
    if len(set(options.runs)) < len(options.runs):
        raise InputError("a run is named twice: it would only weigh double")
    members = [_ask(name, options.split) for name in options.runs]
    for member in members[1:]:
        if member.dataset != members[0].dataset or not member.labels.equal(members[0].labels):
            raise InputError(
                f"{members[0].name} was made for {members[0].dataset} and {member.name} for "
                f"{member.dataset}, or for other digits of it: an ensemble reads the same digits"
            )
    mean = torch.stack([member.probabilities for member in members]).mean(dim=0)
    report = _report(mean, members[0])
    differ = disagreement([member.probabilities for member in members], members[0].labels)
    run = Run(_new_folder(Path(LOGS) / options.name))
    facts = _facts(members, differ, options.split)
    files = evaluation.write(run, report, facts, members[0].images, members[0].labels, mean)
    _print(report, members, differ, files)
    return report


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "ensemble",
        description="Average the class probabilities of several runs, and measure that as one net: "
        "report, predictions and pictures go into a new folder, which `compare` shows beside "
        "others. What is printed says how much the members disagree.",
    )
    list_models = ", ".join(pretrained.list_models())
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=f"a run folder, a checkpoint in one, `latest`, or a net of the package: {list_models}",
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--name", default="ensemble", help=f"folder in {LOGS} (default: ensemble)")
    return parser


def _ask(name: str, split: str) -> Member:
    """What a run says, in its own precision and of its own dataset."""
    options = ["--data.test_split", split, "--output=null"]
    done = cli.main(["predict", "--ckpt_path", name, *options])
    probabilities = torch.cat(
        [part.float().cpu() for part in done.trainer.predict_loop.predictions]
    )
    images, labels = (tensor.cpu() for tensor in done.datamodule.images_and_labels(split))
    facts = reports.read_training(resolve_run(name))
    return Member(name, done.datamodule.dataset_name, images, labels, probabilities, facts)


def _report(probabilities: Tensor, of: Member) -> Report:
    """The figures of probabilities (N, C)."""
    classes = probabilities.shape[1]
    cells = of.labels * classes + probabilities.argmax(dim=1)
    confusion = cells.bincount(minlength=classes * classes).view(classes, classes)
    loss = F.nll_loss(probabilities.clamp_min(1e-12).log(), of.labels).item()
    return Report(confusion.numpy(), DATASETS[of.dataset].classes, loss)


def _facts(members: Sequence[Member], differ: Disagreement, split: str) -> dict[str, Any]:
    """What report.json holds besides the figures; costs are sums over the members."""
    costs: dict[str, Any] = {}
    for cost in ("parameters", "training_seconds"):
        found = [member.facts.get(cost) for member in members]
        costs[cost] = None if None in found else sum(filter(None, found))
    return {
        "dataset": members[0].dataset,
        "split": split,
        "members": [os.path.relpath(m.name) if os.path.exists(m.name) else m.name for m in members],
        "member_accuracies": [_report(m.probabilities, m).accuracy for m in members],
        "disagreement": asdict(differ),
        **costs,
        "hardware": environment.hardware(),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
    }


def _new_folder(parent: Path) -> Path:
    """The next version_N that is free."""
    for number in count():
        folder = parent / f"version_{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def _print(
    report: Report, members: Sequence[Member], differ: Disagreement, files: dict[str, Path]
) -> None:
    tables.show(report.COLUMNS, report.rows())
    for member in members:
        print(
            f"member {member.name}: accuracy {_report(member.probabilities, member).accuracy:.2%}"
        )
    total = report.num_samples
    print(f"ensemble: accuracy {report.accuracy:.2%}: {report.errors} errors in {total}")
    print(
        f"the members disagree on {differ.not_unanimous} digits, two of them on "
        f"{differ.pairwise:.2%} on average; {differ.all_wrong} digits are wrong in all\n"
    )
    for what, path in files.items():
        print(f"{what:<11} {os.path.relpath(path)}")
