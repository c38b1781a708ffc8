"""Photos changed a little, so that an encoder sees more than there are (kornia)."""

from typing import Any

from kornia.augmentation import AugmentationSequential, ColorJiggle, RandomAffine
from torch import Tensor

BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.15, 0.15, 0.2, 0.02  # at most, in parts; hue in turns
DEGREES, SHIFT, SCALE = 4, 0.03, (0.95, 1.05)  # at most; shifts in parts of the side


class Vary:
    """Colours and place, each of them with the probability `chance` and by no more than photos of one kind differ."""

    def __init__(self, chance: float) -> None:
        self.chance = chance
        place = {"degrees": DEGREES, "translate": (SHIFT, SHIFT), "scale": SCALE, "padding_mode": "reflection"}
        self.pipeline = AugmentationSequential(
            RandomAffine(**place, p=chance),  # pyright: ignore[reportArgumentType]
            ColorJiggle(BRIGHTNESS, CONTRAST, SATURATION, HUE, p=chance),
            data_keys=["input"],
        )

    def __call__(self, photos: Tensor) -> Tensor:
        """[N, 3, R, R] in [-1, 1] -> the same. Of torch's global random numbers."""
        if not self.chance:
            return photos
        changed: Any = self.pipeline(photos / 2 + 0.5)
        return changed.clamp(0, 1) * 2 - 1
