"""A GPU of the tests: its tensors say that they are on ``cuda:0``, and compute on the CPU.

`FakeGPU` lists what would make the host wait for a real one. Autograd and C++ take the tensors for
those of the device ``meta``, which every build of torch has, and all operators on them come to
``__torch_dispatch__``, which unwraps them. So the values are real: a training on this device can be
compared with one on the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from lightning.pytorch.accelerators import Accelerator
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CUDA = torch.device("cuda", 0)
_META = torch.device("meta")
# Their result has a size that depends on the values: a GPU is waited for.
_OF_VALUES = {"bincount", "nonzero", "masked_select", "unique_dim", "_unique2", "equal"}


class GPUTensor(Tensor):
    """A tensor of the fake GPU, which holds one on the CPU."""

    held: Tensor
    gpu: "FakeGPU"

    @staticmethod
    def __new__(cls, held: Tensor, gpu: "FakeGPU") -> "GPUTensor":
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device="meta",
        )
        made.held, made.gpu = held, gpu
        return made  # type: ignore[no-any-return]

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return CUDA

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        return False

    def __repr__(self, **settings: Any) -> str:  # type: ignore[override]
        return f"GPUTensor({self.held})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        self.gpu.wait("saved")
        return self.held.detach().clone().__reduce_ex__(protocol)

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, GPUTensor)]
        return tensors[0].gpu.run(func, args, kwargs or {})


class FakeGPU(TorchDispatchMode):
    """Runs the operators of the fake GPU, and lists what a real one would be waited for.

    Attributes:
        waits: Values that are fetched, and pageable copies, since the list was emptied.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def wait(self, what: str) -> None:
        """Note that the host waits for the device."""
        self.waits.append(what)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run an operator where its tensors are."""
        name = func._schema.name.removeprefix("aten::")
        flat = tree_flatten((args, kwargs))[0]
        on_gpu = [t for t in flat if isinstance(t, GPUTensor)]
        on_cpu = [t for t in flat if isinstance(t, Tensor) and not isinstance(t, GPUTensor)]
        target = kwargs.get("device")
        asked = None if target is None else torch.device(target).type
        if not on_gpu and asked != "meta":
            return func(*args, **kwargs)
        self._note(name, args, on_gpu, on_cpu, asked)
        if target is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        wrappers = {id(t.held): t for t in on_gpu}
        args, kwargs = tree_map(self._unwrapped, (args, kwargs))
        result = func(*args, **kwargs)
        if asked == "cpu" and on_gpu:  # a copy, also where the CPU has nothing to copy
            return result
        if name == "copy_" and id(args[0]) not in wrappers:  # into a tensor on the CPU
            return result
        return tree_map(lambda x: self._wrapped(x, wrappers), result)

    def _note(
        self, name: str, args: Any, on_gpu: list[Any], on_cpu: list[Tensor], asked: str | None
    ) -> None:
        if name in ("_local_scalar_dense", *_OF_VALUES):
            self.wait(name)
        elif name == "copy_":
            if on_cpu:
                self.wait(f"copy_ to the {'CPU' if args[0] is on_cpu[0] else 'GPU'}")
        elif name == "_to_copy" and (on_cpu or asked == "cpu"):
            self.wait(f"_to_copy to the {'GPU' if on_cpu else 'CPU'}")
        elif on_gpu and any(t.ndim for t in on_cpu):
            if not name.startswith("index"):  # these take indices of the CPU
                raise RuntimeError(f"{name}: all tensors must be on one device")
            self.wait(f"{name} with indices of the CPU")

    @staticmethod
    def _unwrapped(value: Any) -> Any:
        return value.held if isinstance(value, GPUTensor) else value

    def _wrapped(self, value: Any, wrappers: dict[int, GPUTensor]) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, GPUTensor):
            return value
        return wrappers[id(value)] if id(value) in wrappers else GPUTensor(value, self)


class CudaIsMeta(TorchFunctionMode):
    """Names the fake GPU ``meta`` where code asks for ``cuda``, before torch looks for a driver."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.device:
            return func(*args, **(kwargs or {}))
        args, kwargs = [_named(x) for x in args], {k: _named(x) for k, x in (kwargs or {}).items()}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == _META:
            del kwargs["device"]  # else torch leaves out the values
            return func(*args, **kwargs).to(_META)
        if func is Tensor.tolist and isinstance(args[0], GPUTensor):  # refused for subclasses
            return args[0].cpu().tolist()
        return func(*args, **kwargs)


def _named(value: Any) -> Any:
    is_cuda = isinstance(value, str | torch.device) and str(value).startswith("cuda")
    return _META if is_cuda else value


class FakeAccelerator(Accelerator):
    """The accelerator of the fake GPU for a Trainer."""

    def setup_device(self, device: torch.device) -> None:
        """Nothing to set up."""

    def teardown(self) -> None:
        """Nothing to tear down."""

    @staticmethod
    def parse_devices(devices: Any) -> int:
        return int(devices)

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:
        return [CUDA] * int(devices)

    @staticmethod
    def auto_device_count() -> int:
        return 1

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def name() -> str:
        return "fake_gpu"

    def get_device_stats(self, device: Any) -> dict[str, Any]:
        return {}


@contextmanager
def fake_gpu() -> Iterator[FakeGPU]:
    """A context with a fake GPU: ``tensor.to("cuda")`` and ``torch.zeros(2, device="cuda")``."""
    gpu = FakeGPU()
    synchronize = mock.patch("torch.cuda.synchronize", lambda device=None: gpu.wait("synchronize"))
    with synchronize, gpu, CudaIsMeta():
        yield gpu
