"""What is measured: reports, calibration, agreement."""
