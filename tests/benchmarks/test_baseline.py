"""A benchmark of two commits of a small repository, whose times are constants."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from deepdigits.benchmarks import baseline
from deepdigits.benchmarks.baseline import compare_with_baseline
from deepdigits.commands.bench import main
from deepdigits.core.errors import InputError, RunFailed

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

# What `python -m deepdigits bench NAME ...` of a version does; it also writes down its turn.
PROGRAM = """\
import json, os, sys
with open(os.environ["TURNS"], "a") as turns:
    turns.write({version!r} + " " + " ".join(sys.argv[1:]) + "\\n")
{body}
"""
PRINT = "print(json.dumps({{'seconds': {{'ours': [{}]}}, 'repeats': 1}}))"


def git(root: Path, *args: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", root, *own, *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write_version(root: Path, version: str, body: str) -> None:
    (root / "deepdigits" / "__main__.py").write_text(PROGRAM.format(version=version, body=body))


def commit(root: Path, version: str, body: str) -> str:
    write_version(root, version, body)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", version)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the versions and options in the order in which they were run."""
    monkeypatch.setenv("TURNS", str(tmp_path / "turns"))
    return tmp_path / "turns"


@pytest.fixture
def checkout(tmp_path: Path, turns: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit takes 2 s, and is the baseline, and whose second takes 3 s.

    It is the working directory, as it is for most users.
    """
    root = tmp_path / "checkout"
    (root / "deepdigits").mkdir(parents=True)
    (root / "deepdigits" / "__init__.py").touch()
    git(root, "init", "--quiet")
    first = commit(root, "old", PRINT.format(2.0))
    (root / "pyproject.toml").write_text(f'[tool.deepdigits]\nbaseline = "{first}"\n')
    commit(root, "new", PRINT.format(3.0))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return root


def test_versions_alternate_in_processes_of_their_own(checkout: Path, turns: Path) -> None:
    result = compare_with_baseline(["loop", "--epochs=1"], turns=3, root=checkout)
    order = [line.split()[0] for line in turns.read_text().splitlines()]
    assert order == ["old", "new", "new", "old", "old", "new"]
    assert {line.split(" ", 1)[1] for line in turns.read_text().splitlines()} == {
        "bench loop --epochs=1 --format=json"
    }
    assert result.rows == [["ours", "2 s", "3 s", "1.500 x", "0.000"]]
    assert result.verdict == "slower now by more than the spread: ours (1.500 x)"
    measurements = result.to_dict()
    assert measurements["baseline"] == git(checkout, "rev-parse", "HEAD^")
    assert measurements["commit"] == git(checkout, "rev-parse", "HEAD")
    assert measurements["changes"][0]["before"] == [[2.0]] * 3


def test_a_named_commit_and_uncommitted_changes(checkout: Path) -> None:
    write_version(checkout, "newest", PRINT.format(6.0))
    result = compare_with_baseline(["loop"], "HEAD", turns=3, root=checkout)
    assert result.rows[0][1:4] == ["3 s", "6 s", "2.000 x"]
    assert "with its uncommitted changes" in result.task
    assert result.to_dict()["commit"].endswith("+")


def test_the_checkout_is_not_touched(checkout: Path, tmp_path: Path) -> None:
    (checkout / "deepdigits" / "own.py").write_text("mine = 1\n")
    before = [git(checkout, *args) for args in (["status", "--porcelain"], ["worktree", "list"])]
    index = (checkout / ".git" / "index").read_bytes()
    compare_with_baseline(["loop"], turns=3, root=checkout)
    assert before == [
        git(checkout, *args) for args in (["status", "--porcelain"], ["worktree", "list"])
    ]
    assert index == (checkout / ".git" / "index").read_bytes()
    assert not list((tmp_path / "temporary").iterdir())


def test_ctrl_c_leaves_no_files(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(code: Path, *args: object) -> None:
        assert list((tmp_path / "temporary").iterdir()) and (code / "deepdigits").is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr(baseline, "_run_benchmark", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compare_with_baseline(["loop"], root=checkout)
    assert not list((tmp_path / "temporary").iterdir())


def test_a_commit_that_does_not_exist(checkout: Path) -> None:
    with pytest.raises(InputError, match=r"baseline v9 is not a commit of this clone; .*unshallow"):
        compare_with_baseline(["loop"], "v9", root=checkout)
    with pytest.raises(InputError, match="baseline --all is not a commit"):
        compare_with_baseline(["loop"], "--all", root=checkout)
    (checkout / "pyproject.toml").write_text(f'[tool.deepdigits]\nbaseline = "{"0" * 40}"\n')
    with pytest.raises(InputError, match=r"baseline 0+ of pyproject\.toml is not a commit"):
        compare_with_baseline(["loop"], root=checkout)


@pytest.mark.parametrize("content", ["", "[tool]\ndeepdigits = 3\n", "baseline = "])
def test_no_recorded_baseline(checkout: Path, content: str) -> None:
    (checkout / "pyproject.toml").write_text(content)
    with pytest.raises(InputError, match=r"pyproject\.toml records no baseline .*: --baseline COM"):
        compare_with_baseline(["loop"], root=checkout)


def test_outside_of_a_checkout(tmp_path: Path) -> None:
    (tmp_path / "deepdigits").mkdir()
    (tmp_path / "deepdigits" / "__init__.py").touch()
    with pytest.raises(InputError, match="is not a git checkout of deepdigits"):
        compare_with_baseline(["loop"], root=tmp_path)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("print('deepdigits: error: no --x', file=sys.stderr); sys.exit(2)", InputError, "no --x"),
        ("raise OSError('broken')", RunFailed, "OSError: broken"),
        ("sys.exit(9)", RunFailed, "exit code 9"),
        ("print('x')", RunFailed, "its output is not JSON"),
    ],
)
def test_a_version_that_cannot_run_it(
    checkout: Path, body: str, error: type[Exception], message: str
) -> None:
    write_version(checkout, "newest", body)
    with pytest.raises(error, match=rf"^this checkout \(.*\) cannot run `bench loop`: {message}$"):
        compare_with_baseline(["loop"], root=checkout)


def test_nothing_in_common(checkout: Path) -> None:
    write_version(checkout, "newest", "print(json.dumps({'seconds': {'theirs': [1.0]}}))")
    with pytest.raises(InputError, match=r"`bench loop` has no times that commit .* both measure"):
        compare_with_baseline(["loop"], root=checkout)


def test_the_command_passes_its_options_on(
    checkout: Path, turns: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def compare(args: list[str], revision: str | None, turns: int) -> object:
        calls.append((args, revision, turns))
        return compare_with_baseline(args, revision, turns, checkout)

    monkeypatch.setattr("deepdigits.commands.bench.compare_with_baseline", compare)
    main(["data", "--limit", "9", "--turns", "3", "--baseline"])
    assert calls.pop() == (["data", "--limit=9", "--repeats=1"], None, 3)
    shown = capsys.readouterr()
    assert "before: commit" in shown.out and "slower now by more" in shown.out
    assert "turn 3 of 3, now" in shown.err
    measurements = main(["speedrun", "--baseline", "HEAD", "--turns=3", "--format=json"])
    assert calls.pop() == (["speedrun"], "HEAD", 3)
    assert json.loads(capsys.readouterr().out) == measurements
    assert {"hardware", "versions", "changes"} <= measurements.keys()
    main(["infer", "--repeats=2", "--baseline", "--turns=3", "--format=markdown"])
    assert calls.pop() == (["infer", "--repeats=2"], None, 3)
    *_, empty, verdict = capsys.readouterr().out.splitlines()
    assert empty == "" and verdict.startswith("slower now")
