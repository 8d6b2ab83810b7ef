"""``deepdigits configs``: the list, the file of one config, and JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deepdigits.__main__ import run
from deepdigits.commands.configs import to_text
from deepdigits.core.errors import InputError
from deepdigits.runs.bundled_configs import list_configs

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_the_list_has_each_config_and_its_header_in_its_group(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert len(run(["configs"])) == len(FILES)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80  # the headings are not wrapped
    alone, stacked = shown.split("These are stacked")
    for file in FILES:
        part = stacked if file.parent.name in ("data", "trainer") else alone
        assert f"\n{file.stem}\n" in part
        first = file.read_text().splitlines()[0].removeprefix("# ")
        assert first in " ".join(part.split())
    assert "Test accuracy 99.64 +- 0.03 %" in " ".join(alone.split())


def test_the_lines_fit_a_narrow_terminal() -> None:
    narrow = to_text(list_configs(), 40).splitlines()
    assert max(len(line) for line in narrow if line.startswith("  ")) <= 40
    assert to_text(list_configs(), 1)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_name_prints_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config,) = run(["configs", file.stem])
    assert capsys.readouterr().out == file.read_text()
    assert config.path == file


def test_a_printed_config_is_a_config_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    run(["configs", "recipes/record"])
    Path("my.yaml").write_text(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        run(["fit", "-c", "my.yaml", "--print_config"])
    own = capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(["fit", "-c", "record", "--print_config"])
    bundled = capsys.readouterr().out
    assert bundled.replace("name: record", "name: my") == own


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["configs", "--format", "json"])
    shown = {config["name"]: config for config in json.loads(capsys.readouterr().out)}
    assert set(shown) == {file.stem for file in FILES}
    assert shown["gpu"]["stacked"] and not shown["record"]["stacked"]
    assert shown["record"]["long_name"] == "recipes/record"
    assert "216,562 parameters" in shown["record"]["header"]
    assert Path(shown["gpu"]["file"]) == CONFIGS / "trainer" / "gpu.yaml"
    run(["configs", "gpu", "--format=json"])
    assert json.loads(capsys.readouterr().out) == [shown["gpu"]]


def test_a_file_in_the_working_directory_is_not_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("cnn").write_text("own")  # as after `deepdigits configs cnn > cnn`
    run(["configs", "cnn"])
    assert capsys.readouterr().out == (CONFIGS / "cnn.yaml").read_text()


def test_an_unknown_name_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^no config recor .*: did you mean 'record'\?$"):
        run(["configs", "recor"])
    with pytest.raises(InputError, match=r"; choose from cnn, mlp, .*, gpu, mlflow$"):
        run(["configs", "weather"])


def test_it_loads_no_torch() -> None:
    code = (
        "import sys\nfrom deepdigits.__main__ import run\n"
        "run(['configs']); run(['configs', 'cnn'])\n"
        "print(sorted({'torch', 'numpy', 'lightning', 'yaml'} & set(sys.modules)))"
    )
    package = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": package},
    )
    assert done.stdout.splitlines()[-1] == "[]"
