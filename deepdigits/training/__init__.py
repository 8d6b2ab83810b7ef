"""LitClassifier, its callbacks, and the command line that trains it."""
