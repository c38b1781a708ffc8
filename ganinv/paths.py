"""Paths as users write them."""

from pathlib import Path

from .errors import InputError


def looked_up(path: str | Path) -> Path:
    """`path` with its ~ replaced; something may stand there or not. Raises InputError where the system cannot tell."""
    try:
        found = Path(path).expanduser()
        found.exists()
    except RuntimeError as error:
        raise InputError(f"{path}: there is no such user, so ~ stands for nothing; give the path in full") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be looked up ({error.strerror}); give another path") from error
    return found
