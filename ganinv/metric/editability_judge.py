"""Who judges an edit: a scorer for each attribute, apart from the one that found the direction."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..edit.direction import Direction
from ..edit.labelled import trunk_of
from ..edit.scores import expect_varied
from ..errors import InputError
from .frechet import FeatureNetwork

KEPT = 4096  # pictures whose features are remembered
HINT = "name other photos with scores.photos and scores.labels, and another network with scores.network._target_"


@dataclass(frozen=True, eq=False)
class Judge:
    """Pictures -> the attribute's score, and from which score on a picture shows it."""

    score: Callable[[Tensor], Tensor]  # uint8 [N, 3, R, R] -> [N]
    made: dict[str, Any]
    threshold: float | None  # None: of degrees, the mean of the unedited samples

    def shows(self, scores: Tensor, unedited: Tensor) -> Tensor:
        """bool [N]; `unedited`: scores of the samples before the edit."""
        return scores >= (unedited.mean() if self.threshold is None else self.threshold)


class Remembered(nn.Module):
    """A frozen feature network that computes a picture's features once, however many attributes are judged by them."""

    def __init__(self, network: FeatureNetwork) -> None:
        super().__init__()
        self.network, self.title, self.num_features = network, network.title, network.num_features
        self.kept: dict[str, Tensor] = {}
        if graded := getattr(network, "graded", None):
            self.graded = graded

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` [N, 3, H, W], uint8, or floats in [0, 255] where the network takes them -> [N, num_features]."""
        marks = [hashlib.sha256(picture.contiguous().numpy().tobytes()).hexdigest() for picture in pixels.cpu()]
        if len(self.kept) > KEPT:
            self.kept.clear()
        new = [i for i, mark in enumerate(marks) if mark not in self.kept]
        if new:
            rows = self.network(pixels[new]).cpu()
            self.kept |= {marks[i]: row for i, row in zip(new, rows, strict=True)}
        return torch.stack([self.kept[mark] for mark in marks])


def judges_of(
    scorers: Mapping[str, Any], *, resolution: int, thresholds: Mapping[str, float], device: torch.device | str = "cpu"
) -> dict[str, Judge]:
    """A judge for each attribute of `scorers`, for pictures of that resolution. Raises InputError.

    Of two kinds of label, and of a classifier of one's own, a picture shows the attribute from a score of 0 on, where
    `thresholds` has no other.
    """
    if strangers := [name for name in thresholds if name not in scorers]:
        raise InputError(f"thresholds: {strangers[0]} is no attribute; there are {', '.join(scorers)}")
    judges = {}
    for name, scorer in scorers.items():
        if not hasattr(scorer, "on_pictures"):
            raise InputError(
                f"attributes.{name}: {type(scorer).__name__} knows the scores of samples by number and cannot score"
                " edited photos; choose scores=labelled or scores=own"
            )
        if hasattr(scorer, "network"):
            scorer.network.to(device)
        found = scorer.on_pictures(resolution=resolution)
        threshold = thresholds.get(name, None if found.made.get("kind") == "ridge" else 0.0)
        judges[name] = Judge(found.score, found.made, threshold)
    return judges


def scores(judges: Mapping[str, Judge], pixels: Tensor) -> dict[str, Tensor]:
    """Attribute -> [N] of uint8 [N, 3, R, R]. InputError: NaN or infinite."""
    found = {name: judge.score(pixels).double() for name, judge in judges.items()}
    for name, values in found.items():
        if not bool(values.isfinite().all()):
            expect_varied(values, name)
    return found


def dependence(direction: Direction, judge: Judge) -> str | None:
    """A sentence where the judge is the one that found the direction, or may be; None where it is another.

    A direction that was found without scores (SeFa, GANSpace) has no such judge.
    """
    finder = direction.made.get("scores")
    if finder is None:
        return f"{direction.name}: does not say how it was found" if not direction.made else None
    if finder.get("from") != judge.made.get("from"):
        return None
    if finder.get("from") == "own":
        same = finder.get("classifier") == judge.made.get("classifier")
        return f"{direction.name}: is judged by {finder['classifier']}, which found it" if same else None
    return _shared(direction.name, finder, judge.made)


def _shared(name: str, finder: Mapping[str, Any], judge: Mapping[str, Any]) -> str | None:
    """Of two heads on labelled photos."""
    if not finder.get("trunk") or not finder.get("photos"):
        return f"{name}: its file does not say which network and photos found it, so that the judge may be the same"
    both = set(finder["photos"]) & set(judge["photos"])
    shared = [f"{len(both):,} of the {len(judge['photos']):,} labelled photos"] if both else []
    shared += ["the frozen network"] if finder["trunk"] == judge["trunk"] else []
    return f"{name}: its judge shares {' and '.join(shared)} with the head that found it; {HINT}" if shared else None


def expect_independent(pairs: Iterable[tuple[Direction, Judge]], *, is_strict: bool) -> list[str]:
    """Sentences on edits whose judge is not known to be another; InputError where it is known to be the same.

    `is_strict` False: these too are given back.
    """
    notes = []
    for direction, judge in pairs:
        said = dependence(direction, judge)
        if said and is_strict and "does not say" not in said:
            raise InputError(f"{said}, or set editability.independent=false to judge all the same")
        notes += [said] if said else []
    return notes


def expect_unseen(directions: Iterable[Direction], digests: Sequence[str], *, is_strict: bool) -> list[str]:
    """Sentences on directions that were learned on some of the judged photos; InputError where `is_strict`."""
    notes = []
    for direction in directions:
        if seen := len(set(direction.made.get("bases", ())) & set(digests)):
            said = f"{direction.name}: was learned on {seen:,} of the {len(digests):,} photos"
            if is_strict:
                raise InputError(f"{said}; judge on others, or set editability.independent=false to judge all the same")
            notes.append(said)
    return notes


def same_face(directions: Iterable[Direction], network: nn.Module | None) -> list[str]:
    """Sentences on directions that were learned so that `network`, which is asked who it is, sees the same person."""
    mark = None if network is None else trunk_of(network)
    learned = [direction.name for direction in directions if mark and direction.made.get("identity") == mark]
    return [
        f"{name}: was learned so that the face network of editability.identity sees the same person; another one would"
        " say more"
        for name in learned
    ]
