"""The processes that torchrun or SLURM has started, read from the variables that they set."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from deepdigits.core.errors import InputError

_TORCHRUN, _SLURM = "TORCHELASTIC_RUN_ID", "SLURM_NTASKS"
_INTERACTIVE = ("bash", "interactive")  # names of jobs whose tasks Lightning 2.6 ignores


@dataclass(frozen=True)
class Launched:
    """The processes of one run, of which this is one.

    Attributes:
        launcher: torchrun or SLURM.
        per_node: Number of processes on each node.
        nodes: Number of nodes.
    """

    launcher: str
    per_node: int
    nodes: int

    def __str__(self) -> str:
        processes = "1 process" if self.per_node == 1 else f"{self.per_node} processes"
        nodes = "1 node" if self.nodes == 1 else f"each of {self.nodes} nodes"
        return f"{self.launcher} has started {processes} on {nodes}"


def launched(variables: Mapping[str, str] | None = None) -> Launched | None:
    """What has started this process; None: neither torchrun nor ``srun``.

    torchrun comes first: it may have been started by SLURM.

    Args:
        variables: The environment. None: that of this process.

    Raises:
        InputError: A variable is no number, or the nodes have different numbers of processes.

    >>> print(launched({"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2"}))
    SLURM has started 2 processes on each of 2 nodes
    >>> launched({"LOCAL_RANK": "0"})
    """
    found = os.environ if variables is None else variables
    if _TORCHRUN in found:
        total, per_node = _number(found, "WORLD_SIZE"), _number(found, "LOCAL_WORLD_SIZE")
        made = Launched("torchrun", per_node, _number(found, "GROUP_WORLD_SIZE"))
        way_out = "pass the same --nproc-per-node on each node"
    elif _SLURM in found and found.get("SLURM_JOB_NAME") not in _INTERACTIVE:
        total = _number(found, _SLURM)
        nodes = "SLURM_NNODES" if "SLURM_NNODES" in found else "SLURM_JOB_NUM_NODES"
        if total > 1 and "SLURM_NTASKS_PER_NODE" not in found:
            raise InputError(
                f"SLURM has started {total} processes and SLURM_NTASKS_PER_NODE is not set: pass "
                "--ntasks-per-node to sbatch and srun in place of --ntasks"
            )
        made = Launched("SLURM", _number(found, "SLURM_NTASKS_PER_NODE"), _number(found, nodes))
        way_out = "pass --nodes and --ntasks-per-node to sbatch, and neither of them to srun"
    else:
        return None
    if made.per_node * made.nodes != total:
        raise InputError(f"{made}, but {total} in all: {way_out}")
    return made


def without_launcher(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment for a run of its own: it does not join the processes of a launcher.

    >>> without_launcher({"HOME": "/", "SLURM_NTASKS": "4", "RANK": "1", "SLURM_JOB_ID": "7"})
    {'HOME': '/', 'SLURM_JOB_ID': '7'}
    """
    ranks = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK")
    left_out = (_SLURM, *ranks, "GROUP_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return {
        name: value
        for name, value in variables.items()
        if name not in left_out and not name.startswith("TORCHELASTIC_")
    }


def _number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "1")
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"the variable {name} is {text!r}, expected a number of 1 or more")
    return int(text)
