"""Text from files and folders, made safe for a terminal, Markdown, a figure and a spreadsheet."""

import json
import re
from typing import Any

_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {c: f"\\{c}" for c in "\\`*|~$"}
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word it is not markup
# The bracket before the target of a link, and what Markdown takes for an address.
_LINK = re.compile(r"\](?=[(\[:]|$)|(?<=[a-z]):(?=//)|(?<=www)\.", re.I)


def printable(text: str) -> str:
    r"""Escape line breaks, control, invisible and direction characters.

    >>> printable("weights \x1b[31mred\nand more"), printable("a\u202eb\u200b")
    ('weights \\x1b[31mred\\nand more', 'a\\u202eb\\u200b')
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_values(content: Any) -> Any:
    r"""Plain values of a file, with each text and each key made printable.

    >>> printable_values({"seed\t": ["\x1b[2J", 3]})
    {'seed\\t': ['\\x1b[2J', 3]}
    """
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, dict):
        return {printable_values(key): printable_values(value) for key, value in content.items()}
    return [printable_values(value) for value in content] if isinstance(content, list) else content


def markdown_text(text: str) -> str:
    r"""Text that Markdown shows as it is: no HTML, link, image, code, formula or table cell.

    >>> print(markdown_text("<script> a|b [x](https://x.org) fashion_mnist __init__"))
    &lt;script&gt; a\|b [x\](https\://x.org) fashion_mnist \_\_init\_\_
    >>> markdown_text("p < 0.05")
    'p < 0.05'
    """
    escaped = "".join(_MARKUP.get(c, c) for c in printable(text))
    escaped = escaped.replace("&lt; ", "< ")  # before a space it begins no HTML
    return _LINK.sub(r"\\\g<0>", _UNDERSCORE.sub(r"\\_", escaped))


def code_text(text: str) -> str:
    r"""Text as a literal of Python and JSON that ends no block of code, and holds no markup.

    >>> print(code_text('a"<b>`.onnx'))
    "a\"\u003cb\u003e\u0060.onnx"
    """
    return re.sub("[<>`&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text))


def shortened(text: str, length: int) -> str:
    """Text of up to `length` characters: a longer one ends in an ellipsis.

    >>> shortened("Ankle boot", 20), shortened("Ankle boot", 6)
    ('Ankle boot', 'Ankle…')
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def figure_text(text: str) -> str:
    r"""Text that matplotlib draws as it is, in place of a formula between two dollar signs.

    >>> figure_text("a $ b")
    'a \\$ b'
    """
    return printable(text).replace("$", r"\$")


def spreadsheet_text(text: str) -> str:
    """Text that a spreadsheet shows as it is: a formula gets an apostrophe in front.

    >>> spreadsheet_text("=1+1"), spreadsheet_text("-"), spreadsheet_text("7")
    ("'=1+1", '-', '7')
    """
    text = printable(text)
    return f"'{text}" if re.match(r"[=@]|[+-].*[^\d.,eE+-]", text) else text
