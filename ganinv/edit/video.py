"""A sweep as MP4 (H.264, 4:2:0, which every browser and editor plays). PyAV writes it; nothing else needs PyAV."""

import io
from fractions import Fraction
from types import ModuleType

from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from .sheet import FRAME, there_and_back

QUALITY = "14"  # x264's rate factor: 0 is lossless, 18 about what no eye tells apart


def expect_video() -> ModuleType:
    """PyAV with x264. InputError that says how to install it."""
    try:
        import av

        av.Codec("libx264", "w")
    except (ImportError, ValueError) as error:
        raise InputError(
            "edit.animate: mp4 needs PyAV with x264: pip install 'ganinv[video]'; or choose edit.animate=gif"
        ) from error
    return av


def mp4(pictures: Tensor) -> bytes:
    """A sweep there and back of `pictures` uint8 [N, 3, R, R]. Raises InputError."""
    av, frames = expect_video(), [even_sides(picture) for picture in there_and_back(pictures)]
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, FRAME), options={"crf": QUALITY})
        stream.height, stream.width = frames[0].shape[1:]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            pixels = frame.permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def even_sides(picture: Tensor) -> Tensor:
    """Sides that 4:2:0 can halve: the last row or column twice where they are odd.  # uint8 [3, H, W]"""
    height, width = picture.shape[1:]
    return F.pad(picture[None].float(), (0, width % 2, 0, height % 2), mode="replicate")[0].to(picture.dtype)
