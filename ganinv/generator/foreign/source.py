"""Bytes of a file that may lie about itself: claimed lengths are compared with what is there before memory is taken."""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

SMALL = 4096  # bytes; more than that stays in the file until somebody asks for it
MAX_LINE = 256  # bytes of a name
MAX_BITS = 1000  # of a whole number in a sentence
MAX_ITEMS = 8  # of a list in a sentence
NUMBERS = (int, float)
WORDS = {  # for what readers make of a file's objects
    "Node": "a module",
    "View": "a tensor",
    "Tensor": "a tensor",
    "Unbuilt": "an object without its state",
    "Name": "a name that is not used",
    "NoneType": "nothing",
}
MAX_STEPS = 500_000  # instructions in all; a generator of 1024 pixels with its discriminator has about 60,000


def shown(value: object, most: int = 300) -> str:
    """What came out of a file, as it can stand in a sentence: `most` letters, each of them printable.

    Of anything but words and numbers its kind alone: the text of a container can be longer than all memory.
    """
    if isinstance(value, list | tuple) and len(value) <= MAX_ITEMS and all(type(item) in NUMBERS for item in value):
        value = f"[{', '.join(shown(item, most) for item in value)}]"
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        value = f"a whole number of {value.bit_length()} bits"
    if not isinstance(value, str | int | float | None | Exception):
        value = in_words(value)
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:most])


def in_words(value: object) -> str:
    """What kind of thing came out of a file."""
    name = type(value).__name__
    return WORDS.get(name, f"a{'n' if name[0] in 'aeiou' else ''} {name}")


class Damaged(Exception):
    """A pickle that is damaged, hostile or no network's; the rest of a sentence that begins with "its pickle"."""


@dataclass(frozen=True)
class Stretch:
    """Bytes that still lie in the file."""

    start: int
    length: int


Blob = bytes | Stretch


class Budget:
    """What a file may cost: values of twice its size (protocol 2 writes bytes as text first), and instructions."""

    def __init__(self, size: int) -> None:
        self.bytes, self.steps = 2 * size, MAX_STEPS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Damaged(f"has more than {MAX_STEPS} pickle instructions, which no network needs")

    def take(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise Damaged("claims more values than it has bytes")


class Source:
    """A stream that is read forwards, `size` bytes long."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size, self.position = stream, size, 0

    def take(self, count: int) -> bytes:
        self.claim(count)
        content = self.stream.read(count)
        if len(content) != count:
            raise Damaged(f"ends in the middle, at byte {self.position + len(content)}")
        self.position += count
        return content

    def blob(self, count: int) -> Blob:
        """The next `count` bytes, left in the file where they are many."""
        if count <= SMALL:
            return self.take(count)
        self.claim(count)
        stretch = Stretch(self.position, count)
        self.stream.seek(count, 1)
        self.position += count
        return stretch

    def line(self) -> str:
        content = self.stream.readline(MAX_LINE)
        if not content.endswith(b"\n"):
            raise Damaged(f"is damaged at byte {self.position}: a name without an end")
        self.position += len(content)
        return content[:-1].decode()

    def claim(self, count: int) -> None:
        """Compare a length with what is left."""
        left = self.size - self.position
        if count > left:
            raise Damaged(f"is cut off or damaged: at byte {self.position} it claims {count} bytes, {left} are left")


class Blobs:
    """Values out of bytes that the file holds, each read once and straight to where it stays."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self.file, self.budget = file, budget

    def head(self, blob: Blob, count: int) -> bytes:
        """The first `count` bytes, or fewer where there are fewer."""
        if isinstance(blob, bytes):
            return blob[:count]
        self.file.seek(blob.start)
        return self.file.read(min(count, blob.length))

    def read(self, blob: Blob, start: int, count: int) -> np.ndarray:
        """`count` bytes from `start` on, as an array of uint8 of its own; `blob` must hold them."""
        assert start >= 0 and start + count <= length(blob)
        self.budget.take(count)
        values = np.empty(count, dtype=np.uint8)
        if isinstance(blob, bytes):
            values[:] = np.frombuffer(blob, dtype=np.uint8, count=count, offset=start)
            return values
        self.file.seek(blob.start + start)
        if self.file.readinto(values.data) != count:  # pyright: ignore[reportAttributeAccessIssue]
            raise Damaged("became shorter while it was read")
        return values


def length(blob: Blob) -> int:
    """Bytes of `blob`."""
    return len(blob) if isinstance(blob, bytes) else blob.length
