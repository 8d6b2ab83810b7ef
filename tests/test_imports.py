"""Imports go one way, and what should load fast or without an engine does."""

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import deepdigits

PACKAGE = Path(deepdigits.__file__).parent

# The rooms, from the ground up: a module imports from its own room and from those in earlier rows.
# Imports for types only count too. The package's __init__ is the public door: it names what it
# hands out, and imports it when it is asked.
ROWS = (
    ("core", "models"),
    ("images",),
    ("data", "metrics"),
    ("plots",),
    ("runs",),
    ("training", "inference", "comparison"),
    ("sweeps", "exporters", "demo"),
    ("benchmarks",),
    ("commands",),
    ("__main__",),
)
PUBLIC = "__init__"


def room(module: str) -> str:
    """The folder that a module is in, named from the package on."""
    return module.partition(".")[0]


def row(module: str) -> int:
    """Row of a module's room."""
    return next(number for number, names in enumerate(ROWS) if room(module) in names)


def imported(source: str, module: str, known: set[str]) -> set[str]:
    """The package's own modules that a module imports, wherever in it, also for types only.

    A string that is the name of a module counts: it will be imported by that name.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name.partition(".")[2] in known else node.module for name in found]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = [node.value] if node.value.partition(".")[2] in known else []
        else:
            continue
        names |= {n.partition(".")[2] for n in found if n and n.split(".")[0] == "deepdigits"}
    return names - {"", module}


def modules() -> dict[str, str]:
    """Name from the package on -> source, of every module but the public door."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    del found[""]
    return found


def wrong_ways(sources: dict[str, str]) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, source in sources.items()
        for other in imported(source, module, set(sources))
        if room(other) != room(module) and row(other) >= row(module)
    ]


def cycle(sources: dict[str, str]) -> list[str]:
    graph = {name: imported(source, name, set(sources)) for name, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_module_is_in_a_room() -> None:
    assert {room(name) for name in modules()} <= {name for names in ROWS for name in names}
    assert len(list(PACKAGE.glob("*.py"))) <= 5


def test_imports_go_one_way() -> None:
    assert wrong_ways(modules()) == []


def test_there_is_no_cycle_of_imports() -> None:
    assert cycle(modules()) == []


def test_lightning_is_used_by_few_rooms() -> None:
    users = {
        room(module)
        for module, source in modules().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "lightning" in ast.unparse(node).split()[1]
        and not ast.unparse(node).split()[1].startswith("deepdigits")
    }
    assert users == {"data", "runs", "training", "benchmarks"}


@pytest.mark.parametrize(
    "statement",
    [
        "from deepdigits.training.cli import main",
        "from deepdigits.training import classifier",
        "import deepdigits.training.callbacks.dashboard",
        "def late():\n    from deepdigits.data.module import to_float",
        "if TYPE_CHECKING:\n    from deepdigits.runs.run import Run",
        "import_module('deepdigits.plots.sprite')",
    ],
)
def test_an_import_against_the_order_is_found(statement: str) -> None:
    sources = modules()
    sources["metrics.report"] += f"\n{statement}\n"
    assert len(wrong_ways(sources)) == 1
    assert wrong_ways(sources)[0].startswith("metrics.report imports ")


def test_a_cycle_is_found() -> None:
    sources = modules()
    sources["core.errors"] += "\nfrom deepdigits.core.tables import show\n"
    sources["core.tables"] += "\nfrom deepdigits.core.errors import InputError\n"
    assert wrong_ways(sources) == []
    assert {"core.errors", "core.tables"} <= set(cycle(sources))


def run_python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = "import sys; print('loaded:', sorted({name.split('.')[0] for name in sys.modules}))"


def loaded_after(code: str) -> set[str]:
    """Top-level packages that are loaded when the code has run in a fresh interpreter."""
    last = run_python(f"{code}\n{LOADED}").splitlines()[-1]
    assert last.startswith("loaded: ")
    return set(ast.literal_eval(last.removeprefix("loaded: ")))


def test_help_and_version_load_no_torch() -> None:
    names = loaded_after(
        "import deepdigits\nfrom deepdigits.__main__ import run\n"
        "run(['--help']); run(['--version']); run([])"
    )
    assert "deepdigits" in names
    assert names.isdisjoint({"torch", "numpy", "lightning", "yaml", "matplotlib"})


def test_nets_metrics_and_augmentation_load_without_lightning() -> None:
    names = loaded_after(
        "import deepdigits.models, deepdigits.metrics.stage, deepdigits.data.augment\n"
        "import deepdigits.data.batches, deepdigits.data.sources, deepdigits.runs.run\n"
        "from deepdigits import CNN, MLP, Augment"
    )
    assert {"torch", "torchmetrics"} <= names
    assert names.isdisjoint({"lightning", "pytorch_lightning"})


def test_a_process_for_pictures_loads_no_torch() -> None:
    names = loaded_after("import deepdigits.data.paths.picture_process")
    assert {"numpy", "PIL", "scipy"} <= names
    assert names.isdisjoint({"torch", "lightning", "rich", "yaml"})


def test_public_names_are_all_there() -> None:
    for name in set(deepdigits.__all__) - {"__version__"}:
        assert getattr(deepdigits, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'LitRNN'"):
        _ = deepdigits.LitRNN  # type: ignore[attr-defined]


def test_only_the_console_prints() -> None:
    """So that no text of a file reaches a terminal as it is; `Progress.print` is the trainer's."""
    printing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    }
    assert printing == {"core/console.py", "training/callbacks/progress.py"}
