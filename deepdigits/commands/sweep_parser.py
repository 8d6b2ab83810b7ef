"""The parser of `deepdigits sweep`."""

from typing import get_args

from deepdigits.commands.parser import ArgumentParser
from deepdigits.sweeps.space import Pruner, Sampler

HEARTBEAT = 60  # seconds
SAMPLERS, PRUNERS = get_args(Sampler), get_args(Pruner)


def build_parser() -> ArgumentParser:
    """The parser of the command's own options; all others are those of `train`."""
    parser = ArgumentParser(
        "sweep",
        usage="deepdigits sweep -c CONFIG --param KEY=RANGE ... --trials N [any option of train]",
        description="Search for the best settings of a config by the validation images, then train "
        "the best ones and the config itself over seeds and compare them on the test images. Call "
        "it again to go on where it stopped. A RANGE is LOW..HIGH, log:LOW..HIGH, LOW..HIGH:STEP "
        "or A,B,C.",
    )
    add = parser.add_argument
    add(
        "--param",
        action="append",
        default=[],
        metavar="KEY=RANGE",
        help="a setting to search, such as model.lr=log:1e-3..3e-2",
    )
    add("--space", metavar="FILE", help="a YAML file with the ranges, also with conditions")
    add("--trials", type=int, required=True, metavar="N", help="number of finished trials")
    add("--metric", metavar="NAME", help="default: that of the best checkpoint of the config")
    add("--sampler", choices=SAMPLERS, default="tpe", help="default: tpe")
    add(
        "--pruner",
        choices=PRUNERS,
        default="median",
        help="stops trials that are worse than others (default: median)",
    )
    add("--storage", metavar="URL", help="a database (default: study.db in the folder, SQLite)")
    add("--jobs", type=int, default=1, metavar="N", help="trainings at the same time (default: 1)")
    add("--confirm", type=int, default=3, metavar="K", help="best trials to confirm (default: 3)")
    add("--seeds", type=int, default=5, metavar="N", help="seeds to confirm with (default: 5)")
    add(
        "--heartbeat",
        type=int,
        default=HEARTBEAT,
        metavar="SECONDS",
        help="between two signs of life of a worker; without one for twice as long, its training "
        f"is given to another worker (default: {HEARTBEAT})",
    )
    return parser
