"""Datasets by their path: IDX files, .npz, CSV, and folders of class folders."""
