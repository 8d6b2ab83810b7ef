"""Random numbers continue from the state in a checkpoint."""

import io
import random

import numpy as np
import pytest
import torch

from deepdigits.training.callbacks.rng_state import random_state, set_random_state

pytestmark = pytest.mark.usefixtures("blank_figures")


def draw():
    return (
        torch.rand(3).tolist(),
        np.random.rand(3).tolist(),
        np.random.randn(),  # numpy draws two at once, and keeps one in its state
        random.random(),
        random.gauss(),  # so does Python
    )


@pytest.mark.parametrize("drawn_before", [0, 1, 700])
def test_state_is_restored_from_a_checkpoint_of_plain_data(drawn_before):
    for _ in range(drawn_before):
        draw()
    buffer = io.BytesIO()
    torch.save(random_state(), buffer)
    first = draw()
    assert draw() != first
    buffer.seek(0)
    set_random_state(torch.load(buffer, weights_only=True))
    assert draw() == first


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_state_of_a_gpu_is_restored():
    torch.zeros(1, device="cuda")
    state = random_state()
    first = torch.rand(3, device="cuda")
    set_random_state(state)
    assert torch.equal(torch.rand(3, device="cuda"), first)
