"""A config as YAML text that can be loaded again, whatever the defaults of a class are."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import torch
import yaml
from jsonargparse import Namespace

OBJECT = "Unable to serialize instance"  # jsonargparse 4.53 writes this in place of an object
_LEFT_OUT = object()


def loadable_text(dump: Callable[[Namespace], str], config: Namespace) -> str:
    """The text of a config, without values that no text can stand for.

    They are the defaults of a class, such as ``act: nn.Module = nn.ReLU()``.

    Args:
        dump: The dump method of jsonargparse.
        config: The config, or the arguments of one class in it.
    """
    try:
        text = dump(config)
    except yaml.representer.RepresenterError:  # of an Enum of texts as the default of a text
        config = _with_plain_texts(config)
        text = dump(config)
    if OBJECT not in text:
        return text
    content = _without_objects(yaml.safe_load(text), config)
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _with_plain_texts(value: Any) -> Any:
    if isinstance(value, Namespace):
        plain = value.clone()
        vars(plain).update({key: _with_plain_texts(one) for key, one in vars(value).items()})
        return plain
    if type(value) is dict:
        return {key: _with_plain_texts(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_with_plain_texts, value))
    return value.value if isinstance(value, str) and isinstance(value, Enum) else value


def _without_objects(content: Any, value: Any) -> Any:
    """The content of a text, with its values where they are texts themselves."""
    if isinstance(value, Namespace):
        value = vars(value)
    if isinstance(content, dict):
        of_key = value if isinstance(value, dict) else {}
        cleaned = {key: _without_objects(one, of_key.get(key)) for key, one in content.items()}
        return {key: one for key, one in cleaned.items() if one is not _LEFT_OUT}
    if isinstance(content, list):
        items = list(value) if isinstance(value, list | tuple) else []
        items += [None] * (len(content) - len(items))
        cleaned_items = map(_without_objects, content, items)
        return [one for one in cleaned_items if one is not _LEFT_OUT]
    if isinstance(content, str) and content.startswith(OBJECT):
        return str(value) if isinstance(value, str | torch.device) else _LEFT_OUT
    return content
