"""Trackers: loggers that send a run elsewhere, what they show, and what happens if they fail."""
