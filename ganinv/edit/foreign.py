"""Published direction files: of InterFaceGAN and e4e, GANSpace, StyleSpace (channels), StyleCLIP (global directions).

None of them says which generator it belongs to: that is the user's word, and the direction then carries the mark of the
generator that was named. Nothing in a file is executed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from .channels import covered, outstanding, read_pairs, towards
from .direction import Direction, expect_shape, style_widths
from .samples import draw, style_statistics
from .scores import Scorer
from .stylespace import in_styles, is_rgb


class Published:
    """Directions from `path`, tied to the generator that is named beside it."""

    def __init__(
        self,
        *,
        path: str,
        form: Literal["vector", "ganspace", "channels", "styleclip"],
        space: Literal["z", "w"] = "w",
        component: Annotated[int, Field(ge=0)] | None = None,
        text: str | None = None,
        layers: tuple[int, int] | None = None,
        strength: float = 3.0,
        threshold: Annotated[float, Field(ge=0)] = 0.0,
        licence: str = "not stated",
        samples: Annotated[int, Field(ge=2)] = 2000,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`form`: what the file holds. "vector": a .pt or .npy of [D], [1, D] or [num_ws, D] in `space` (InterFaceGAN,
        e4e). "ganspace": a .pt or .npz of components, mean and deviations, of which `component` is taken. "channels": a
        text with a line "layer, channel" or "layer, channel: amount" for each (StyleSpace). "styleclip": a .npy with a
        change for each channel, or a matrix [channels, D] as fs3.npy, which needs `text`: a .npy [D], one text's
        CLIP feature less another's. Changes below `threshold` are left out. `samples`, `psi`, `seed`: for the styles'
        deviations.
        """
        self.path, self.form, self.space, self.component = Path(path).expanduser(), form, space, component
        self.layers, self.strength, self.threshold, self.licence = layers, strength, threshold, licence
        self.samples, self.psi, self.seed = samples, psi, seed
        self.text = None if text is None else Path(text).expanduser()
        if not self.path.is_file():
            raise InputError(f"finder.path: {path} does not exist; name a direction's file")
        if self.text is not None and form != "styleclip":
            raise InputError(f"finder.text: form={form} takes no text; leave text out, or set finder.form=styleclip")
        if self.text is not None and not self.text.is_file():
            raise InputError(
                f"finder.text: {text} does not exist; name a .npy of the difference of two texts' features"
            )
        if layers is not None and form in ("channels", "styleclip"):
            raise InputError(f"finder.layers: form={form} names the channels of each layer itself; leave layers out")
        if space != "w" and form != "vector":
            raise InputError(f"finder.space: form={form} lies in {'w' if form == 'ganspace' else 's'}; leave space out")

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None = None) -> list[Direction]:
        """The one direction. `scorer` is not used. Raises InputError."""
        read: dict[str, Callable[[Prior, str], Direction]] = {
            "vector": self._vector,
            "ganspace": self._ganspace,
            "channels": self._channels,
            "styleclip": self._styleclip,
        }
        direction = read[self.form](prior, name)
        expect_shape(direction, prior.generator)
        return [direction]

    def _made(self) -> dict[str, Any]:
        made = {"finder": "published", "form": self.form, "file": self.path.name, "generator": "by the user's word"}
        return made if self.text is None else made | {"text": self.text.name}

    def _plain(self, prior: Prior, name: str, space: Any, value: Tensor, unit: str, **more: Any) -> Direction:
        return Direction.found_on(
            prior,
            name=name,
            space=space,
            values={space: value},
            unit=unit,
            layers=self.layers,
            strength=self.strength,
            licence=self.licence,
            **more,
        )

    def _vector(self, prior: Prior, name: str) -> Direction:
        value = numbers(read_arrays(self.path), self.path)
        while value.ndim > 1 and len(value) == 1:
            value = value[0]
        space = "w+" if value.ndim == 2 and self.space == "w" else self.space
        return self._plain(prior, name, space, value, "the file's vector as it is", made=self._made())

    def _ganspace(self, prior: Prior, name: str) -> Direction:
        content, component = read_arrays(self.path), self.component
        parts = [_entry(content, keys, self.path) for keys in (("comp", "lat_comp"), ("mean", "lat_mean"))]
        spread = _entry(content, ("std", "lat_stdev"), self.path).flatten()
        comp, mean = parts[0].reshape(len(parts[0]), -1), parts[1].flatten()
        if component is None or component >= len(comp):
            raise InputError(f"finder.component: {self.path} holds {len(comp)} components; name one, from 0 on")
        if len(spread) != len(comp) or comp.shape[1] != len(mean):
            raise InputError(f"{self.path}: its components, mean and deviations do not go together; fetch it again")
        vector, length = comp[component], float(spread[component])
        origin = float(mean @ vector) / float(vector.square().sum()) / length
        unit, made = "one standard deviation of w along it, the file's", self._made() | {"component": component}
        return self._plain(prior, name, "w", vector * length, unit, origin=origin, made=made)

    def _channels(self, prior: Prior, name: str) -> Direction:
        layers = list(style_widths(prior.generator))
        chosen = []
        for index, channel, amount in read_pairs(self.path):
            if index >= len(layers):
                raise InputError(f"{self.path}: names layer {index}, and this generator's styles have {len(layers)}")
            chosen.append((layers[index], channel, amount))
        return self._in_styles(prior, name, chosen)

    def _styleclip(self, prior: Prior, name: str) -> Direction:
        change, widths = self._changes(), style_widths(prior.generator)
        layers = covered(len(change), widths)
        if layers is None:
            plain = sum(width for layer, width in widths.items() if not is_rgb(layer))
            raise InputError(
                f"{self.path}: holds {len(change)} channels, and this generator's styles have"
                f" {plain} (ToRGB left out) or {sum(widths.values())}"
            )
        change = outstanding(change, self.threshold)
        if change is None:
            raise InputError(f"finder.threshold: no channel of {self.path} reaches {self.threshold:g}; lower it")
        named = zip(layers, change.split(list(layers.values())), strict=True)
        chosen = [(n, i, amount) for n, part in named for i, amount in enumerate(part.tolist()) if amount]
        return self._in_styles(prior, name, chosen, threshold=self.threshold)

    def _changes(self) -> Tensor:
        """Of each channel: the file's own, or what its matrix makes of the text.  # [channels]"""
        given = numbers(read_arrays(self.path), self.path)
        if is_row(given):
            if self.text is not None:
                raise InputError(f"finder.text: {self.path} holds a change for each channel already; leave text out")
            return given.flatten()
        if given.ndim != 2:
            raise InputError(
                f"{self.path}: holds an array {list(given.shape)}, and [channels] or [channels, D] is asked"
            )
        if self.text is None:
            raise InputError(
                f"{self.path}: holds a matrix {list(given.shape)}, as StyleCLIP's fs3.npy; name the difference of two"
                " texts' CLIP features beside it, as finder.text=FILE.npy"
            )
        return towards(given, self._difference(self.text, given.shape[1]))

    def _difference(self, path: Path, length: int) -> Tensor:
        text = numbers(read_arrays(path), path)
        if not is_row(text) or text.numel() != length or not bool(text.any()):
            raise InputError(
                f"finder.text: {path} must hold one text's CLIP feature less another's, [{length}] as the rows of"
                f" {self.path}, and not all zero; it has the shape {list(text.shape)}"
            )
        return text.flatten()

    def _in_styles(self, prior: Prior, name: str, chosen: Sequence[tuple[str, int, float]], **made: Any) -> Direction:
        samples = draw(prior.generator, count=self.samples, seed=self.seed, psi=self.psi)
        _, spread = style_statistics(prior.generator, samples)
        parts = {"prior": prior, "samples": samples, "made": self._made() | made, "strength": self.strength}
        return replace(in_styles(chosen, spread, name=name, **parts), licence=self.licence)


def read_arrays(path: Path) -> Any:
    """An array, or arrays by name, of a .pt, .pth, .npy or .npz that holds nothing else. Raises InputError."""
    try:
        if path.suffix in (".pt", ".pth"):
            return torch.load(path, map_location="cpu", weights_only=True)
        with open(path, "rb") as handle:
            content = np.load(handle, allow_pickle=False)
            return content if isinstance(content, np.ndarray) else dict(content)
    except Exception as error:  # each reader raises whatever the bytes lead it to
        reason = str(error).split("\n")[0].split(". ")[0]
        raise InputError(
            f"{path}: not a whole file of plain arrays ({reason}); save it as .pt, .npy or .npz"
        ) from error


def numbers(content: Any, path: Path) -> Tensor:
    """float32, finite; of arrays by name, the only one. Raises InputError."""
    if isinstance(content, dict) and len(content) == 1:
        content = next(iter(content.values()))
    if isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        content = torch.from_numpy(np.array(content, dtype=np.float64))
    if not isinstance(content, Tensor) or content.is_complex() or not content.numel() or not content.ndim:
        raise InputError(f"{path}: holds no single array of real numbers; is its form another one?")
    values = content.detach().float()
    if not bool(values.isfinite().all()):
        raise InputError(f"{path}: holds NaN or infinite numbers; fetch it again")
    return values


def is_row(values: Tensor) -> bool:
    """Whether all but one of its sides are 1."""
    return values.numel() == max(values.shape)


def _entry(content: Any, keys: Sequence[str], path: Path) -> Tensor:
    found = [key for key in keys if isinstance(content, dict) and key in content]
    if not found:
        raise InputError(f"{path}: has no {' or '.join(keys)}, as GANSpace's files have; is its form another one?")
    return numbers(content[found[0]], path)
