"""A page to draw on, which shows the predictions of several nets while you draw.

page/ (HTML, CSS, JavaScript) -> connections -> guard -> api (requests, workers) -> predictions
"""
