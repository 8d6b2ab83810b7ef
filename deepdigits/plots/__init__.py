"""All figures, in one style (style.py)."""
