"""Hyper-parameter search with Optuna, on any number of processes and machines.

    space (settings) -> store (Optuna's storage) -> search (one worker) -> training (one trial)

A worker runs trials until N are finished; a trial is a `deepdigits fit` in its own run folder.
Workers share only the storage and the folder.
"""
