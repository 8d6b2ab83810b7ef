"""The variables of torchrun and SLURM say how many processes a run has."""

import pytest

from deepdigits.core.errors import InputError
from deepdigits.core.launched import Launched, launched, without_launcher

TORCHRUN = {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3"}
TORCHRUN |= {"GROUP_WORLD_SIZE": "2", "RANK": "4", "LOCAL_RANK": "1"}
SLURM = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4"}
SLURM |= {"SLURM_NNODES": "2", "SLURM_JOB_NAME": "digits"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"LOCAL_RANK": "0", "WORLD_SIZE": "2"}, None),  # a process that Lightning has started
        (TORCHRUN, Launched("torchrun", 3, 2)),
        (SLURM, Launched("SLURM", 4, 2)),
        ({**SLURM, **TORCHRUN}, Launched("torchrun", 3, 2)),
        ({"SLURM_NTASKS": "1"}, Launched("SLURM", 1, 1)),
        (SLURM | {"SLURM_JOB_NAME": "interactive"}, None),
        ({"SLURM_JOB_ID": "7"}, None),  # in a job script, without srun
    ],
)
def test_variables_are_read(variables: dict[str, str], expected: Launched | None) -> None:
    assert launched(variables) == expected


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "x"}, "LOCAL_WORLD_SIZE is 'x', expected a number"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "0"}, "expected a number of 1 or more"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "4"}, "4 processes on each of 2 nodes, but 6 in all"),
        (SLURM | {"SLURM_NNODES": "3"}, "4 processes on each of 3 nodes, but 8 in all"),
        ({"SLURM_NTASKS": "2"}, "pass --ntasks-per-node"),
    ],
)
def test_numbers_that_do_not_fit_are_one_line(variables: dict[str, str], line: str) -> None:
    with pytest.raises(InputError, match=line):
        launched(variables)


@pytest.mark.parametrize("variables", [TORCHRUN, SLURM, {**TORCHRUN, **SLURM}])
def test_a_run_of_its_own_has_no_launcher(variables: dict[str, str]) -> None:
    left = without_launcher({**variables, "PATH": "/bin"})
    assert launched(left) is None and left["PATH"] == "/bin"
    assert left.get("SLURM_JOB_ID") == variables.get("SLURM_JOB_ID")  # for the signal SIGUSR1
