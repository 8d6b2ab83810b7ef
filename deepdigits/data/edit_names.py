"""Names of the two kinds of label edits. Imports nothing."""

KINDS = ("exclude", "relabel")  # arguments of the data module


def copy_name(kind: str) -> str:
    """Name of the copy in a run folder.

    >>> copy_name("exclude")
    'exclude.csv'
    """
    return f"{kind}.csv"
