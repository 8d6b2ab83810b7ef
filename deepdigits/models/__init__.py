"""Nets: plain modules, images (B, 1, 28, 28) in [0, 1] -> logits (B, C)."""

from deepdigits.models.cnn import CNN
from deepdigits.models.mlp import MLP

__all__ = ["CNN", "MLP"]
