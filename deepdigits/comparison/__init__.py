"""Runs side by side: read reports, group them by config, and say what the difference means."""
