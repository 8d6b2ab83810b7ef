"""Draw the values of a trial, and choose Optuna's sampler and pruner."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna

from deepdigits.core.errors import InputError
from deepdigits.sweeps.space import Param, Plain, Pruner, Sampler

_FIRST_TRIALS = 5  # finished trials before the median of them prunes one
_MAX_GRID = 100_000


def draw(trial: optuna.Trial, space: Sequence[Param]) -> dict[str, Plain]:
    """The values of a trial: of the parameters whose conditions hold.

    Args:
        trial: The trial; one that is retried gives the same values again.
        space: The parameters, each after those that it depends on.
    """
    values: dict[str, Plain] = {}
    for param in space:
        if all(key in values and values[key] in of for key, of in (param.when or {}).items()):
            values[param.key] = _suggest(trial, param)
    return values


def make_sampler(name: Sampler, space: Sequence[Param], seed: int | None) -> Any:
    """Optuna's sampler.

    Args:
        name: tpe, random or grid.
        space: The parameters; a grid needs a finite number of values of each.
        seed: Seed of tpe and random. None: another one each time, so workers differ.

    Raises:
        InputError: The space has no grid, or too large a one.
    """
    if name == "random":
        return optuna.samplers.RandomSampler(seed)
    if name == "grid":
        return optuna.samplers.GridSampler(_grid(space), seed=0)
    # Workers that draw at the same time shall not draw the same.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def make_pruner(name: Pruner, epochs: int) -> Any:
    """Optuna's pruner, which stops trials that are worse than others at the same epoch.

    Args:
        name: median, hyperband or none.
        epochs: Epochs of a training; the first third is never pruned by the median.
    """
    if name == "median":
        return optuna.pruners.MedianPruner(_FIRST_TRIALS, n_warmup_steps=max(1, epochs // 3))
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(1, max(1, epochs))
    return optuna.pruners.NopPruner()


def _suggest(trial: optuna.Trial, param: Param) -> Plain:
    if param.kind == "choice":
        chosen: Plain = trial.suggest_categorical(param.key, param.choices)
        return chosen
    assert param.low is not None and param.high is not None
    if param.kind == "int":
        step = 1 if param.step is None else int(param.step)
        return trial.suggest_int(
            param.key, int(param.low), int(param.high), step=step, log=param.log
        )
    return trial.suggest_float(param.key, param.low, param.high, step=param.step, log=param.log)


def _grid(space: Sequence[Param]) -> Mapping[str, list[Plain]]:
    grid = {param.key: _values(param) for param in space}
    size = np.prod([len(values) for values in grid.values()], dtype=np.float64)
    if size > _MAX_GRID:
        raise InputError(f"the grid has {size:,.0f} settings, expected up to {_MAX_GRID:,}")
    return grid


def _values(param: Param) -> list[Plain]:
    if param.when:
        raise InputError(f"a grid has no conditions: leave out that of {param.key}, or use tpe")
    if param.kind == "choice":
        return list(param.choices)
    assert param.low is not None and param.high is not None
    if (param.kind == "float" and param.step is None) or param.log:
        raise InputError(
            f"{param.key} has no finite number of values for a grid: list them (A,B,C), or give a "
            "step (LOW..HIGH:STEP)"
        )
    step = param.step or 1
    number = int((param.high - param.low) / step + 1e-9) + 1
    values = [param.low + place * step for place in range(number)]
    return [int(value) for value in values] if param.kind == "int" else list(values)
