"""``deepdigits slurm``: print a job script for SLURM, which trains on several nodes."""

import re
import shlex
from collections.abc import Sequence

from deepdigits.commands.overrides import Config, Overrides, config_arguments, override_arguments
from deepdigits.commands.parser import ArgumentParser
from deepdigits.core.console import say_text
from deepdigits.core.errors import InputError
from deepdigits.training.config_flags import config_name, has_flag

_TIME = re.compile(r"\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")
_PARTITION = re.compile(r"[\w.-]+(,[\w.-]+)*")
_WARNING = 90  # seconds before the time limit, to end the batch and save
_SCRIPT = """\
#!/usr/bin/env bash
{options}

# Shortly before the time limit SLURM sends USR1 to this script, which hands it on: the training
# saves and ends with code 143. Then the job is queued again, and goes on in the same run folder.
requeue=no
trap 'requeue=yes; kill -USR1 "$task"' USR1

srun {command} &
task=$!
wait "$task"
code=$?
if [ "$requeue" = yes ]; then  # the signal has ended the first wait
    wait "$task"
    code=$?
    if [ "$code" -eq 143 ]; then
        scontrol requeue "$SLURM_JOB_ID"
    fi
fi
exit "$code"
"""


def slurm(
    config: Config | Sequence[Config] = (),
    nodes: int = 1,
    overrides: Overrides = (),
    *,
    tasks_per_node: int | None = None,
    gpus_per_node: int | None = None,
    cpus_per_task: int | None = None,
    time: str | None = None,
    partition: str | None = None,
) -> str:
    """A job script for ``sbatch`` that runs ``deepdigits train`` on several nodes.

    A job that reaches its time limit saves, is queued again and goes on in the same run folder; so
    does one that is preempted, or that loses a node. The folder must be on a disk of all nodes.

    Args:
        config: A config as for `train`, or several.
        nodes: Number of nodes.
        overrides: Flags as on the command line, or a mapping of them.
        tasks_per_node: Processes on each node. None: as many as GPUs, or 1 without GPUs.
        gpus_per_node: GPUs of each node, with one process each. None: none are asked for.
        cpus_per_task: CPU cores of each process. None: SLURM decides.
        time: The time limit, as SLURM takes it, such as ``90``, ``4:00:00`` or ``2-12``. None: that
            of the partition.
        partition: The partition. None: the default of the cluster.

    Returns:
        The text of the script.

    Raises:
        InputError: A number, a config or a flag is wrong.
    """
    numbers = {
        "nodes": nodes,
        "tasks_per_node": tasks_per_node,
        "gpus_per_node": gpus_per_node,
        "cpus_per_task": cpus_per_task,
    }
    _check(numbers, time, partition)
    args = [*config_arguments(config), *override_arguments(overrides)]
    for name in ("devices", "num_nodes"):
        if has_flag(args, f"trainer.{name}"):
            raise InputError(
                f"--trainer.{name} is taken from SLURM: pass --nodes, and --gpus-per-node or "
                "--tasks-per-node, in its place"
            )
    from deepdigits.training.execution import check_arguments  # torch: once the words are right

    check_arguments(args)
    numbers["ntasks_per_node"] = numbers.pop("tasks_per_node") or gpus_per_node or 1
    name = re.sub(r"[^\w.-]", "-", config_name(args) or "train")
    values = {"job_name": name, **numbers, "time": time, "partition": partition}
    lines = [f"{key.replace('_', '-')}={value}" for key, value in values.items() if value]
    lines += ["output=%x-%j.out", "open-mode=append", "requeue", f"signal=B:USR1@{_WARNING}"]
    options = "\n".join(f"#SBATCH --{line}" for line in lines)
    cores = [] if cpus_per_task is None else [f"--cpus-per-task={cpus_per_task}"]
    return _SCRIPT.format(
        options=options, command=shlex.join([*cores, "deepdigits", "train", *args])
    )


def main(args: Sequence[str]) -> str:
    """Print the script.

    Raises:
        InputError: As `slurm`.
    """
    options, overrides = build_parser().parse_known_args(args)
    script = slurm(
        (),
        options.nodes,
        overrides,
        tasks_per_node=options.tasks_per_node,
        gpus_per_node=options.gpus_per_node,
        cpus_per_task=options.cpus_per_task,
        time=options.time,
        partition=options.partition,
    )
    say_text(script.removesuffix("\n"))
    return script


def build_parser() -> ArgumentParser:
    """The parser of the command's own options; all others are those of `train`."""
    parser = ArgumentParser(
        "slurm",
        usage="deepdigits slurm -c CONFIG --nodes N [options] [any option of train] > job.sh",
        description="Print a job script for sbatch that trains on several nodes. At its time limit "
        "the job saves, is queued again and goes on in the same run folder.",
    )
    add = parser.add_argument
    add("--nodes", type=int, default=1, metavar="N", help="number of nodes (default: 1)")
    add("--gpus-per-node", type=int, metavar="N", help="GPUs of each node, one process each")
    add(
        "--tasks-per-node", type=int, metavar="N", help="processes on each node (default: its GPUs)"
    )
    add("--cpus-per-task", type=int, metavar="N", help="CPU cores of each process")
    add("--time", metavar="LIMIT", help="time limit, such as 90 (minutes), 4:00:00 or 2-12")
    add("--partition", metavar="NAME", help="default: that of the cluster")
    return parser


def _check(numbers: dict[str, int | None], time: str | None, partition: str | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}, expected 1 or more")
    tasks, gpus = numbers["tasks_per_node"], numbers["gpus_per_node"]
    if tasks is not None and gpus is not None and tasks != gpus:
        raise InputError(
            f"tasks_per_node is {tasks} and gpus_per_node {gpus}: each GPU has one process; leave "
            "out tasks_per_node"
        )
    if time is not None and not _TIME.fullmatch(time):
        raise InputError(
            f"time is {time!r}, expected minutes, hours:minutes:seconds or days-hours, such as "
            "4:00:00"
        )
    if partition is not None and not _PARTITION.fullmatch(partition):
        raise InputError(f"partition is {partition!r}, expected a name, or several with commas")
