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

# A module may import from its own level and from those before it. Modules that are not named here
# are the ground that all others stand on: they may import each other, and nothing that is named.
LEVELS = (
    {
        "figures",
        "mosaics",
        "evaluation",
        "data.module",
        "classifier",
        "checkpoint_io",
        "explanation",
    },
    {"callbacks"},
    {"arguments", "cli"},
    {"resolve", "benchmarks", "export", "demo", "commands"},
    {"__main__"},
)


def level(module: str) -> int:
    """Level of a module, named from the package on; a folder's level is that of all in it."""
    for number, names in enumerate(LEVELS, start=1):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return 0


def imported(source: str, module: str, known: set[str]) -> set[str]:
    """The package's own modules that a module imports, wherever in it; not those for types only."""
    names = set()
    tree = ast.parse(source)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name.partition(".")[2] in known else node.module for name in found]
        else:
            continue
        names |= {n.partition(".")[2] for n in found if n and n.split(".")[0] == "deepdigits"}
    return names - {"", module}


def modules() -> dict[str, str]:
    """Name from the package on -> source, of every module."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def wrong_ways(sources: dict[str, str]) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, source in sources.items()
        for other in imported(source, module, set(sources))
        if level(other) > level(module)
    ]


def cycle(sources: dict[str, str]) -> list[str]:
    graph = {name: imported(source, name, set(sources)) for name, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_go_one_way() -> None:
    assert wrong_ways(modules()) == []


def test_there_is_no_cycle_of_imports() -> None:
    assert cycle(modules()) == []


def test_the_engine_is_left_out_of_the_ground() -> None:
    """Only the classifier, the data module and what stands on them know Lightning."""
    users = {
        module
        for module, source in modules().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "lightning" in ast.unparse(node).split()[1]
    }
    assert {"classifier", "data.module", "cli"} <= users
    assert {module for module in users if level(module) == 0} == set()


@pytest.mark.parametrize(
    "statement",
    [
        "from deepdigits.cli import main",
        "from deepdigits import classifier",
        "import deepdigits.callbacks.dashboard",
        "def late():\n    from deepdigits.data.module import to_float",
    ],
)
def test_an_import_against_the_order_is_found(statement: str) -> None:
    sources = modules()
    sources["metrics"] += f"\n{statement}\n"
    assert len(wrong_ways(sources)) == 1
    assert wrong_ways(sources)[0].startswith("metrics imports ")


def test_a_cycle_is_found() -> None:
    sources = modules()
    sources["errors"] += "\nfrom deepdigits.runs import Run\n"
    assert wrong_ways(sources) == []
    assert {"errors", "runs"} <= set(cycle(sources))


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
        "import deepdigits.models, deepdigits.metrics, deepdigits.data.augment\n"
        "import deepdigits.data.batches, deepdigits.data.datasets, deepdigits.runs\n"
        "from deepdigits import CNN, MLP, Augment"
    )
    assert {"torch", "torchmetrics"} <= names
    assert names.isdisjoint({"lightning", "pytorch_lightning"})


def test_public_names_are_all_there() -> None:
    for name in deepdigits.__all__:
        assert getattr(deepdigits, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'LitRNN'"):
        _ = deepdigits.LitRNN  # type: ignore[attr-defined]
