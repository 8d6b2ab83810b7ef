"""Metrics of a stage, reports, calibration, and agreement of predictions."""
