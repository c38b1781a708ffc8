"""GAN inversion: a photo's latent, and the generator fine-tuned around it without spoiling the rest."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import invert
    from .report.artefacts import Inversion, load

__version__ = "0.1.0"
__all__ = ["Inversion", "__version__", "invert", "load"]


def __dir__() -> list[str]:
    return [*globals(), *(name for name in __all__ if name not in globals())]


def __getattr__(name: str) -> Any:
    """Import torch with the first use of a function, not with the package: the command line answers at once."""
    if name == "invert":
        from .api import invert

        return invert
    if name in ("load", "Inversion"):
        from .report import artefacts

        return getattr(artefacts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
