"""Connect the processes that a launcher has started, each time it restarts them anew.

torchrun keeps one store over its restarts. torch 2.14 reads in it the addresses of the processes
before the restart, which are gone: the new ones do not find each other. So the first process makes
a prefix of its own for the keys of each attempt, and hands it to the others that are there now.
"""

import atexit
import os
from datetime import timedelta
from time import monotonic, sleep
from uuid import uuid4

import torch.distributed as dist
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch.distributed.distributed_c10d import PrefixStore, Store

from deepdigits.core.errors import RunFailed
from deepdigits.training.lightning_compat import backend_of, limit_connecting

# Seconds: a node may need a minute or two longer than the others to read the packages.
JOIN_LIMIT = 300.0
_DATA_LIMIT = 1800.0  # for the first process of a node to prepare the data: it may download them
_POLL = 0.05


def join(trainer: Trainer, peer_timeout: float) -> None:
    """Connect the processes of a trainer, before it would do so itself.

    Args:
        trainer: The trainer.
        peer_timeout: Seconds; if they are more than `JOIN_LIMIT`, they are the limit.

    Raises:
        RunFailed: Not all of them have come in time.
    """
    if not isinstance(trainer.strategy, DDPStrategy) or dist.is_initialized():
        return  # another strategy connects its processes itself
    seconds = max(JOIN_LIMIT, peer_timeout)
    try:
        if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
            _connect(trainer, seconds)
        limit_connecting(trainer, seconds)
        trainer.strategy.setup_environment()
    except dist.DistStoreError as error:
        raise RunFailed(
            f"not all {trainer.world_size} processes of this run have come within {seconds:.0f} "
            "seconds: read what the others have printed, and start all of them again"
        ) from error
    dist.set_timeout(timedelta(seconds=max(_DATA_LIMIT, peer_timeout)))


def _connect(trainer: Trainer, seconds: float) -> None:
    """Make the process group in a new part of the store of torchrun."""
    limit, rank = timedelta(seconds=seconds), trainer.global_rank
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(  # type: ignore[attr-defined]  # not in __all__, but documented
        address, port, is_master=False, timeout=limit
    )
    shared = PrefixStore("deepdigits", store)
    prefix = new_prefix(shared, rank, trainer.world_size, seconds)
    device = trainer.strategy.root_device
    dist.init_process_group(
        backend_of(trainer),
        store=PrefixStore(prefix, store),
        rank=rank,
        world_size=trainer.world_size,
        timeout=limit,
        device_id=None if device.type == "cpu" else device,
    )
    if device.type != "cpu":  # Lightning does so too, for NCCL
        atexit.register(_disconnect)


def new_prefix(store: Store, rank: int, processes: int, seconds: float) -> str:
    """Agree on a text that no attempt before has had.

    Each process but the first writes a request, which replaces that of the attempt before, and the
    first one answers each new request until the others confirm its text.

    Args:
        store: What the processes share.
        rank: Number of this process.
        processes: Number of all.
        seconds: The limit.

    Raises:
        DistStoreError: Not all have come within the limit.
    """
    own, end = uuid4().hex, monotonic() + seconds
    if rank > 0:
        store.set(f"request/{rank}", own)
        store.wait([f"answer/{own}"], timedelta(seconds=seconds))
        prefix: str = store.get(f"answer/{own}").decode()
        store.set(f"confirmed/{prefix}/{rank}", "")
        return prefix
    waiting = set(range(1, processes))
    while waiting:
        for other in sorted(waiting):
            if store.check([f"request/{other}"]):
                store.set(f"answer/{store.get(f'request/{other}').decode()}", own)
            if store.check([f"confirmed/{own}/{other}"]):
                waiting.discard(other)
        if monotonic() > end:
            raise dist.DistStoreError(f"{len(waiting)} processes have not come")
        sleep(_POLL)
    return own


def _disconnect() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
