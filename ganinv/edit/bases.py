"""Photos of finished runs, on which a direction is learned beside samples: where inversions lie, samples are few."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..generator.checkpoint import Prior
from ..generator.foreign.source import shown
from ..report.artefacts import Inversion, load, read_record
from .finished import photos_of


class Bases:
    """Each photo on the generator that was tuned around it, which of tuner=none is the prior's; read when drawn."""

    def __init__(self, runs: Sequence[str], prior: Prior) -> None:
        """`runs`: folders of runs, or of photos in them. Raises InputError, for a photo of another prior too."""
        self.prior = prior
        try:
            self.folders = [photo for run in runs for photo in photos_of(Path(run).expanduser())]
            records = [read_record(folder) for folder in self.folders]
        except InputError as error:
            raise InputError(f"finder.runs: {error}") from error
        for folder, record in zip(self.folders, records, strict=True):
            if record["prior"]["fingerprint"] != prior.fingerprint:
                raise InputError(
                    f"finder.runs: {folder} lies on the prior {shown(record['prior']['name'], 60)}, not on"
                    f" {prior.name}; name runs of this one"
                )
        self.digests = sorted({record["photo_digest"] for record in records})

    def draw(self, count: int, random: torch.Generator) -> list[Inversion]:
        """`count` of the photos, with replacement. InputError: one cannot be read."""
        chosen = torch.randint(len(self.folders), [count], generator=random).tolist()
        return [self._read(self.folders[i]) for i in chosen]

    def _read(self, folder: Path) -> Inversion:
        try:
            found = load(folder, prior=self.prior)
        except InputError as error:
            raise InputError(f"finder.runs: {error}") from error
        found.generator.to(self.prior.generator.mapping.w_avg.device)
        return found


def at_photo(photo: Inversion, step: Tensor) -> Tensor:
    """The photo's own w, moved by `step` [w_dim] in each layer -> [1, 3, R, R], nominally in [-1, 1]."""
    ws = photo.latent.ws.to(step.device) + step
    maps = {name: value.to(step.device) for name, value in photo.noise().items()}
    return torch.func.functional_call(photo.generator.synthesis, maps, (ws,))
