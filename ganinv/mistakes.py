"""What a user reads when something is wrong: one line a mistake, no traceback, and an exit code."""

import difflib
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import PurePath

from hydra.core.override_parser.types import Override
from hydra.errors import CompactHydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from .errors import InputError
from .paths import CONF
from .unread import UNREAD, is_unread

FAILED, WRONG, STOPPED = 1, 2, 130  # exit codes: some photos failed, a mistake in the command, Ctrl-C or `kill`

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class PhotosFailed(CompactHydraException):
    """Some photos could not be inverted; the others are done."""


class Told(CompactHydraException):
    """Jobs of a sweep failed, and their sentences are printed already; its argument is the exit code."""


def guarded(main: Callable[[], object]) -> None:
    """Run a Hydra `main`; every mistake of the user ends it with its sentence and an exit code."""
    before = os.environ.get("HYDRA_FULL_ERROR", "0")
    # Hydra prints a traceback of all errors but its own (a folder that cannot be written); with this it hands them on.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with terminable():
            code = telling(main)
    except KeyboardInterrupt:
        code = STOPPED
    finally:
        os.environ["HYDRA_FULL_ERROR"] = before
    if code:
        sys.exit(code)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, of `kill` or a cluster's scheduler, and SIGHUP, of a terminal that closes, end what runs as Ctrl-C does;
    where they are handled or ignored, it stays so.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()  # the others have no signals
    ours = [each for each in ENDING if is_main and signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def telling(task: Callable[[], object]) -> int:
    """Run `task`; -> the exit code: 0, or that of a user's mistake, which is told in a sentence."""
    try:
        task()
        sys.stdout.flush()
    except Exception as error:
        if isinstance(error, BrokenPipeError) and is_unread():
            return UNREAD
        if not is_users(error):
            raise
        return told(error)
    return 0


def told(error: Exception) -> int:
    """Print the sentence of a user's mistake, unless it is printed already; -> the exit code."""
    if isinstance(error, Told):
        return error.args[0]
    print(sentence(error), file=sys.stderr)
    return FAILED if isinstance(error, PhotosFailed) else WRONG


def is_users(error: Exception) -> bool:
    """Whether `error` is a mistake in the command, its files or its folders, not one of this code."""
    if isinstance(error, InputError | CompactHydraException | OmegaConfBaseException | OSError):
        return True
    # Hydra's own refusals of an override are partly plain ValueErrors.
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return isinstance(error, ValueError) and "hydra" in PurePath(last).parts


def sentence(error: BaseException) -> str:
    """`error` in the words of this project."""
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, MissingConfigException) and (error.options or error.missing_cfg_file):
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        options = sorted(error.options or _options(group))
        near = _nearest(option, options)
        hint = f" (did you mean {near}?)" if near else ""
        return f"{group or option}: no option {option!r}{hint}; choose one of {', '.join(options)}"
    if asked := re.match(r"You must specify '([^']+)'", str(error)):
        options = sorted(_options(asked[1]))
        return f"{asked[1]}: must be set; choose of {', '.join(options)}, as {asked[1]}=[{options[0]}]"
    if str(error).startswith("Config group override must be") and (given := _last_override(error)):
        return _no_name(given)
    if isinstance(error, OverrideParseException):
        why = (*str(error).splitlines(), "")[1]
        quoted = "; quote a name that has spaces, commas or brackets: 'dataset.path=\"me (1).jpg\"'"
        return f"{error.override}: cannot be read as KEY=VALUE ({why}); write for instance tuner.steps=400{quoted}"
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return unknown(str(cause.full_key or cause.key), [str(name) for name in cause.parent_node or ()])
    if isinstance(cause, OmegaConfBaseException):
        return f"{cause.full_key}: {str(cause.msg).splitlines()[0]}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}; free some space there, or choose another folder"
    return str(error)


def _nearest(name: str, options: Collection[str]) -> str | None:
    """The option that is meant by a misspelt name, in letters of either case; None where several begin with it."""
    lower = {option.lower(): option for option in options}
    if sum(option.startswith(name.lower()) for option in lower) > 1:
        return None
    found = difflib.get_close_matches(name.lower(), lower, n=1)
    return lower[found[0]] if found else None


def _last_override(error: BaseException) -> Override | None:
    """What Hydra was reading when it raised `error`, of which its message names no group."""
    frames = [frame.f_locals.get("override") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((found for found in reversed(frames) if isinstance(found, Override)), None)


def _no_name(given: Override) -> str:
    """One line for a group whose choice is no name, as in report=null and generator=3."""
    key, _, value = (given.input_line or "").lstrip("+").partition("=")
    options = ", ".join(sorted(_options(given.key_or_group)))
    choose = f"choose one of {options}, or leave" if options else "leave"
    return f"{key}: takes a choice's name, got {value}; {choose} {key} out"


def _options(group: str) -> list[str]:
    """The choices in conf/<group>, which Hydra does not name where several are chosen."""
    return [path.stem for path in (CONF / group).glob("*.yaml")]


def unknown(key: str, known: Collection[str]) -> str:
    """One line for a setting that does not exist, with those that do."""
    names = sorted(name for name in known if not name.startswith("_"))
    near = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
    above = key[: key.rfind(".") + 1]
    if not names:
        return f"{key}: no such setting; {above[:-1] or 'what is chosen'} takes none here; leave it out"
    hint = f"did you mean {above}{near[0]}?" if near else f"known are {', '.join(names)}"
    return f"{key}: no such setting; {hint}"
