"""The completion script completes commands, options, choices and files in a real shell."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deepdigits.__main__ import run
from deepdigits.commands.completion import main, options
from deepdigits.commands.registry import COMMANDS

COMPLETE = """
source script.sh
COMP_WORDS=({words}) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_shtab_deepdigits
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script() -> str:
    return main(["bash"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deepdigits tr", {"train"}),
        ("deepdigits train --trainer.max_ep", {"--trainer.max_epochs"}),
        ("deepdigits train --model.hidden_s", {"--model.hidden_size", "--model.hidden_sizes"}),
        ("deepdigits repeat --seeds 3 --ema", {"--ema_decay"}),
        ("deepdigits report --split v", {"val"}),
        ("deepdigits export --int", {"--int8"}),
        ("deepdigits train -c conf", {"config-file.yaml"}),
        ("deepdigits train -c c", {"cnn", "cpu", "csv", "config-file.yaml"}),
        ("deepdigits repeat --config rec", {"record"}),
        ("deepdigits bench loop --config ti", {"tiny"}),
        ("deepdigits configs mlp-", {"mlp-large", "mlp-long"}),
    ],
)
def test_bash_completes(words: str, expected: set[str], script: str) -> None:
    Path("script.sh").write_text(script)
    Path("config-file.yaml").touch()
    done = subprocess.run(
        ["bash", "-c", COMPLETE.format(words=words)], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == expected


def test_zsh_gets_a_script_too() -> None:
    assert "compdef _shtab_deepdigits" in main(["zsh"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_the_help_is_known(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run([command, "--help"])
    shown = {w.strip("[],") for w in capsys.readouterr().out.split() if w.startswith("--")}
    shown = {word.partition("=")[0].split(".help")[0] for word in shown}
    assert {word for word in shown if word.replace("--", "").isidentifier()} <= set(
        options(command)
    )
