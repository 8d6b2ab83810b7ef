"""Datasets: verified archives -> uint8 tensors in memory -> batches -> augmented images."""
