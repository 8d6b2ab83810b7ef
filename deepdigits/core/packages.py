"""Optional packages: asked for when they are needed, with the command that installs them."""

from importlib.util import find_spec

from deepdigits.core.errors import InputError

EXTRAS = {"export": ("onnx", "onnxscript", "onnxruntime"), "demo": ("gradio",)}


def installed(extra: str) -> bool:
    """Whether all packages of an extra are there."""
    return not _missing(extra)


def require_extra(extra: str, what: str) -> None:
    """Check that the packages of an extra are installed; none of them is imported.

    Args:
        extra: One of `EXTRAS`, as in pyproject.toml.
        what: What needs it, for the error.

    Raises:
        InputError: One is not.
    """
    if missing := _missing(extra):
        raise InputError(
            f"{what} needs {', '.join(missing)}, not installed here: "
            f"pip install 'deepdigits[{extra}]'"
        )


def _missing(extra: str) -> list[str]:
    return [name for name in EXTRAS[extra] if find_spec(name) is None]
