"""A page to draw on: what each net makes of a drawing while it is drawn.

page/ (HTML, CSS, JavaScript of our own) -> server (Gradio's API engine) -> answers (pure)
"""
