"""The page's server: Gradio's API engine, bound to this machine, and a page of our own."""

import mimetypes
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from deepdigits.core.errors import InputError
from deepdigits.data import sources as datasets
from deepdigits.demo.answers import Answer, answer_image, answer_tile, mistakes
from deepdigits.inference.reader import DigitReader

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"


def build(readers: Sequence[DigitReader]) -> Any:
    """A `gradio.Server` with the page at ``/`` and what it asks for.

    The page is small and our own, so nothing is loaded from anywhere else; what it asks for is an
    API of Gradio, which `gradio_client` can call too: look, digit, mistakes and nets.

    Args:
        readers: The nets to show side by side; all of the same classes.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    import gradio
    from fastapi.responses import FileResponse
    from fastapi.staticfiles import StaticFiles

    server = gradio.Server(docs_url=None, redoc_url=None)  # those load from elsewhere

    @cache
    def digits() -> tuple[Tensor, Tensor]:
        folder = datasets.default_data_dir()
        datasets.prepare("mnist", folder)
        return datasets.load("mnist", folder, train=False)

    @cache
    def wrong(net: int) -> list[Answer]:
        images, labels = digits()
        return mistakes(images, labels, readers[net])

    def look(image: str, selected: int = -1) -> Answer:
        try:
            return answer_image(image, int(selected), readers)
        except InputError as error:
            raise gradio.Error(str(error), print_exception=False) from error

    def digit(index: int) -> Answer:
        return answer_tile(digits()[0][int(index)].numpy(), readers)

    def mistakes_of(net: int) -> list[Answer]:
        return wrong(int(net)) if readers[net].class_names == tuple("0123456789") else []

    def nets() -> list[Answer]:
        return [_facts(reader) for reader in readers]

    for name, said in (("look", look), ("digit", digit), ("mistakes", mistakes_of), ("nets", nets)):
        server.api(said, name=name, queue=False)

    @server.get("/")
    def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    mimetypes.add_type("text/javascript", ".js")  # what Windows says of it, browsers do not run
    server.mount("/page", StaticFiles(directory=PAGE))
    return server


def launch(server: Any, port: int | None, wait: bool) -> str:
    """Serve, on this machine only.

    Args:
        server: What `build` made.
        port: None: the first that is free from 7860 on.
        wait: Whether to stay until the process is interrupted.

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
        raise InputError(f"port {port or '7860 and those after it'} is taken: --port N") from error
    print(f"a page to draw on: {address} (Ctrl-C ends it)", flush=True)
    if wait:
        server.blocks.block_thread()
    return str(address)


def _facts(reader: DigitReader) -> Answer:
    """Name, classes and accuracy of a net."""
    return {
        "name": reader.name,
        "classes": list(reader.class_names),
        "accuracy": reader.report.get("accuracy"),
        "parameters": sum(p.numel() for p in reader.net.parameters()),
    }
