"""How a photo comes into the generator's square: cut or stretched to an aspect, with black bars where there is more."""

from dataclasses import dataclass
from typing import Annotated, Literal

from PIL import Image
from pydantic import Field
from torch import Tensor

Fit = Literal["crop", "stretch"]
Aspect = Annotated[float, Field(ge=0.5, le=2)]


@dataclass(frozen=True)
class Region:
    """The rows top … bottom - 1 and columns left … right - 1, which the photo fills; the rest is padding."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, images: Tensor) -> Tensor:
        """That part of `images`.  # [..., R, R] -> [..., bottom - top, right - left]"""
        return images[..., self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class Frame:
    """fit: "crop" keeps the photo's proportions and its middle, "stretch" all of it. aspect: its width over its height.

    aspect None: the photo fills the square. Otherwise its longer side does, and the bars beside it are black (0, -1 for
    the networks), as in the training images of LSUN's car network. So the bars are part of the target: the initial
    latent, the tuner's terms and D see them, where that network itself paints them; scores leave them out. A square
    that has these bars already is taken as it is.
    """

    fit: Fit = "crop"
    aspect: float | None = None

    def region(self, resolution: int) -> Region | None:
        """What the photo fills of a square of `resolution` pixels; None: all of it."""
        width, height = self.size(resolution)
        if width == height:
            return None
        left, top = (resolution - width) // 2, (resolution - height) // 2
        return Region(top=top, bottom=top + height, left=left, right=left + width)

    def size(self, resolution: int) -> tuple[int, int]:
        """Width and height of the photo within the square; even, so that the bars are equal."""
        aspect = self.aspect or 1
        shorter = 2 * round(resolution * min(aspect, 1 / aspect) / 2)
        if aspect == 1:
            return resolution, resolution
        return (resolution, shorter) if aspect > 1 else (shorter, resolution)

    def cut(self, image: Image.Image) -> tuple[Image.Image, list[str]]:
        """The part of a photo that is used, and a word where it is not just the photo."""
        aspect = self.aspect or 1
        width = min(image.width, round(image.height * aspect))
        height = min(image.height, round(image.width / aspect))
        if (width, height) == image.size:
            return image, []
        shape = "square" if aspect == 1 else f"of the aspect {aspect:.4g}"
        if self.fit == "stretch":
            return image, [f"not {shape}: stretched to it"]
        left, top = (image.width - width) // 2, (image.height - height) // 2
        used = "the middle square is used" if aspect == 1 else "its middle is used"
        return image.crop((left, top, left + width, top + height)), [f"not {shape}: {used}"]

    def place(self, image: Image.Image, *, resolution: int) -> tuple[Image.Image, list[str]]:
        """What `cut` gave, in RGB -> the square, resized by antialiased Lanczos; and a word where it was small."""
        size, region = self.size(resolution), self.region(resolution)
        pixels = f"{resolution}" if region is None else f"{size[0]} x {size[1]}"
        is_small = image.width < size[0] or image.height < size[1]
        notes = [f"smaller than the generator's {pixels} pixels: enlarged"] if is_small else []
        image = image.resize(size, Image.Resampling.LANCZOS)
        if region is None:
            return image, notes
        square = Image.new("RGB", (resolution, resolution))
        square.paste(image, (region.left, region.top))
        return square, notes


SQUARE = Frame()
