"""The run folder: config, checkpoints, report, predictions."""
