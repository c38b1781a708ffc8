"""Pictures of samples with their numbers, for scores from elsewhere and for examples chosen by eye."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..files import write_csv, write_png
from ..generator.checkpoint import Prior
from .direction import Direction
from .samples import draw, pictures
from .scores import INDEX, Scorer


class Pictures:
    """Writes the samples that a finder with the same numbers uses; finds no direction itself."""

    def __init__(
        self,
        *,
        out: str,
        samples: Annotated[int, Field(ge=1)] = 100,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`out`: a folder for 000000.png, … and samples.csv, a line each with the sample's number and file."""
        self.out, self.samples, self.psi, self.seed = Path(out).expanduser(), samples, psi, seed

    def __call__(self, *, prior: Prior, name: str, scorer: Scorer | None = None) -> list[Direction]:
        """No directions. With a scorer, its scores stand in samples.csv. Raises InputError."""
        samples = draw(prior.generator, count=self.samples, seed=self.seed, psi=self.psi)
        index = 0
        for batch in pictures(prior.generator, samples.truncated(prior.generator.mapping.w_avg)):
            for picture in batch:
                write_png(self.out / f"{index:06d}.png", picture)
                index += 1
        rows = [{INDEX: number, "file": f"{number:06d}.png"} for number in range(self.samples)]
        if scorer is not None:
            values = scorer(prior=prior, samples=samples).values.tolist()
            rows = [row | {name: value} for row, value in zip(rows, values, strict=True)]
        write_csv(self.out / "samples.csv", rows, columns=(INDEX, "file"))
        return []
