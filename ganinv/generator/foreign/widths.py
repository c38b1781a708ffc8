"""Widths by resolution, read from shapes, as the two numbers that our architecture record keeps."""


def width_record(widths: dict[int, int]) -> dict[str, int]:
    """{resolution: channels} -> channel_base and channel_max, so that channels = min(channel_base // r, channel_max).

    Raises ValueError where no two numbers give these widths.
    """
    # b // r ≥ c asks for b ≥ c·r, so that no smaller base gives all of them, and a larger one can only widen.
    base, most = max(r * c for r, c in widths.items()), max(widths.values())
    if any(min(base // r, most) != c for r, c in widths.items()):
        listed = ", ".join(f"{r}: {c}" for r, c in sorted(widths.items()))
        raise ValueError(f"has channels by resolution ({listed}) that do not follow min(base / resolution, most)")
    return {"channel_base": base, "channel_max": most}
