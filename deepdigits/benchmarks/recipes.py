"""Two well-known recipes for MNIST in plain PyTorch, written from their published descriptions.

Net, batches, order, optimizer and schedule are as published.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdigits.core.timing import clock

MEAN, STD = 0.1307, 0.3081
CLASSIC_EPOCHS = 14


def speed_net() -> nn.Module:
    """The net of the speed recipe: 215,194 parameters; pooling comes before ReLU."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 5 * 5, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )


def train_speed_recipe(images: Tensor, labels: Tensor, seed: int) -> tuple[nn.Module, float]:
    """The final version of the speed recipe: one epoch of Adam with OneCycle, from memory.

    Batches of 256 are slices of the dataset, without shuffling. The whole dataset is converted to
    normalized floats at once, and this time is measured too.

    Source: T. Oikarinen, github.com/tuomaso/train_mnist_fast, ``8_Final_00s76.ipynb``:
    99.04 +- 0.07 % in 0.76 s on a GTX 1660 Ti, 30 seeds.

    Args:
        images: uint8 (N, 28, 28).
        labels: int64 (N,).
        seed: Seed of the weights.

    Returns:
        The net and the seconds of its training.
    """
    torch.manual_seed(seed)
    net = speed_net().to(images.device)
    start = clock(images.device)
    floats = ((images.float() / 255 - MEAN) / STD).unsqueeze(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.7, 0.9))
    batches = list(zip(torch.split(floats, 256), torch.split(labels, 256), strict=True))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=len(batches))
    for batch, targets in batches:
        optimizer.zero_grad()
        F.cross_entropy(net(batch), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return net, clock(images.device) - start


def classic_net() -> nn.Module:
    """The net of PyTorch's MNIST example: 1,199,882 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )


def train_classic(
    root: str,
    seed: int,
    good_enough: Callable[[nn.Module], bool],
    epochs: int = CLASSIC_EPOCHS,
    device: torch.device | None = None,
) -> tuple[nn.Module, list[float]]:
    """PyTorch's MNIST example: Adadelta, learning rate 1, x 0.7 after each epoch, batches of 64.

    It is evaluated after each epoch, which is not measured, and stops when it is good enough. To
    stop by the test result is an advantage for this recipe.

    Source: github.com/pytorch/examples, ``mnist/main.py``, which runs 14 epochs.

    Args:
        root: Folder of torchvision's MNIST files.
        seed: Seed of weights, order and dropout.
        good_enough: Returns True to stop with this net.
        epochs: Maximum number of epochs.
        device: Device for training. None: the CPU.

    Returns:
        The net and the seconds of each epoch.
    """
    from torchvision import datasets, transforms

    torch.manual_seed(seed)
    device = device or torch.device("cpu")
    net = classic_net().to(device)
    steps = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    digits = datasets.MNIST(root, transform=transforms.Compose(steps))
    loader = torch.utils.data.DataLoader(digits, 64, shuffle=True)
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    seconds: list[float] = []
    while len(seconds) < epochs and not (seconds and good_enough(net)):
        start = clock(device)
        net.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            log_probabilities = net(batch.to(device))
            F.nll_loss(log_probabilities, labels.to(device)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        seconds.append(clock(device) - start)
    return net, seconds
