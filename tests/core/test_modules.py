"""Modules of the working directory: only those that the user names, and what they import."""

import importlib
import sys
from pathlib import Path

import pytest

from deepdigits.core.modules import importable_working_directory, listed_modules, named_modules

NAMES = ("zz_mine", "zz_sibling", "zz_optional")


@pytest.fixture(autouse=True)
def modules(tmp_path: Path) -> None:
    (tmp_path / "zz_mine.py").write_text("import zz_sibling\n")
    for name in NAMES[1:]:
        (tmp_path / f"{name}.py").write_text("")
    importlib.invalidate_caches()


def test_a_module_that_nobody_has_named_is_not_found() -> None:
    """A package that looks for an optional one does not run a file of a stranger."""
    with importable_working_directory({"zz_mine"}), pytest.raises(ImportError):
        importlib.import_module("zz_optional")


def test_a_named_module_may_import_its_siblings() -> None:
    with importable_working_directory({"zz_mine"}):
        importlib.import_module("zz_mine")
        importlib.import_module("zz_optional")
    assert set(NAMES) <= sys.modules.keys()


def test_nothing_is_left_behind() -> None:
    path, finders = list(sys.path), list(sys.meta_path)
    with importable_working_directory({"zz_mine"}):
        pass
    assert (path, finders) == (sys.path, sys.meta_path)
    with pytest.raises(ImportError):
        importlib.import_module("zz_mine")


def test_an_installed_package_comes_first(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit")
    former = sys.modules.pop("yaml")
    try:
        with importable_working_directory({"yaml"}):
            assert importlib.import_module("yaml").safe_load("1") == 1
    finally:
        sys.modules["yaml"] = former


def test_names_come_from_words_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPDIGITS_TRUST", "one, two.sub,")
    assert listed_modules() == ["one", "two.sub"]
    words = ["--model", "a.B", "--trainer.max_epochs=3", "-c", "x", "plain"]
    assert named_modules(words) >= {"a", "two"}
    assert "plain" not in named_modules(words)
