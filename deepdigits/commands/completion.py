"""``deepdigits completion bash|zsh``: a script that makes the shell complete verbs and options."""

import re
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO

from deepdigits.commands import ArgumentParser
from deepdigits.commands.registry import COMMANDS

_SCRIPT = """\
_deepdigits() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} options
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "{verbs}" -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _deepdigits deepdigits
"""


def main(args: Sequence[str]) -> str:
    """Print the script; ``eval "$(deepdigits completion bash)"`` makes it work.

    Returns:
        The script.

    Raises:
        InputError: The shell is not known.
    """
    parser = ArgumentParser("completion", description=__doc__)
    parser.add_argument("shell", choices=("bash", "zsh"))
    shell = parser.parse_args(args).shell
    cases = [f'    {verb}) options="{" ".join(options(verb))}" ;;' for verb in COMMANDS]
    script = _SCRIPT.format(verbs=" ".join(COMMANDS), cases="\n".join(cases))
    if shell == "zsh":
        script = "autoload -U +X bashcompinit && bashcompinit\n" + script
    print(script, end="")
    return script


def options(verb: str) -> list[str]:
    """The options of a verb, as its help shows them; those of the list_models nets too."""
    if verb == "completion":
        return ["--help"]
    pages = [["--help"]]
    if COMMANDS[verb].shared:
        pages += [[f"--model.help={net}"] for net in ("LitMLP", "LitCNN")]
    entry = import_module(COMMANDS[verb].module).main
    text = StringIO()
    for page in pages:
        with redirect_stdout(text), suppress(SystemExit):
            entry([verb, *page] if COMMANDS[verb].shared else page)
    return sorted(set(re.findall(r"--[a-z][\w.]*", text.getvalue())))
