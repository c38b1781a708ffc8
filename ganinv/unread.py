"""Standard output that nobody reads any more, as after `| head`: no mistake, and nothing to be told."""

import os
import sys
from collections.abc import Callable

UNREAD = 141  # a shell's exit code for SIGPIPE


def heard(main: Callable[[], int]) -> int:
    """The exit code of `main`, UNREAD where nobody reads what it prints."""
    try:
        try:
            return main()
        finally:  # argparse's --help leaves by SystemExit, and what it printed may still be in the buffer
            sys.stdout.flush()
    except BrokenPipeError:
        if is_unread():
            return UNREAD
        raise


def is_unread() -> bool:
    """Whether standard output is closed at its other end, which an empty line tells; what was left is dropped then."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
