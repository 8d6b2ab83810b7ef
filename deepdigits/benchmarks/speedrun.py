"""``bench speedrun``: seconds of training to a test accuracy of 99 %."""

from collections.abc import Sequence
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from deepdigits.benchmarks import recipes
from deepdigits.benchmarks.loop import build, fit, threads_of, warm_up
from deepdigits.benchmarks.timing import Result
from deepdigits.core.console import say
from deepdigits.data import sources
from deepdigits.data.module import to_float
from deepdigits.runs.bundled_configs import config_path

GOAL = 0.99
OURS = "deepdigits"
SPEED = "speed recipe (train_mnist_fast)"
CLASSIC = "classic recipe (pytorch/examples)"


def bench_speedrun(config: str = "speedrun", seeds: int = 5, classic: int = 0) -> Result:
    """Train three recipes to a mean test accuracy of 99 %, alternately, seed by seed.

    The time is from the first batch to the last, and includes all work on uint8 pixels; for the
    config also everything else that `deepdigits fit` does. Reading files and the test are not
    measured. The recipes have a fixed length; only the classic one, which takes minutes, stops
    after the epoch in which it reaches the goal on the test images.

    Args:
        config: The config of deepdigits.
        seeds: Trainings of the config and of the speed recipe, with seeds 0, 1, ...
        classic: Trainings of the classic recipe. 0: leave it out.

    Raises:
        InputError: The config cannot be read or is wrong.
    """
    config = config_path(config)
    root = sources.default_data_dir()
    sources.prepare("mnist", root)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, labels = (t.to(device) for t in sources.load("mnist", root, train=True))
    test, test_labels = (t.to(device) for t in sources.load("mnist", root, train=False))
    normal = (to_float(test) - recipes.MEAN) / recipes.STD
    args = ["-c", config]
    args += threads_of(build(args))  # the same for all
    warm_up(args)
    recipes.train_speed_recipe(images[:512], labels[:512], 0)  # unmeasured, as ours
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], SPEED: [], CLASSIC: []}
    for seed in range(max(seeds, classic)):
        if seed < seeds:
            runs[OURS].append(_ours(args, seed, to_float(test), test_labels))
            net, seconds = recipes.train_speed_recipe(images, labels, seed)
            runs[SPEED].append(_facts(net, seconds, 1, normal, test_labels))
        if seed < classic:
            net, each = recipes.train_classic(
                str(root),
                seed,
                lambda net: accuracy(net, normal, test_labels) >= GOAL,
                device=device,
            )
            runs[CLASSIC].append(_facts(net, sum(each), len(each), normal, test_labels))
    return _result({name: results for name, results in runs.items() if results})


def accuracy(net: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    """Fraction of correct predictions.

    Args:
        net: A net.
        pixels: Input of the net, floats (N, 1, 28, 28).
        labels: int64 (N,).
    """
    net.eval().to(pixels.device)
    with torch.no_grad():
        predicted = torch.cat([net(batch).argmax(dim=1) for batch in torch.split(pixels, 1000)])
    return int((predicted == labels).sum()) / len(labels)


def _ours(args: Sequence[str], seed: int, pixels: Tensor, labels: Tensor) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        done, seconds = fit([*args, "--seed_everything", str(seed)], folder)
    return _facts(done.model.net, seconds, done.trainer.current_epoch, pixels, labels)


def _facts(
    net: nn.Module, seconds: float, epochs: int, pixels: Tensor, labels: Tensor
) -> dict[str, Any]:
    """The results of one training; also printed to stderr."""
    facts = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "epochs": epochs,
        "seconds": round(seconds, 4),
        "accuracy": accuracy(net, pixels, labels),
    }
    say(str(facts), error=True)
    return facts


def _result(runs: dict[str, list[dict[str, Any]]]) -> Result:
    base = median(run["seconds"] for run in runs[OURS])
    ratio, rows = {}, []
    for name, results in runs.items():
        seconds = median(run["seconds"] for run in results)
        percent = [100 * run["accuracy"] for run in results]
        ratio[name] = round(seconds / base, 3)
        epochs = median(run["epochs"] for run in results)
        spread = f" +- {stdev(percent):.3f}" if len(percent) > 1 else ""
        row = [f"{results[0]['parameters']:,}", f"{epochs:g}", f"{mean(percent):.3f}{spread} %"]
        row += [f"{len(results)}", f"{seconds:.3f} s", f"{seconds / epochs:.3f} s"]
        rows.append([name, *row, f"{ratio[name]:.2f} x"])
    columns = ("", "parameters", "epochs", "test accuracy", "n", "median", "an epoch", "ratio")
    task = f"seconds of training to a test accuracy of {GOAL:.0%}"
    return Result("speedrun", task, columns, rows, {"runs": runs, "ratio": ratio})
