"""``deepdigits sweep``: search for the best settings of a config, and confirm them over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdigits.commands import summary
from deepdigits.commands.overrides import Config, Overrides, config_arguments, override_arguments
from deepdigits.commands.repeat import RESERVED
from deepdigits.commands.sweep_parser import HEARTBEAT, build_parser
from deepdigits.core import packages, tables
from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.sweeps.space import (
    Param,
    Pruner,
    Sampler,
    checked,
    parse,
    parse_flag,
    read_space,
)
from deepdigits.training.config_flags import has_flag, named_configs

if TYPE_CHECKING:
    from deepdigits.commands.confirmation import Confirmation
    from deepdigits.sweeps.best import Trial
    from deepdigits.sweeps.plan import Plan
    from deepdigits.sweeps.worker import Settings

_SHOWN = 5  # trials of the table


@dataclass(frozen=True)
class Sweep:
    """A search that has reached its number of trials.

    Attributes:
        folder: Its folder, with a run folder for each trial.
        metric: The metric that was searched by.
        trials: The finished trials, in order.
        best: The complete trials with different settings, the best first.
        files: best.yaml, to be stacked on the config, and pictures.
        confirmation: The best trials over seeds, on the test images. None: not asked for.
    """

    folder: Path
    metric: str
    trials: "tuple[Trial, ...]"
    best: "tuple[Trial, ...]"
    files: Mapping[str, Path]
    confirmation: "Confirmation | None" = None


def sweep(
    config: Config | Sequence[Config],
    space: Mapping[str, Any] | Sequence[Param] | str | Path,
    trials: int,
    overrides: Overrides = (),
    *,
    metric: str | None = None,
    sampler: Sampler = "tpe",
    pruner: Pruner = "median",
    storage: str | None = None,
    jobs: int = 1,
    confirm: int = 3,
    seeds: int = 5,
    heartbeat: int = HEARTBEAT,
) -> Sweep:
    """Search for the best settings of a config, and confirm the best trials over seeds.

    Call it again to go on where it stopped; call it on several machines with one storage to share
    the work. A trial is a training in a process of its own. A worker that is killed loses nothing:
    another one goes on with its training.

    Args:
        config: A config as for `train`, or several.
        space: Setting -> range, such as ``{"model.lr": "log:1e-3..3e-2"}``, or a YAML file of them.
        trials: Number of finished trials, with those that were pruned.
        overrides: Flags of all trials, or a mapping of them.
        metric: A metric of the validation, such as ``val/accuracy``. None: that by which the config
            chooses its best checkpoint.
        sampler: tpe (Bergstra et al. 2011), random or grid.
        pruner: Stops trials that are worse than others: median, hyperband (Li et al. 2018) or none.
        storage: A database, as SQLAlchemy takes it. None: an SQLite file in the folder.
        jobs: Number of trainings at the same time on this machine.
        confirm: Number of best trials to train over seeds, beside the config itself. 0: none.
        seeds: Number of these seeds.
        heartbeat: Seconds between two signs of life of a worker. Without one for twice as long, its
            training is given to another worker.

    Raises:
        InputError: A flag, a range or the storage is wrong.
        RunFailed: Trials fail one after the other.
    """
    args = named_configs([*config_arguments(config), *override_arguments(overrides)])
    numbers = {"trials": trials, "jobs": jobs, "seeds": seeds, "heartbeat": heartbeat}
    _check(args, numbers, confirm)
    params = _params(space)
    packages.require_extra("sweep", "sweep")
    if jobs > 1 and not has_flag(args, "num_threads"):
        args.append("--num_threads=1")
    from deepdigits.sweeps.plan import make_plan  # torch and optuna: only once the words are right
    from deepdigits.sweeps.worker import Settings

    plan = make_plan(args, params, metric)
    settings = Settings(storage or plan.storage, trials, sampler, pruner, heartbeat)
    made = _search(plan, settings, jobs)
    if not (confirm and made.best):
        return made
    from deepdigits.commands.confirmation import confirm_best

    return replace(made, confirmation=confirm_best(plan, made.best[:confirm], seeds, jobs))


def main(args: Sequence[str]) -> Sweep:
    """Search, and print the best trials, the files and the confirmation.

    Raises:
        InputError: As `sweep`.
        RunFailed: As `sweep`.
    """
    options, overrides = build_parser().parse_known_args(args)
    given = [*(read_space(Path(options.space)) if options.space else [])]
    given += [parse_flag(text) for text in options.param]
    names = ("metric", "sampler", "pruner", "storage", "jobs", "confirm", "seeds", "heartbeat")
    chosen = {name: getattr(options, name) for name in names}
    made = sweep((), given, options.trials, overrides, **chosen)
    if made.confirmation is not None:
        say("", *made.confirmation.lines())
    return made


def _check(args: Sequence[str], numbers: Mapping[str, int], confirm: int) -> None:
    """Check flags and numbers that need no config.

    Raises:
        InputError: One is wrong.
    """
    least = {**dict.fromkeys(numbers, 1), "confirm": 0}
    for name, number in {**numbers, "confirm": confirm}.items():
        if number < least[name]:
            raise InputError(f"{name} is {number}, expected {least[name]} or more")
    for word in args:
        if word.partition("=")[0] in RESERVED:
            raise InputError(f"each trial has its own folder, and starts anew: leave out {word}")


def _params(space: Mapping[str, Any] | Sequence[Param] | str | Path) -> list[Param]:
    if isinstance(space, str | Path):
        return read_space(Path(space))
    if isinstance(space, Mapping):
        return checked([parse(key, value) for key, value in space.items()])
    return checked(space)


def _search(plan: "Plan", settings: "Settings", jobs: int) -> Sweep:
    """Run the trials, and print how far they are and the best ones."""
    from deepdigits.sweeps import best
    from deepdigits.sweeps.figures import save_figures
    from deepdigits.sweeps.progress import Progress
    from deepdigits.sweeps.store import hidden_password
    from deepdigits.sweeps.worker import open_search, work
    from deepdigits.sweeps.workers import run_workers

    progress = Progress(settings.total, plan.metric, plan.maximize)
    files: dict[str, Path] = {}
    with open_search(plan, settings) as study:
        say(f"search      {plan.folder}, {hidden_password(settings.storage)}")
        progress.start(study.get_trials(deepcopy=False))
        if jobs == 1:
            work(plan, settings, study, progress)
        else:
            run_workers(plan, settings, jobs, study, progress)
        trials = best.finished(study.get_trials(deepcopy=False))
        ranking = best.ranked(trials, plan.maximize)
        if ranking:
            files["best"] = best.write_best(ranking[0], plan.config, plan.folder)
        files |= save_figures(study, plan.metric, plan.folder)
    _print(plan, trials, ranking, files)
    say(f"more        optuna-dashboard {hidden_password(settings.storage)}")
    return Sweep(plan.folder, plan.metric, tuple(trials), tuple(ranking), files)


def _print(
    plan: "Plan", trials: "Sequence[Trial]", ranking: "Sequence[Trial]", files: Mapping[str, Path]
) -> None:
    states = [trial.state for trial in trials]
    counts = [f"{states.count(s)} {s}" for s in ("complete", "pruned", "failed") if s in states]
    say(f"{len(trials)} trials finished: {', '.join(counts)}")
    keys = [param.key for param in plan.space]
    rows = [
        [f"{one.number}", f"{one.value:.4f}", *(_cell(one.values.get(key, "-")) for key in keys)]
        for one in ranking[:_SHOWN]
    ]
    tables.show(["trial", plan.metric, *keys], rows)
    summary.print_files(files)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
