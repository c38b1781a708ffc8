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

    Two different labels: logistic regression, chosen and judged by the area under the curve; more: ridge regression,
    chosen by the squared error and judged by the correlation. All on the folds that were left out. InputError: labels
    all equal, too few of a kind.
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
    search = searched(x, y, is_two)
    model, chosen = search.best_estimator_, search.best_params_
    made = {"kind": "logistic" if is_two else "ridge", "labels": len(labels), "folds": FOLDS}
    made |= {"penalty": 1 / chosen["C"], "auc": float(search.best_score_)} if is_two else {"penalty": chosen["alpha"]}
    made |= {} if is_two else {"correlation": correlation(search, x, y)}
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


def searched(x: np.ndarray, y: np.ndarray, is_two: bool) -> Any:
    """scikit-learn's search for the penalty over shuffled folds, fitted: the best model of all rows stands in it."""
    linear, selection = scikit("linear_model"), scikit("model_selection")
    if is_two:
        model, grid = linear.LogisticRegression(class_weight="balanced", max_iter=1000), {"C": STRENGTHS}
        folds, scoring = selection.StratifiedKFold, "roc_auc"
    else:
        model, grid = linear.Ridge(), {"alpha": [1 / strength for strength in STRENGTHS]}
        folds, scoring = selection.KFold, "neg_mean_squared_error"
    cv = folds(FOLDS, shuffle=True, random_state=0)
    return selection.GridSearchCV(model, grid, scoring=scoring, cv=cv).fit(x, y)


def correlation(search: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Over the rows of all folds together, each as it was left out; one fold may have two rows, or equal degrees."""
    guessed = scikit("model_selection").cross_val_predict(search.best_estimator_, x, y, cv=search.cv)
    return float(np.corrcoef(guessed, y)[0, 1])
