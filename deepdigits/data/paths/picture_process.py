"""A process that brings pictures to 28x28 for another one: tasks on stdin, results on stdout.

It loads no torch, so it starts quickly and is small. Both ends speak pickle: they are the same
program, and nobody else writes to the pipes.
"""

import os
import pickle
import signal
import sys
import warnings

from deepdigits.core.errors import one_line
from deepdigits.data.paths.pictures import frame_each


def main() -> None:
    """Answer tasks until stdin ends. A task is the arguments of `frame_each`.

    The answer is its result, or a text: the error that ended it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the other process ends this one
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else writes between the answers
    while True:
        try:
            task = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: object = frame_each(*task)
        except Exception as error:
            answer = f"{type(error).__name__}: {one_line(error, 200)}"
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
