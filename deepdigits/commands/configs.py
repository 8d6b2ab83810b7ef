"""``deepdigits configs``: list the configs that come with the package, or print one."""

import json
import shutil
import textwrap
from collections.abc import Sequence

from deepdigits.commands.parser import CONFIG_NAME, ArgumentParser
from deepdigits.core.console import say_text
from deepdigits.runs.bundled_configs import BundledConfig, find_config, list_configs


def main(args: Sequence[str]) -> list[BundledConfig]:
    """Print the list with the headers, or the file of one config.

    Returns:
        The configs that are shown.

    Raises:
        InputError: There is no config of that name.
    """
    options = build_parser().parse_args(args)
    configs = [find_config(options.name)] if options.name else list_configs()
    if options.format == "json":
        say_text(json.dumps([to_dict(config) for config in configs], indent=2))
    elif options.name:
        say_text(configs[0].path.read_text(encoding="utf-8").removesuffix("\n"))
    else:
        say_text(to_text(configs, min(100, shutil.get_terminal_size((100, 24)).columns)))
    return configs


def to_dict(config: BundledConfig) -> dict[str, object]:
    """A config as JSON shows it."""
    return {
        "name": config.name,
        "long_name": config.long_name,
        "stacked": config.is_stacked,
        "header": config.header,
        "file": str(config.path),
    }


def to_text(configs: Sequence[BundledConfig], width: int = 100) -> str:
    """The list: names and headers, those that run alone first.

    Args:
        configs: The configs.
        width: Columns of the terminal.
    """
    groups = {
        "These run alone, as in `deepdigits train -c cnn`:": False,
        "These are stacked on one of them, as in `deepdigits train -c cnn -c gpu`:": True,
    }
    lines = []
    for title, stacked in groups.items():
        lines += [title, ""]
        for config in configs:
            if config.is_stacked == stacked:
                lines += [config.name, *_filled(config.header, width), ""]
    return "\n".join(
        [*lines, "To change one, print it into a file: deepdigits configs cnn > my.yaml"]
    )


def _filled(text: str, width: int) -> list[str]:
    """Paragraphs as indented lines that fit a terminal."""
    wrapped = [textwrap.wrap(line, max(width - 2, 20)) for line in text.splitlines()]
    return [f"  {line}" for lines in wrapped for line in lines]


def build_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        "configs",
        description="List the configs that come with the package, which -c takes by name; or, "
        "with a NAME, print the file.",
    )
    name = parser.add_argument("name", nargs="?", metavar="NAME", help="the config to print")
    name.complete = CONFIG_NAME  # type: ignore[attr-defined]
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser
