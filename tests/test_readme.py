"""What the README shows works as shown."""

import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.commands.completion import options
from deepdigits.commands.registry import COMMANDS
from deepdigits.commands.registry import LIGHTNING as LIGHTNING_COMMANDS
from deepdigits.data import sources as datasets
from deepdigits.data.registry import DATASETS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S)
SHELL = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
LINES = [line for line in SHELL if line.startswith("deepdigits ")]
NEEDS_RUN = re.compile("--ckpt_path|--resume")
LIGHTNING = [line for line in LINES if line.split()[1] in LIGHTNING_COMMANDS]


@pytest.fixture
def my_net(tmp_path):
    """The README's own net, in the current folder."""
    (code,) = [text for kind, text in BLOCKS if kind == "python"]
    (tmp_path / "my_net.py").write_text(code)
    (tmp_path / "configs").symlink_to(ROOT / "configs")


def test_there_are_commands():
    assert len(LIGHTNING) >= 10


@pytest.mark.parametrize("line", [x for x in LIGHTNING if not NEEDS_RUN.search(x)])
def test_command_is_parsed(line, my_net, capsys):
    args = shlex.split(line)[1:]
    more = [] if {"--help", "--model.help"} & set(args) else ["--print_config"]
    with pytest.raises(SystemExit) as ended:
        run([*args, *more])
    assert ended.value.code == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", [x for x in LINES if x not in LIGHTNING or NEEDS_RUN.search(x)])
def test_other_command_is_a_verb_with_known_options(line):
    verb, *args = shlex.split(line)[1:]
    assert verb in COMMANDS
    known = {*options(verb), *(options("train") if verb == "repeat" else ())}
    assert {arg for arg in args if arg.startswith("--")} <= known


def test_net_of_ones_own_trains_without_a_change_to_the_package(my_net):
    line = next(line for line in LINES if "my_net.LitWide" in line)
    few = ["--trainer.limit_train_batches", "40", "--trainer.log_every_n_steps", "5"]
    cli = run([*shlex.split(line)[1:], *few])
    assert cli.model.net[1].out_features == 256
    assert cli.model.hparams["width"] == 256
    assert cli.report_writer.report.accuracy > 0.85
    assert Path("lightning_logs/wide/version_0/report.json").is_file()
    again = run(["test", "--ckpt_path", "latest"])
    assert again.report_writer.report.errors == cli.report_writer.report.errors


def test_python_lines_print_what_is_shown(data_folder):
    datasets.prepare("mnist", data_folder)
    images = datasets.load("mnist", data_folder, train=False)[0][:3]
    large = 255 - images.numpy().repeat(5, axis=1).repeat(5, axis=2)
    Image.fromarray(large[0]).save("digit.jpg")
    Image.fromarray(np.concatenate(large, axis=1)).save("row.jpg")
    (lines,) = [text for kind, text in BLOCKS if kind == "pycon"]
    shown = doctest.DocTestParser().get_doctest(lines, {"images": images}, "README", None, 0)
    result = doctest.DocTestRunner().run(shown)
    assert (result.failed, result.attempted) == (0, len(shown.examples))
    assert len(shown.examples) >= 7


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = set(re.findall(r"^make ([a-z-]+)", "\n".join(SHELL), re.M))
    shown |= set(re.findall(r"`?make ([a-z]+-[a-z]+)[`, ]", README))
    assert {"train-cnn", "tensorboard", "test-all"} <= shown <= targets


def test_every_dataset_is_named():
    assert all(f"`{name}`" in README for name in DATASETS)


def test_results_are_those_of_the_reference_runs(capsys):
    run(["compare", str(ROOT / "lightning_logs" / "reference"), "--format", "markdown"])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    begin, end = "--format markdown -->\n", "<!-- end -->"
    assert README.partition(begin)[2].partition(end)[0].split("\n")[:-1] == table
    assert len(table) >= 4
