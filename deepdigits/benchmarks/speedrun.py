"""``bench speedrun``: seconds of training to 99 % of the official test set."""

import sys
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.benchmarks import recipes
from deepdigits.benchmarks.loop import fit
from deepdigits.benchmarks.timing import Result, check_config
from deepdigits.data import sources as datasets
from deepdigits.data.module import to_float

GOAL = 0.99
OURS = "deepdigits"
SPEED = "known speed recipe (train_mnist_fast)"
CLASSIC = "classic recipe (pytorch/examples)"


def bench_speedrun(
    config: str = "configs/recipes/speedrun.yaml", seeds: int = 5, classic: int = 0
) -> Result:
    """Train to a mean test accuracy of 99 % in three ways, which take turns, seed by seed.

    The clock runs from the first batch to the last, with all work on pixels from uint8 on; for ours
    with everything that `deepdigits fit` does. Reading files and the test are outside. The recipes
    are fixed beforehand and end where they end; only the classic one, which takes minutes, is
    stopped after the epoch in which it reaches the goal on the test images.

    Args:
        config: Ours.
        seeds: Trainings of each, with seeds 0, 1, ...
        classic: Trainings of the classic recipe. 0: leave it out.

    Raises:
        InputError: The config cannot be read or is wrong.
    """
    check_config(config)
    root = datasets.default_data_dir()
    datasets.prepare("mnist", root)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, labels = (t.to(device) for t in datasets.load("mnist", root, train=True))
    test, answers = (t.to(device) for t in datasets.load("mnist", root, train=False))
    normal = (to_float(test) - recipes.MEAN) / recipes.STD
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], SPEED: [], CLASSIC: []}
    for seed in range(max(seeds, classic)):
        if seed < seeds:
            runs[OURS].append(_ours(config, seed, to_float(test), answers))
            net, seconds = recipes.train_speed_recipe(images, labels, seed)
            runs[SPEED].append(_facts(net, seconds, 1, normal, answers))
        if seed < classic:
            net, each = recipes.train_classic(
                str(root), seed, lambda net: accuracy(net, normal, answers) >= GOAL, device=device
            )
            runs[CLASSIC].append(_facts(net, sum(each), len(each), normal, answers))
    return _result({name: of_name for name, of_name in runs.items() if of_name})


def accuracy(net: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """Share of right answers.

    Args:
        net: A net.
        pixels: Floats (N, 1, 28, 28) as the net takes them.
        labels: int64 (N,).
    """
    net.eval().to(pixels.device)
    with torch.no_grad():
        predicted = torch.cat([net(batch).argmax(dim=1) for batch in torch.split(pixels, 1000)])
    return int((predicted == labels).sum()) / len(labels)


def _ours(config: str, seed: int, pixels: Tensor, labels: Tensor) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        done, seconds = fit(["-c", config, "--seed_everything", str(seed)], folder)
    return _facts(done.model.net, seconds, done.trainer.current_epoch, pixels, labels)


def _facts(
    net: nn.Module, seconds: float, epochs: int, pixels: Tensor, labels: Tensor
) -> dict[str, Any]:
    """What is known of one training; said on stderr as well."""
    facts = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "epochs": epochs,
        "seconds": round(seconds, 4),
        "accuracy": accuracy(net, pixels, labels),
    }
    print(facts, file=sys.stderr, flush=True)
    return facts


def _result(runs: dict[str, list[dict[str, Any]]]) -> Result:
    base = median(run["seconds"] for run in runs[OURS])
    ratio, rows = {}, []
    for name, of_name in runs.items():
        seconds = median(run["seconds"] for run in of_name)
        percent = [100 * run["accuracy"] for run in of_name]
        ratio[name] = round(seconds / base, 3)
        epochs = median(run["epochs"] for run in of_name)
        spread = f" +- {stdev(percent):.3f}" if len(percent) > 1 else ""
        row = [f"{of_name[0]['parameters']:,}", f"{epochs:g}", f"{mean(percent):.3f}{spread} %"]
        row += [f"{len(of_name)}", f"{seconds:.3f} s", f"{seconds / epochs:.3f} s"]
        rows.append([name, *row, f"{ratio[name]:.2f} x"])
    head = ("", "parameters", "epochs", "test accuracy", "n", "median", "an epoch", "ratio")
    task = f"seconds of training to {GOAL:.0%} of the official test set"
    return Result("speedrun", task, head, rows, {"runs": runs, "ratio": ratio})
