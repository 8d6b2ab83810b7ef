"""The commands: a typed function each, and a parser that calls it and prints."""
