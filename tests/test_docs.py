"""The commands, code and links of the README and the docs work as shown."""

import doctest
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdigits.__main__ import run
from deepdigits.commands import summary, train
from deepdigits.commands.completion import options
from deepdigits.commands.registry import COMMANDS, OF_TRAIN
from deepdigits.commands.registry import LIGHTNING as LIGHTNING_COMMANDS
from deepdigits.data import sources
from deepdigits.data.registry import DATASETS
from deepdigits.runs.config import RENAMED
from deepdigits.runs.run import Run
from deepdigits.training.callbacks.dashboard import Dashboard

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "lightning_logs").glob("*.md")),
        ROOT / "lightning_logs" / "reference" / "README.md",
    )
}
README = PAGES["README.md"]
BLOCKS = {
    page: re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for page, text in PAGES.items()
}
SHELL = {
    page: [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    for page, blocks in BLOCKS.items()
}
LINES = sorted(
    {line for lines in SHELL.values() for line in lines if line.startswith("deepdigits ")}
)
NEEDS_RUN = re.compile("--ckpt_path|--resume")
LIGHTNING = [line for line in LINES if line.split()[1] in LIGHTNING_COMMANDS]
PARSED = [line for line in LIGHTNING if not NEEDS_RUN.search(line)]
OWN_CODE = dict(
    zip(
        re.findall(r"`(my_\w+\.py)`", PAGES["docs/own_code.md"]),
        [text for kind, text in BLOCKS["docs/own_code.md"] if kind == "python"],
        strict=True,
    )
)
OWN_NET, FROM_PYTHON = [text for kind, text in BLOCKS["README.md"] if kind == "python"]


@pytest.fixture
def my_net(tmp_path: Path) -> None:
    """The package with the README's own net, in the working directory; the code of the docs too."""
    (tmp_path / "my_nets").mkdir()
    (tmp_path / "my_nets" / "__init__.py").write_text(OWN_NET)
    for name, text in OWN_CODE.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "configs").symlink_to(ROOT / "configs")


@pytest.fixture
def photos(data_folder: Path) -> Any:
    """Photos of the first three test digits, in the working directory; the digits themselves."""
    sources.prepare("mnist", data_folder)
    images = sources.load("mnist", data_folder, train=False)[0][:3]
    large = 255 - images.numpy().repeat(5, axis=1).repeat(5, axis=2)
    Image.fromarray(large[0]).save("digit.jpg")
    for name in ("row.jpg", "photo.jpg"):
        Image.fromarray(np.concatenate(large, axis=1)).save(name)
    return images


def test_there_are_commands() -> None:
    assert len(LIGHTNING) >= 20
    assert len(LINES) >= 40


@pytest.mark.parametrize("line", PARSED)
def test_command_is_parsed(line: str, my_net: None, capsys: pytest.CaptureFixture[str]) -> None:
    args = shlex.split(line)[1:]
    more = (
        []
        if {"--help", "--model.help", "--data.help", "--print_config"} & set(args)
        else ["--print_config"]
    )
    with pytest.raises(SystemExit) as ended:
        run([*args, *more])
    assert ended.value.code == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", [line for line in LINES if line not in PARSED])
def test_other_command_exists_and_has_the_options(line: str) -> None:
    command, *args = shlex.split(line)[1:]
    assert command in COMMANDS
    known = {*options(command), *(options("train") if command in OF_TRAIN else ())}
    assert {arg for arg in args if arg.startswith("--")} <= known


def test_own_net_trains_and_every_command_takes_it(
    my_net: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = next(text for _, text in BLOCKS["README.md"] if "my_nets.LitWide" in text)
    _, trust, train_line, *others = block.splitlines()
    monkeypatch.setenv(*trust.removeprefix("export ").split("="))
    server = pytest.importorskip("deepdigits.demo.server")
    shown: list[Any] = []
    monkeypatch.setattr(server, "build", lambda readers: shown.extend(readers))
    monkeypatch.setattr(server, "launch", lambda *_: "")
    few = ["--trainer.limit_train_batches", "40", "--trainer.log_every_n_steps", "5"]
    cli = run([*shlex.split(train_line)[1:], *few])
    assert cli.model.net[1].out_features == 256
    assert cli.model.hparams["width"] == 256
    assert cli.report_writer.report.accuracy > 0.85
    assert Path("lightning_logs/wide/version_0/report.json").is_file()
    done = {line.split()[1]: run(shlex.split(line)[1:]) for line in others}
    assert done["report"].errors == cli.report_writer.report.errors
    assert [path.name for path in done["export"]] == ["wide.onnx", "wide.onnx.md"]
    assert [reader.net[1].out_features for reader in shown[:1]] == [256]
    monkeypatch.delenv("DEEPDIGITS_TRUST")
    again = run(["test", "--ckpt_path", "latest", "--model", "my_nets.LitWide"])
    assert again.report_writer.report.errors == cli.report_writer.report.errors


def test_own_code_trains_resumes_and_is_tested_as_written(my_net: None, tiny_digits: Path) -> None:
    lines = SHELL["docs/own_code.md"]
    first = next(line for line in lines if "my_shapes.Shapes --trainer" in line)
    cli = run([*shlex.split(first)[1:], "--trainer.log_every_n_steps", "5"])
    assert cli.report_writer.report.class_names == ("square", "cross")
    assert cli.report_writer.report.accuracy == 1
    for line in lines:
        if NEEDS_RUN.search(line):
            again = run(shlex.split(line)[1:])
            assert again.report_writer.report.accuracy == 1
    (plain,) = [line for line in lines if "my_module.Linear --checkpoint" in line]
    sizes = ["--data.batch_size", "20", "--data.val_size", "60", "--trainer.log_every_n_steps", "5"]
    made = run([*shlex.split(plain)[1:], *sizes])
    best = made.trainer.checkpoint_callback.best_model_score
    assert best == Run(made.run_folder).metrics["val_acc"].max()
    assert made.trainer.callback_metrics["test_acc"] > 0.5


def test_pycon_blocks_print_what_is_shown(photos: Any) -> None:
    (lines,) = [text for blocks in BLOCKS.values() for kind, text in blocks if kind == "pycon"]
    shown = doctest.DocTestParser().get_doctest(lines, {"images": photos}, "docs", None, 0)
    result = doctest.DocTestRunner().run(shown)
    assert (result.failed, result.attempted) == (0, len(shown.examples))
    assert len(shown.examples) >= 7


@pytest.fixture
def tiny_trainings(photos: Any, tiny_digits: Path, my_net: None, monkeypatch: Any) -> None:
    """Trainings as written, with sizes that suit the tiny dataset; configs/ is here."""
    as_written = train.override_arguments

    def with_sizes(overrides: Any) -> list[str]:
        added = {"data.val_size": 40, "data.batch_size": 20, "trainer.log_every_n_steps": 5}
        return [*as_written(overrides), *as_written(added)]

    monkeypatch.setattr(train, "override_arguments", with_sizes)
    # The images of the dashboard take half of the time of a tiny training; they have tests.
    monkeypatch.setattr(Dashboard, "_draw", lambda *_: None)


def test_python_of_the_readme_runs(
    tiny_trainings: None, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(FROM_PYTHON, "README.md", "exec"), {})
    table = capsys.readouterr().out
    assert "| mlp | 109,770 | 2 |" in table
    assert "| cnn | 1,056,178 | 2 |" in table


def test_the_experiment_of_docs_python_runs(tiny_trainings: None) -> None:
    """All blocks in order, in one namespace."""
    blocks = [text for kind, text in BLOCKS["docs/python.md"] if kind == "python"]
    assert len(blocks) >= 9
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["reading"].text == "721"
    assert names["mlp"].report.num_samples == 130
    assert names["longer"].metrics["epoch"].tolist() == [1, 2, 3]
    assert [row["n"] for row in names["comparison"].rows] == [1, 1]
    assert Path("comparison.png").is_file()
    assert all(path.is_file() for path in names["exported"].files)


def test_python_blocks_compile() -> None:
    for page, blocks in BLOCKS.items():
        for kind, text in blocks:
            if kind == "python":
                compile(text, page, "exec")


def test_functions_of_docs_python_are_public_and_have_these_arguments() -> None:
    from inspect import signature

    import deepdigits

    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", PAGES["docs/python.md"], re.MULTILINE)
    functions = {name: arguments for name, arguments in rows if name in deepdigits.__all__}
    shown: Mapping[str, list[str]] = {
        name: [part for part in arguments.split(", ") if part != "*"]
        for name, arguments in functions.items()
        if name != "Run"
    }
    assert {"train", "evaluate", "predict", "repeat", "compare", "ensemble"} <= set(shown)
    assert {"classify", "export", "load"} <= set(shown)
    for name, arguments in shown.items():
        assert arguments == list(signature(getattr(deepdigits, name)).parameters)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set()
    for page, text in PAGES.items():
        shown |= set(re.findall(r"^make ([a-z-]+)", "\n".join(SHELL[page]), re.MULTILINE))
        shown |= set(re.findall(r"`make ([a-z-]+)", text))
    assert {"train-cnn", "tensorboard", "test", "test-all", "bench", "demo"} <= shown <= targets


def test_the_readme_is_short_and_begins_with_the_two_commands_for_a_newcomer() -> None:
    assert len(README.splitlines()) <= 200
    kind, first = BLOCKS["README.md"][0]
    assert kind == "sh"
    for line, command in zip(first.splitlines(), ("make train-cnn", "make test"), strict=True):
        assert line.split(" #")[0].strip() == command
        assert "# " in line


def test_the_first_result_is_that_of_the_reference_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = next(text for kind, text in BLOCKS["README.md"] if kind == "text")
    summary.print_report(Run(ROOT / "lightning_logs" / "reference" / "cnn" / "seed_0").report)
    assert shown in capsys.readouterr().out
    assert len(shown.splitlines()) == 2


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_commands_and_options_in_sentences_exist(page: str) -> None:
    every = {option for command in COMMANDS for option in options(command)} | {"--help"}
    for code in re.findall(r"`([^`\n]+)`", _prose(PAGES[page])):
        if code.startswith("deepdigits "):
            assert code.split()[1] in {*COMMANDS, "--help", "COMMAND"}, code
        if code.startswith(("deepdigits ", "--")) and not code.endswith(("*", "=")):
            assert set(re.findall(r"--[\w.-]+", code)) <= every, code


def test_every_folder_of_the_package_is_in_the_readme() -> None:
    folders = {path.name for path in (ROOT / "deepdigits").iterdir() if path.is_dir()}
    shown = set(re.findall(r"^  (\w+)/ ", README, re.MULTILINE))
    assert folders - {"__pycache__"} <= shown


def test_every_docs_page_is_in_the_readme() -> None:
    assert {page for page in PAGES if page.startswith("docs/")} <= set(_targets(README))


def test_every_renamed_key_is_in_the_changelog() -> None:
    rows = re.findall(r"^\| `--(\S+)` \| `--(\S+)` \|", PAGES["CHANGELOG.md"], re.MULTILINE)
    shown = {old.removesuffix(".*"): new.removesuffix(".*") for old, new in rows}
    assert shown == RENAMED


def test_moved_modules_of_the_changelog_exist() -> None:
    table = PAGES["CHANGELOG.md"].partition("### Moved modules")[2]
    for row in re.findall(r"^\| `.*$", table, re.MULTILINE):
        old, new = (re.findall(r"`([\w.*]+)`", cell) for cell in row.split("|")[1:3])
        assert old and new
        folder = new[0].rpartition(".")[0]
        for name in new:
            module = (folder + name if name.startswith(".") else name).removesuffix(".*")
            path = ROOT / "deepdigits" / module.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), module


def test_every_dataset_is_named() -> None:
    assert all(f"`{name}`" in PAGES["docs/data.md"] for name in DATASETS)


def test_sizes_of_the_datasets() -> None:
    for name, data in DATASETS.items():
        row = f"| `{name}` | {len(data.classes)} | {data.num_train:,} | {data.num_test:,} |"
        assert row in PAGES["docs/data.md"]


def test_results_are_those_of_the_reference_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run(["compare", str(ROOT / "lightning_logs" / "reference"), "--format", "markdown"])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    begin, end = "--format markdown -->\n", "<!-- end -->"
    assert README.partition(begin)[2].partition(end)[0].split("\n")[:-1] == table
    assert len(table) >= 4


def _targets(text: str) -> list[str]:
    """The targets of all links and pictures; code is left out."""
    return re.findall(r"\]\(([^)\s]+)\)", _prose(text))


def _prose(text: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_and_pictures_exist(page: str) -> None:
    for target in _targets(PAGES[page]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file.read_text(encoding="utf-8")), target


def test_a_wrong_link_is_found() -> None:
    assert _targets("[a](b.md) ![c](d.png)\n```\n[e](f.md)\n```\n") == ["b.md", "d.png"]
    assert _anchors("# Speed of the runtimes\n\n## Is B better, or not?") == {
        "speed-of-the-runtimes",
        "is-b-better-or-not",
    }
