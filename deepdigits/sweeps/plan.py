"""What all workers of a search agree on: config, space, metric, folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdigits.comparison.settings import differences, settings
from deepdigits.core.errors import InputError
from deepdigits.runs.resolve import LATEST
from deepdigits.sweeps.space import Param
from deepdigits.sweeps.typed_space import setting, typed_space
from deepdigits.training.config_flags import config_name, has_flag, same_origin
from deepdigits.training.execution import resolve_config

STORAGE = "study.db"


@dataclass(frozen=True)
class Plan:
    """A search before it starts.

    Attributes:
        name: Its name, also that of its study.
        folder: Its folder, ``<logs>/<name>``, with a run folder for each trial.
        args: Config and flags of all trials.
        config: The config that a trial without searched settings would save.
        space: The parameters.
        metric: The metric of an epoch that is searched by.
        maximize: Whether a larger value is better.
        epochs: Epochs of a training.
    """

    name: str
    folder: Path
    args: tuple[str, ...]
    config: dict[str, Any] = field(repr=False)
    space: tuple[Param, ...]
    metric: str
    maximize: bool
    epochs: int

    @property
    def storage(self) -> str:
        """The storage if none is given: an SQLite file in the folder."""
        return f"sqlite:///{self.folder.absolute() / STORAGE}"

    def facts(self) -> dict[str, Any]:
        """Plain values that all workers must share."""
        searched = {param.key for param in self.space}
        flat = settings(self.config)
        own = {k: v for k, v in flat.items() if k.replace(".init_args", "") not in searched}
        return {
            "space": {param.key: param.to_dict() for param in self.space},
            "metric": self.metric,
            "maximize": self.maximize,
            "config": {key: str(value) for key, value in own.items()},
        }

    def check(self, facts: Any) -> None:
        """Check that a study was created for this search.

        Raises:
            InputError: It has another space, metric or config.
        """
        own, theirs = (_flat(one) for one in (self.facts(), facts))
        if differing := differences([theirs, own]):
            pairs = [f"{key} was {old}, now {new}" for key, (old, new) in differing.items()]
            raise InputError(
                f"the search {self.name} was begun with other settings ({', '.join(pairs[:2])}"
                f"{', ...' if len(pairs) > 2 else ''}): use those again, or choose another name "
                "with --logger.name NAME"
            )


def make_plan(args: Sequence[str], space: Sequence[Param], metric: str | None) -> Plan:
    """The plan of a search, with each end of each range tried in the config.

    Args:
        args: Config and flags of all trials.
        space: The parameters.
        metric: The metric; None: that by which the config chooses its best checkpoint.

    Raises:
        InputError: A flag is wrong, a setting does not take a value, or the metric is of no
            validation.
    """
    words = list(args)
    if not has_flag(words, "logger.name"):
        words.append(f"--logger.name={config_name(words) or 'search'}-sweep")
    if metric is not None:
        if not metric.startswith("val/"):
            raise InputError(
                f"--metric is {metric}, expected a metric of the validation, such as val/accuracy: "
                "the test images are read at the end only"
            )
        words.append(f"--checkpoint.monitor={metric}")
    config = resolve_config(words)
    if Path(str(config.get("init_from"))).name == LATEST:
        raise InputError(f"--init_from {LATEST} is another run for each trial: name the run folder")
    words += same_origin(config)
    monitor, mode = (setting(config, f"checkpoint.{name}") for name in ("monitor", "mode"))
    if not str(monitor).startswith("val/"):
        raise InputError(
            f"the config chooses its best checkpoint by {monitor}: pass --metric with a metric of "
            "the validation, such as val/accuracy"
        )
    typed = typed_space(space, words, resolve_config)
    logger = config["logger"]
    return Plan(
        name=logger["name"],
        folder=Path(logger["save_dir"]) / logger["name"],
        args=tuple(words),
        config=config,
        space=tuple(typed),
        metric=monitor,
        maximize=mode == "max",
        epochs=int(setting(config, "trainer.max_epochs") or 1),
    )


def _flat(facts: Any) -> dict[str, Any]:
    nested = {f"space {key}": param for key, param in facts["space"].items()}
    return {**nested, **facts["config"], "metric": facts["metric"], "maximize": facts["maximize"]}
