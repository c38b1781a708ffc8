"""Widths by resolution, read from shapes, as our architecture record keeps them."""

from typing import Any


def width_record(widths: dict[int, int]) -> dict[str, Any]:
    """{resolution: channels} -> channel_base and channel_max, so that channels = min(channel_base // r, channel_max).

    Where no two numbers give these widths, channel_base is the table itself.
    """
    # b // r ≥ c asks for b ≥ c·r, so that no smaller base gives all of them, and a larger one can only widen.
    base, most = max(r * c for r, c in widths.items()), max(widths.values())
    if all(min(base // r, most) == c for r, c in widths.items()):
        return {"channel_base": base, "channel_max": most}
    return {"channel_base": {str(r): c for r, c in sorted(widths.items())}, "channel_max": most}
