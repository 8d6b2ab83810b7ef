"""Compare runs: read reports, group them by config, test differences, and plot."""
