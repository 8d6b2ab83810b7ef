"""Random numbers go on where a checkpoint was saved."""

import io
import random

import numpy as np
import pytest
import torch

from deepdigits.training.callbacks.rng_state import random_state, set_random_state


def draw():
    return (
        torch.rand(3).tolist(),
        np.random.rand(3).tolist(),
        np.random.randn(),  # of two that are drawn at once, one is kept in the state
        random.random(),
        random.gauss(),  # so here
    )


@pytest.mark.parametrize("drawn_before", [0, 1, 700])
def test_state_survives_a_checkpoint_that_holds_only_data(drawn_before):
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
def test_state_of_a_gpu_is_kept():
    state = random_state()
    first = torch.rand(3, device="cuda")
    set_random_state(state)
    assert torch.equal(torch.rand(3, device="cuda"), first)
