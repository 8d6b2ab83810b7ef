"""The one exception for mistakes that the user can mend."""


class InputError(Exception):
    """A wrong input: one line that names the thing, what was expected, and the way out.

    The command line prints the line and ends with exit code 2, without a traceback.
    """
