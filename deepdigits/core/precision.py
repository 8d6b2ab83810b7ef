"""Which number formats a device computes natively."""

import torch

BF16_FEATURES = ("avx512_bf16", "amx_bf16")  # of a CPU, as torch names them


def native_bf16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; without them it is slower than float32.

    Args:
        device: A CPU or a GPU of this machine. Of other devices it is not known: false.

    >>> native_bf16(torch.device("meta"))
    False
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere
    if device.type != "cpu":
        return False
    # Not every version of torch that this package runs with has it.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(feature, False) for feature in BF16_FEATURES)
