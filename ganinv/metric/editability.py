"""Whether edits that were found on the untouched generator still work on tuned ones (docs/editing.md).

Each edit goes as far as it must to show on generated samples, and as far on every photo; the photos' figures stand
beside those of the samples, and beside those of the untouched generator at the photos' own w.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ..edit.apply import Step
from ..edit.direction import MAX_STRENGTH
from ..edit.edits import Edits, mark
from ..edit.region import Box, mask_of
from ..errors import InputError
from ..generator.checkpoint import Prior
from ..inverter.latent import Inverter
from ..report.jobs import Setting
from .editability_effect import Ruler
from .editability_judge import Judge, expect_independent, expect_unseen, same_face
from .editability_photos import Row, common, rows_of
from .editability_plan import Plan, doubts, plan, subjects
from .editability_table import as_record, doubtful, line
from .identity import Identity
from .reconstruction import Reconstruction


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found: a row a setting and edit, a row a photo of these, and what is to be known of them."""

    table: list[Row]
    photos: list[Row]
    notes: list[str]
    record: dict[str, Any]  # each edit and its judge, by JSON's types


class Editability:
    """Edits of tuned photos against the same edits of generated samples."""

    def __init__(
        self,
        *,
        samples: Annotated[int, Field(ge=10)] = 200,
        psi: Annotated[float, Field(gt=0, le=1)] = 0.7,
        flips: Annotated[float, Field(gt=0, le=1)] | None = 0.6,
        most: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] = 20.0,
        regions: dict[str, str | Box] | None = None,
        identity: str | None = None,
        lpips: Literal["alex", "squeeze", "vgg"] | None = "alex",
        weights: str | None = None,
        independent: bool = True,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        """`flips`: share of the samples without the attribute that must show it; the least strength up to `most` is
        sought; None: the edits' own. `regions`: by edit, where it belongs, as a finder's. `identity`: file of a face
        network; `weights`: of LPIPS's trunk. `independent`: a judge that found the direction itself is refused.
        """
        self.samples, self.psi, self.flips, self.most = samples, psi, flips, most
        self.regions, self.independent, self.seed = regions or {}, independent, seed
        self.identity = None if identity is None else Identity(weights=identity)
        self.reconstruction = Reconstruction(lpips=lpips, weights=weights)

    def __call__(
        self,
        *,
        settings: Sequence[Setting],
        prior: Prior,
        edits: Edits,
        judges: Mapping[str, Judge],
        encoder: Inverter | None = None,
    ) -> Judged:
        """Judge `edits` on the photos that all `settings` have; an edit and its judge have one name. InputError."""
        steps, digests, side = edits.steps(prior), common(settings), prior.generator.img_resolution
        self._expect_known(steps, judges)
        pairs = [(step.direction, judges[name]) for name, step in steps.items()]
        notes = [*expect_independent(pairs, is_strict=self.independent), *self._empty(steps, encoder)]
        notes += expect_unseen((step.direction for step in steps.values()), digests, is_strict=self.independent)
        face = None if self.identity is None else self.identity.network
        notes += same_face((step.direction for step in steps.values()), face)
        ruler = Ruler(judges, prior, self.identity, self.reconstruction.distance(side), encoder, self.seed)
        plans = self._plans(steps, ruler)
        for each in plans:
            notes += [*doubts(each, flips=self.flips, most=self.most)]
            notes += [said] if (said := doubtful(each, seed=self.seed)) else []
        rows = {setting.name: list(rows_of(setting, digests, plans, ruler)) for setting in settings}
        table = [
            line(name, each, [row for row in found if row["edit"] == each.name], psi=self.psi, seed=self.seed)
            for each in plans
            for name, found in rows.items()
        ]
        record = {each.name: mark(each.step) | as_record(each) for each in plans}
        return Judged(table, [row for found in rows.values() for row in found], notes, record)

    def _plans(self, steps: Mapping[str, Step], ruler: Ruler) -> list[Plan]:
        generator = ruler.prior.generator
        side, sampled = generator.img_resolution, {"samples": self.samples, "psi": self.psi, "seed": self.seed}
        regions = {
            name: mask_of(region, cells=side, key=f"editability.regions.{name}")
            for name, region in self.regions.items()
        }
        drawn, sought = list(subjects(ruler.prior, **sampled)), {"flips": self.flips, "most": self.most}
        return [
            plan(step, name=name, samples=drawn, ruler=ruler, region=regions.get(name), **sought)
            for name, step in steps.items()
        ]

    def _expect_known(self, steps: Mapping[str, Step], judges: Mapping[str, Judge]) -> None:
        if without := [name for name in steps if name not in judges]:
            raise InputError(
                f"attributes: the edit {without[0]} has no scores (there are {', '.join(judges) or 'none'}); name its"
                f" labels with attributes={{{without[0]}: {{column: NAME}}}}"
            )
        if strangers := [name for name in self.regions if name not in steps]:
            raise InputError(f"editability.regions: {strangers[0]} is no edit here; there are {', '.join(steps)}")

    def _empty(self, steps: Mapping[str, Step], encoder: Inverter | None) -> Iterator[str]:
        """A sentence for each column that stays empty."""
        if self.identity is None:
            yield "identity is empty: name a face network's file with editability.identity"
        if without := [name for name in steps if name not in self.regions]:
            yield (
                f"LPIPS outside of the region is empty for {', '.join(without)}: set"
                f" editability.regions={{{without[0]}: [top, left, bottom, right]}}"
            )
        if encoder is None:
            yield "LEC is empty: name an encoder with inverter@encoder=restyle encoder.path=FILE"
        elif beside := [name for name, step in steps.items() if step.direction.space not in ("w", "w+")]:
            yield f"LEC is empty for {', '.join(beside)}: an encoder gives w, and these edits lie in Z or S"
