"""How much the members of an ensemble differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor


@dataclass(frozen=True)
class Disagreement:
    """How much the members of an ensemble differ.

    Attributes:
        not_unanimous: Number of digits on which not all members predict the same class.
        pairwise: Share of digits on which two members predict different classes, mean over pairs.
        all_wrong: Number of digits on which all members are wrong.
    """

    not_unanimous: int
    pairwise: float
    all_wrong: int


def disagreement(probabilities: Sequence[Tensor], labels: Tensor) -> Disagreement:
    """How much members differ: probabilities (N, C) of each, labels (N,).

    >>> one, other = torch.eye(4), torch.eye(4)[[0, 1, 1, 3]]
    >>> disagreement([one, other], torch.tensor([0, 0, 2, 3]))
    Disagreement(not_unanimous=1, pairwise=0.25, all_wrong=1)
    """
    votes = torch.stack([each.argmax(dim=1) for each in probabilities])
    pairs = [(a != b).double().mean().item() for a, b in combinations(votes, 2)]
    return Disagreement(
        not_unanimous=int((votes != votes[0]).any(dim=0).sum()),
        pairwise=sum(pairs) / len(pairs),
        all_wrong=int((votes != labels).all(dim=0).sum()),
    )
