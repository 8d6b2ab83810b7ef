"""A page to draw on, which shows the predictions of several nets while you draw.

page/ (our own HTML, CSS and JavaScript) -> server (the API server of Gradio) -> predictions
"""
