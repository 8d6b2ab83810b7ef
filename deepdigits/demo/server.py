"""The server of the page: Gradio's API server, reachable from this machine only."""

import mimetypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from deepdigits.core.console import say
from deepdigits.core.errors import InputError
from deepdigits.core.text import printable
from deepdigits.data import sources
from deepdigits.demo.predictions import Json, mistakes, predict_crop, predict_image
from deepdigits.inference.reader import DigitReader

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"


def build(readers: Sequence[DigitReader]) -> Any:
    """Build a `gradio.Server` with the page at ``/`` and the functions that the page calls.

    The page is our own, so nothing is loaded from other hosts. Its functions are an API of Gradio,
    which `gradio_client` can call too: predict, predict_digit, mistakes and nets.

    Args:
        readers: The nets to show side by side, all with the same classes.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    import gradio
    from fastapi.responses import FileResponse
    from fastapi.staticfiles import StaticFiles

    server = gradio.Server(docs_url=None, redoc_url=None)  # those pages load from other hosts

    @cache
    def digits() -> tuple[Tensor, Tensor]:
        folder = sources.default_data_dir()
        sources.prepare("mnist", folder)
        return sources.load("mnist", folder, train=False)

    @cache
    def cached_mistakes(net: int) -> list[Json]:
        images, labels = digits()
        return mistakes(images, labels, readers[net])

    def predict(image: str, selected: int = -1) -> Json:
        try:
            return predict_image(image, int(selected), readers)
        except InputError as error:
            raise gradio.Error(str(error), print_exception=False) from error

    def predict_digit(index: int) -> Json:
        return predict_crop(digits()[0][int(index)].numpy(), readers)

    def mistakes_of(net: int) -> list[Json]:
        return cached_mistakes(int(net)) if readers[net].class_names == tuple("0123456789") else []

    def nets() -> list[Json]:
        return [_describe(reader) for reader in readers]

    server.api(predict, name="predict", queue=False)
    server.api(predict_digit, name="predict_digit", queue=False)
    server.api(mistakes_of, name="mistakes", queue=False)
    server.api(nets, name="nets", queue=False)

    @server.get("/")
    def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    # Browsers do not run JavaScript that is served with the type set on some Windows machines.
    mimetypes.add_type("text/javascript", ".js")
    server.mount("/page", StaticFiles(directory=PAGE))
    return server


def launch(server: Any, port: int | None, wait: bool) -> str:
    """Serve, on this machine only.

    Args:
        server: The server of `build`.
        port: None: the first free one from 7860 on.
        wait: Whether to serve until the process is interrupted.

    Returns:
        The address.

    Raises:
        InputError: The port is taken.
    """
    try:
        _, address, _ = server.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
        )
    except OSError as error:
        raise InputError(
            f"port {port or '7860 and those after it'} is taken: choose another with --port N"
        ) from error
    say(f"a page to draw on: {address} (Ctrl-C ends it)")
    if wait:
        server.blocks.block_thread()
    return str(address)


def _describe(reader: DigitReader) -> Json:
    """Name, classes, accuracy and size of a net."""
    return {
        "name": printable(reader.name),
        "classes": list(reader.class_names),
        "accuracy": reader.report.get("accuracy"),
        "parameters": sum(p.numel() for p in reader.net.parameters()),
    }
