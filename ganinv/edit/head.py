"""A small head on frozen features: logistic regression for yes and no, ridge regression for degrees."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .learn import scikit
from .scores import expect_varied

FOLDS = 5
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)  # C of the logistic regression; the ridge's penalty is its reciprocal
LEAST = 2 * FOLDS  # labels of each kind


@dataclass(frozen=True, eq=False)
class Head:
    """score = weights · (features − mean) / spread + bias."""

    weights: Tensor  # [F]
    bias: float
    mean: Tensor  # [F]
    spread: Tensor  # [F]
    made: dict[str, Any]  # kind, number of labels, penalty, quality by cross-validation

    def __call__(self, features: Tensor) -> Tensor:
        """[N, F] -> [N]: log-odds, or the degree itself."""
        return ((features.cpu() - self.mean) / self.spread) @ self.weights + self.bias


def train(features: Tensor, labels: Tensor, *, name: str) -> Head:
    """The head whose penalty cross-validates best over `features` [N, F] and `labels` [N].

    Two different labels: logistic regression, judged by the area under the curve; more: ridge regression, judged by the
    correlation. Both on the folds that were left out. InputError: labels all equal, too few of a kind.
    """
    expect_varied(labels, name)
    kinds, counts = labels.unique(return_counts=True)
    is_two = len(kinds) == 2
    fewest = int(counts.min()) if is_two else len(labels)
    if fewest < LEAST:
        which = f" the label {kinds[counts.argmin()]:g}" if is_two else " a label"
        raise InputError(f"{name}: only {fewest} photos have{which}, and {LEAST} are needed; label more")
    mean, spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    x, back = rotated(((features - mean) / spread).double())
    y = (labels == kinds.max()).long().numpy() if is_two else labels.double().numpy()
    tried = {strength: _quality(x, y, strength, is_two) for strength in STRENGTHS}
    best = max(tried, key=lambda strength: tried[strength])
    model = _model(best, is_two).fit(x, y)
    made = {"kind": "logistic" if is_two else "ridge", "labels": len(labels), "penalty": 1 / best}
    made |= {"auc" if is_two else "correlation": tried[best], "folds": FOLDS}
    weights = (back @ torch.from_numpy(np.ravel(model.coef_))).float()
    return Head(weights=weights, bias=float(np.ravel(model.intercept_)[0]), mean=mean, spread=spread, made=made)


# X = U S Vᵀ: a penalised fit of X w lies in the rows' span, so that of U S with w = V v is the same and smaller
def rotated(x: Tensor) -> tuple[np.ndarray, Tensor]:
    """[N, F] -> its coordinates in the span of its rows [N, K], and what takes weights on them back, [F, K]."""
    if len(x) >= x.shape[1]:
        return x.numpy(), torch.eye(x.shape[1], dtype=x.dtype)
    squares, u = torch.linalg.eigh(x @ x.t())
    kept = squares > 1e-9 * squares.max()
    s, u = squares[kept].sqrt(), u[:, kept]
    return (u * s).numpy(), x.t() @ u / s


def _model(strength: float, is_two: bool) -> Any:
    linear = scikit("linear_model")
    if is_two:
        return linear.LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    return linear.Ridge(alpha=1 / strength)


def _quality(x: np.ndarray, y: np.ndarray, strength: float, is_two: bool) -> float:
    """On the folds that were left out, in an order that does not depend on the photos' order."""
    selection = scikit("model_selection")
    kind = selection.StratifiedKFold if is_two else selection.KFold
    folds = kind(FOLDS, shuffle=True, random_state=0)
    how = "decision_function" if is_two else "predict"
    guessed = selection.cross_val_predict(_model(strength, is_two), x, y, cv=folds, method=how)
    return float(scikit("metrics").roc_auc_score(y, guessed)) if is_two else float(np.corrcoef(guessed, y)[0, 1])
