"""One worker of a search, in this process or one of its own (`python -m`, described on stdin)."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna

from deepdigits.core.console import say
from deepdigits.core.errors import InputError, Interrupted, RunFailed
from deepdigits.sweeps.child import end_with
from deepdigits.sweeps.plan import Plan
from deepdigits.sweeps.progress import Progress
from deepdigits.sweeps.sampling import make_pruner, make_sampler
from deepdigits.sweeps.search import search
from deepdigits.sweeps.space import Param, Pruner, Sampler
from deepdigits.sweeps.stopping import Stop
from deepdigits.sweeps.store import open_study
from deepdigits.sweeps.training import Trainer


@dataclass(frozen=True)
class Settings:
    """How a search is done; workers may differ in these.

    Attributes:
        storage: The URL of Optuna's storage.
        total: Number of finished trials.
        sampler: tpe, random or grid.
        pruner: median, hyperband or none.
        heartbeat: Seconds between two signs of life of a worker.
    """

    storage: str
    total: int
    sampler: Sampler
    pruner: Pruner
    heartbeat: int


@contextmanager
def open_search(plan: Plan, settings: Settings) -> Iterator[optuna.Study]:
    """Create the study of a search, or load it; close it after the block.

    Raises:
        InputError: It was created for another search, or the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with open_study(
        settings.storage,
        plan.name,
        "maximize" if plan.maximize else "minimize",
        plan.facts(),
        plan.folder,
        settings.heartbeat,
    ) as (study, facts):
        plan.check(facts)
        study.sampler = make_sampler(settings.sampler, plan.space, None)
        study.pruner = make_pruner(settings.pruner, plan.epochs)
        yield study


def work(plan: Plan, settings: Settings, study: optuna.Study, progress: Progress | None) -> None:
    """Run trials until all are finished.

    Args:
        plan: The search.
        settings: How it is done.
        study: Its study.
        progress: Prints a line for each finished trial. None: nothing is printed.

    Raises:
        Interrupted: A signal was received; the training has saved.
        RunFailed: Trials fail one after the other.
    """
    with Stop() as stop:

        def after(study: optuna.Study) -> None:
            stop.check()
            if progress is not None:
                progress.tell(study.get_trials(deepcopy=False))

        trainer = Trainer(plan.folder, plan.args, plan.space, plan.metric, plan.maximize, stop)
        search(study, trainer, settings.total, settings.heartbeat, after)


def to_json(plan: Plan, settings: Settings) -> str:
    """The description of a worker, for its stdin."""
    content = {"plan": asdict(plan), "settings": asdict(settings)}
    return json.dumps(content, default=str)  # of the folder


def from_json(text: str) -> tuple[Plan, Settings]:
    """What `to_json` was given."""
    content = json.loads(text)
    plan, space = content["plan"], content["plan"]["space"]
    for param in space:
        param["choices"] = tuple(param["choices"])
        if param["when"] is not None:
            param["when"] = {key: tuple(values) for key, values in param["when"].items()}
    return (
        Plan(
            **plan
            | {
                "folder": Path(plan["folder"]),
                "args": tuple(plan["args"]),
                "space": tuple(Param(**param) for param in space),
            }
        ),
        Settings(**content["settings"]),
    )


def main(parent: int) -> None:
    """Work as stdin describes; errors are one line, with the exit codes of `deepdigits`."""
    end_with(parent)
    plan, settings = from_json(sys.stdin.read())
    try:
        with open_search(plan, settings) as study:
            work(plan, settings, study, None)
    except Interrupted as stop:
        sys.exit(stop.code)
    except (InputError, RunFailed) as error:
        say(f"deepdigits: error: {error}", error=True)
        sys.exit(2 if isinstance(error, InputError) else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
