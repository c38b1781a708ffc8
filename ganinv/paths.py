"""Where conf/ lies, and paths as users write them."""

from pathlib import Path

from .errors import InputError

# A wheel carries conf/ inside the package; in a checkout it stands beside it. In this order, or a stranger's
# site-packages/conf could be taken.
CONF = next(p for p in (Path(__file__).parent / "conf", Path(__file__).parents[1] / "conf") if p.is_dir())


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
