"""The four calls of the page: predict, predict_digit, mistakes and nets."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from torch import Tensor

from deepdigits.core.console import say
from deepdigits.core.errors import InputError, one_line
from deepdigits.core.text import printable
from deepdigits.data import sources
from deepdigits.demo import gallery
from deepdigits.demo.predictions import Drawing, Json, predict_crop, predict_images
from deepdigits.demo.requests import (
    MAX_INTEGER,
    BodyReader,
    Refused,
    fields,
    integer,
    number,
    refusal,
)
from deepdigits.demo.workers import Workers
from deepdigits.inference.reader import DigitReader

MAX_IMAGE = 8_000_000  # bytes of a PNG
MAX_JSON = 1_000  # bytes
MAX_CALLS = 100  # at a time: further ones are refused
IMAGES_AT_ONCE = 2
TOGETHER = 4  # waiting images whose digits go through the nets together
DIGITS = tuple("0123456789")

Call = Callable[[Request], Awaitable[Any]]


class Api:
    """The functions that the page calls, each with a request.

    Args:
        readers: The nets to show side by side.
    """

    def __init__(self, readers: Sequence[DigitReader]) -> None:
        self.readers = readers
        self.bodies = BodyReader()
        self.images = Workers[Drawing, Json](
            partial(predict_images, readers=readers), IMAGES_AT_ONCE, TOGETHER
        )
        self.test_digits = Workers[int, Json](self._predict_digits)
        find = cache(self._find_mistakes)
        self.galleries = Workers[int, list[Json]](lambda nets: [find(net) for net in nets])

    async def predict(self, request: Request) -> Json:
        """Predict the digits of an image: the body is a PNG, the address may have ``selected``."""
        given = {name: number(text) for name, text in request.query_params.multi_items()}
        selected = integer(given, "selected", -1, MAX_INTEGER, default=-1)
        async with self.bodies.read(request, "image/png", MAX_IMAGE) as content:
            return await self.images.submit((content, selected))

    async def predict_digit(self, request: Request) -> Json:
        """Predict a digit of the test set: ``{"index": 0}``."""
        index = integer(await self._fields(request), "index", 0, 9_999)
        return await self.test_digits.submit(index)

    async def mistakes(self, request: Request) -> list[Json]:
        """The test digits that a net predicts wrongly: ``{"net": 0}``."""
        net = integer(await self._fields(request), "net", 0, len(self.readers) - 1)
        return await self.galleries.submit(net)

    async def nets(self, request: Request) -> list[Json]:
        """Name, classes, accuracy and size of each net: ``{}``."""
        if await self._fields(request):
            raise Refused(400, "nets takes no field, expected {}")
        return [_describe(reader) for reader in self.readers]

    async def _fields(self, request: Request) -> Mapping[str, object]:
        async with self.bodies.read(request, "application/json", MAX_JSON) as body:
            return fields(body)

    def _predict_digits(self, indices: Sequence[int]) -> list[Json]:
        images, _ = _test_set()
        return [predict_crop(images[index].numpy(), self.readers) for index in indices]

    def _find_mistakes(self, net: int) -> list[Json]:
        reader = self.readers[net]
        is_of_digits = reader.class_names == DIGITS
        return gallery.mistakes(*_test_set(), reader) if is_of_digits else []


class Endpoint:
    """Answers requests with what a call returns; each error is a status and one line.

    Args:
        call: A function of `Api`.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.pending = 0

    async def answer(self, request: Request) -> Response:
        """The answer to a request."""
        if self.pending >= MAX_CALLS:
            return refusal(503, "the server is busy: try again later")
        self.pending += 1
        try:
            return JSONResponse(await self.call(request))
        except Refused as error:
            return refusal(error.status, str(error))
        except InputError as error:
            return refusal(400, str(error))
        except ClientDisconnect:
            return Response()  # nobody reads it
        except Exception as error:
            line = one_line(f"{type(error).__name__}: {error}", 200)
            say(f"deepdigits: error: {request.url.path} failed: {line}", error=True)
            return refusal(500, "the server failed: its terminal has the reason")
        finally:
            self.pending -= 1


@cache
def _test_set() -> tuple[Tensor, Tensor]:
    """MNIST's test images, uint8 (10000, 28, 28), and labels."""
    folder = sources.default_data_dir()
    sources.prepare("mnist", folder)
    return sources.load("mnist", folder, train=False)


def _describe(reader: DigitReader) -> Json:
    return {
        "name": printable(reader.name),
        "classes": list(reader.class_names),
        "accuracy": reader.report.get("accuracy"),
        "parameters": sum(p.numel() for p in reader.net.parameters()),
    }
