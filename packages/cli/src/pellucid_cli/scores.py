"""How good predictions are, and how good no model at all would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid_cli.wording import brief

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]


def score(task: str, y: Vector, predicted: Vector) -> dict[str, float]:
    """Accuracy for classes; R² and RMSE for numbers.

        accuracy = mean [y_n = p_n]     RMSE² = mean (y_n - p_n)²     R² = 1 - RMSE² / mean (y_n - ȳ)²

    Parameters
    ----------
    task : str
        "classification" or "regression".
    y, predicted : ndarray of shape (N,)
        What is true, and what was said.

    Returns
    -------
    dict of str to float
        R² is NaN where y does not vary.
    """
    import numpy as np

    if task == "classification":
        return {"accuracy": float(np.mean(y == predicted))}
    unit = float(max(np.abs(y).max(), np.abs(predicted).max())) or 1.0  # keeps the squares in range
    mse, variance = float(np.mean((y / unit - predicted / unit) ** 2)), float(np.var(y / unit))
    return {"r2": 1 - mse / variance if variance > 0 else float("nan"), "rmse": mse**0.5 * unit}


def baseline(task: str, y_train: Vector, y: Vector) -> tuple[float, dict[str, float]]:
    """The answer that ignores the data (the most frequent class, or the mean, of training), and its score on y."""
    import numpy as np

    answer = float(np.bincount(y_train).argmax() if task == "classification" else np.mean(y_train))
    return answer, score(task, y, np.full(len(y), answer))


def score_words(scores: dict[str, float]) -> str:
    """'accuracy 0.967', or 'R² 0.482, RMSE 53.1'."""
    import math

    names = {"accuracy": "accuracy", "r2": "R²", "rmse": "RMSE"}
    told = {k: brief(v) if k == "rmse" or abs(v) > 100 else f"{v:.3f}" for k, v in scores.items() if not math.isnan(v)}
    return ", ".join(f"{names[k]} {words}" for k, words in told.items())
