"""What an architecture record may hold: it can be anybody's, and a network is built after it."""

import math
from collections.abc import Callable
from typing import Any

from .foreign.source import shown

NEEDED = {"z_dim", "w_dim", "img_resolution"}
MAX_SIZE = 2**17  # of any number in an architecture record, so that a broken one cannot take all memory
MAX_LAYERS = 64  # of anything that a record counts in layers
MAX_TAPS = 64  # of a low-pass filter
ARCHITECTURES = ("skip", "resnet", "orig")


def complaint(architecture: dict[str, Any]) -> str | None:
    """What is wrong with the record's values, for a sentence that begins with "its"; None: nothing that is seen here.

    Sizes that do not fit each other are left to the networks.
    """
    missing = NEEDED - architecture.keys()
    if missing:
        return f"architecture record lacks {', '.join(sorted(missing))}; write the file again"
    return next((said for name, value in architecture.items() if (said := _complaint(shown(name, 60), value))), None)


def _complaint(name: str, value: Any) -> str | None:
    most = MAX_LAYERS if "layers" in name else MAX_SIZE
    if isinstance(value, int) and value > most:
        return f"architecture record has {name} {shown(value, 60)}, more than {most} allowed"
    if name.endswith("resample_filter") and isinstance(value, list) and len(value) % 2:
        return f"{name} has {len(value)} taps, an odd number; an even one is supported"
    if isinstance(value, list) and len(value) > MAX_TAPS:
        return f"architecture record has {name} of {len(value)} numbers, more than {MAX_TAPS}"
    fits, allowed = ALLOWED.get(name.removeprefix("d_"), (_is_finite, "a finite number is needed"))
    return None if fits(value) else f"architecture record has {name} {shown(value, 60)}; {allowed}"


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


def _is_width(value: Any) -> bool:
    return type(value) is int or isinstance(value, dict)


def _is_group(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 1)


ALLOWED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "channel_base": (_is_width, "a whole number, or widths by resolution, is needed"),
    "conv_clamp": (lambda value: value is None or _is_positive(value), "null or a number above 0 is needed"),
    "mapping_lr_multiplier": (_is_positive, "a number above 0 is needed"),
    "output_scale": (_is_positive, "a number above 0 is needed"),
    "mbstd_group_size": (_is_group, "null or a whole number from 1 on is needed"),
    "mbstd_num_channels": (lambda value: type(value) is int and value >= 0, "a whole number from 0 on is needed"),
    "g_architecture": (lambda value: value in ARCHITECTURES, f"one of {', '.join(ARCHITECTURES)} is needed"),
    "architecture": (lambda value: value in ARCHITECTURES, f"one of {', '.join(ARCHITECTURES)} is needed"),
}
