"""Export a trained net to a file for other programs, and verify the file against the net.

net -> formats (a file) -> runtimes (load the file) -> verify (all test digits) -> card
"""
