"""A trained net as a file that other programs read: written, then proved against the net.

net -> formats (a file) -> engines (its own runtime) -> proof (all test digits) -> card
"""
