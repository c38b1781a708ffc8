"""Name -> direction: in the folder `directions` where one works, or inside the package."""

import difflib
from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from .direction import PUBLISHED, Direction

OWN = Path("directions")  # where the finder writes, below the working folder
PACKAGED = Path(__file__).parent / "found"  # a folder for each generator


def known() -> dict[str, list[Path]]:
    """Files by name, one's own before those of the package."""
    files = [*sorted(OWN.glob("*.safetensors")), *sorted(PACKAGED.glob("*/*.safetensors"))]
    return {name: [file for file in files if file.stem == name] for name in sorted({file.stem for file in files})}


def find(name_or_path: str, prior: Prior) -> Direction:
    """The direction of that name that belongs to `prior`, or the one at a path. InputError: neither."""
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() in (".safetensors", *PUBLISHED) or path.is_file():
        return Direction.load(path)
    names = known()
    if name_or_path not in names:
        near = difflib.get_close_matches(name_or_path, names, n=1)
        hint = f"did you mean {near[0]}? Known" if near else "known"
        hint += f" are {', '.join(names) or 'none yet'}"
        raise InputError(
            f"{name_or_path}: no direction of that name, and no file; {hint}; labelled photos make one: `python -m"
            f" ganinv.directions attribute={name_or_path} scores=labelled scores.photos=PHOTOS scores.labels=TABLE.csv`"
        )
    found = [Direction.load(file) for file in names[name_or_path]]
    return next((direction for direction in found if direction.fingerprint == prior.fingerprint), found[0])


def vector(given: str, prior: Prior, space: str) -> Tensor:
    """What the direction of that name, or at that path, adds in `space`, along which a finder is not to move."""
    other = find(given, prior)
    other.fits(prior)
    if other.space != space:
        raise InputError(f"finder.given: {given} lies in {other.space}, and {space} is asked for")
    return other.values[space]
