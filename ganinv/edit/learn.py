"""scikit-learn, which finding directions needs and applying them does not."""

import importlib
from types import ModuleType

from ..errors import InputError


def scikit(module: str) -> ModuleType:
    """`sklearn.<module>`; InputError that says how to install it."""
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ModuleNotFoundError as error:
        raise InputError("directions: need scikit-learn to be found: pip install 'ganinv[edit]'") from error
