"""Check that optional packages are installed."""

from importlib.util import find_spec

from deepdigits.core.errors import InputError

EXTRAS = {
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "demo": ("starlette", "uvicorn"),
    "sweep": ("optuna",),
}


def installed(extra: str) -> bool:
    """Whether all packages of an extra are installed."""
    return not _missing(extra)


def require_extra(extra: str, what: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Args:
        extra: A key of `EXTRAS`, as in pyproject.toml.
        what: The feature that needs the extra, for the error.

    Raises:
        InputError: A package is not installed.
    """
    if missing := _missing(extra):
        raise InputError(
            f"{what} needs {', '.join(missing)}, which is not installed: run "
            f"pip install 'deepdigits[{extra}]'"
        )


def _missing(extra: str) -> list[str]:
    return [name for name in EXTRAS[extra] if find_spec(name) is None]
