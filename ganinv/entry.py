"""What is known of one published file, and the licences that several have."""

from dataclasses import dataclass
from typing import Literal

NVIDIA = "Nvidia Source Code License, non-commercial"
FFHQ_LICENCE = f"{NVIDIA}; FFHQ's images: CC BY-NC-SA 4.0"
AFHQ_LICENCE = f"{NVIDIA}; AFHQ's images: CC BY-NC 4.0"
METFACES_LICENCE = f"{NVIDIA}; MetFaces' images: CC BY-NC 2.0"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A published file."""

    file: str  # its published name
    url: str  # what a download asks for
    what: str
    licence: str
    sha256: str = ""  # first hex digits, all 64 where they are known; empty: unknown
    hash_from: Literal["publisher", "mirrors"] = "mirrors"
    size: int | None = None  # bytes, exactly
    roughly: int | None = None  # 10^6 bytes, where it is not known exactly
    page: str | None = None  # where a browser fetches it, if not at `url`

    @property
    def amount(self) -> str:
        """The size in words."""
        megabytes = self.roughly if self.size is None else round(self.size / 1e6)
        return "size not published" if megabytes is None else f"{megabytes} MB"

    @property
    def by_hand(self) -> str:
        """How to get the file without this program."""
        return f"fetch {self.page or self.url} with a browser and put it, named {self.file},"
