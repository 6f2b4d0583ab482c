"""The picture of a fit: a confusion matrix or the residuals, beside the loss curve if the model kept one.

Drawn with matplotlib's objects alone: no window, no global state.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault
from pellucid_cli.scores import score_words
from pellucid_cli.wording import brief, shorten

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pellucid_cli.training import Trained

    Curve = np.ndarray[Any, Any]

INK, QUIET, ACCENT, SECOND = "#1f2933", "#7b8794", "#2563a8", "#d9822b"
SUFFIXES = (".png", ".svg", ".pdf")
MOST_CLASSES = 40  # whose names are written at the matrix
MOST_POINTS = 5000  # drawn among the residuals
MOST_NUMBERS = 30  # classes: beyond, the cells hold no counts
LONGEST_NAME = 28
NO_MATPLOTLIB = 'the picture is left out, for matplotlib is not installed: pip install "pellucid-cli[plot]"'


def draw(trained: Trained, path: Path) -> None:
    """Draw a trained model's answers on the held-out rows, and how its loss fell.

    Parameters
    ----------
    trained : Trained
        What to draw.
    path : Path
        A .png, .svg or .pdf file.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    Fault
        The file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    style: dict[Any, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": QUIET,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.titlepad": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": "#e4e7eb",
        "svg.hashsalt": "pellucid",
    }
    curves = loss_curves(trained.model)
    side = _matrix_side(trained.target.classes) if trained.target.classes else 5.0
    widths = [side, 4.4] if curves else [max(side, 5.0)]
    width, height = sum(widths) + 0.8, min(side, 10.0) + 1.2
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a script that the font does not have: boxes in its place
        figure = Figure(figsize=(width, height), facecolor="white")
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, rect=(0, 0, 1, 1 - 0.85 / height)))
        panels = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
        _headline(figure, trained, height)
        if trained.target.classes:
            _confusion(panels[0], trained)
        else:
            _residuals(panels[0], trained)
        if curves:
            _loss(panels[1], curves, trained.unit)
        figure.draw_without_rendering()  # slanted names find their place only in a second pass
        try:
            figure.savefig(path, dpi=160)
        except OSError as error:
            raise Fault(f"{path} cannot be written: {error.strerror or error}") from error


def loss_curves(model: Any) -> dict[str, Curve]:
    """The curves a model kept of its fit: from `history_`, `loss_curve_` or `loss_`; empty if it kept none."""
    for name in ("history_", "loss_curve_", "loss_"):
        curves = _as_curves(getattr(model, name, None))
        if curves:
            return curves
    return {}


def _as_curves(kept: Any) -> dict[str, Curve]:
    """A list of losses, a list of dicts, a dict or a record of lists -> the lists that are losses, by name."""
    import numpy as np

    if hasattr(kept, "_asdict"):
        kept = kept._asdict()
    if isinstance(kept, Sequence) and kept and all(isinstance(row, Mapping) for row in kept):
        kept = {key: [row.get(key, np.nan) for row in kept] for key in kept[0]}
    if not isinstance(kept, Mapping):
        kept = {"loss": kept}
    curves = {}
    for key, values in kept.items():
        try:
            curve = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            continue
        if "loss" in str(key) and curve.ndim == 1 and np.isfinite(curve).sum() > 1:
            curves[str(key)] = curve
    return curves


def _headline(figure: Figure, trained: Trained, height: float) -> None:
    """What was fitted to what, how good it is, and how good no model would have been."""
    width = figure.get_figwidth()
    title = f"{trained.spec.id}  on  {_short(trained.data, 40)}"
    size = min(12.5, 100 * width / len(title))  # points; keeps a long name inside
    put: dict[str, Any] = {"x": 0.16 / width, "fontsize": 9.5}
    figure.text(y=1 - 0.28 / height, s=title, **put | {"fontsize": size, "fontweight": "bold"})
    figure.text(y=1 - 0.52 / height, s=f"{score_words(trained.scores)} on {trained.scored_rows}", **put)
    baseline = f"baseline ({_short(trained.baseline_words, 32)}): {score_words(trained.baseline_scores)}"
    figure.text(y=1 - 0.72 / height, s=baseline, color=QUIET, **put)


def _short(name: str, longest: int = LONGEST_NAME) -> str:
    """The name, cut where it is too long, and with dollars that do not start a formula."""
    return shorten(name, longest).replace("$", r"\$")


# ---------------------------------------------------------------- classes
def _matrix_side(classes: Sequence[Any]) -> float:
    """Inches for the matrix and its names: comfortable for few classes, never huge for many."""
    names = min(max(len(str(label)) for label in classes), LONGEST_NAME)
    return min(max(3.4, 1.2 + 0.42 * len(classes)), 9.5) + 0.045 * names


def _confusion(axes: Axes, trained: Trained) -> None:
    """Rows are what is true, columns what was said; colours are shares of a row, numbers are counts."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    K = len(trained.target.classes)
    counts = np.zeros((K, K), dtype=np.int64)
    np.add.at(counts, (trained.y, trained.predicted.astype(np.int64)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    blues = LinearSegmentedColormap.from_list("paper to ink", ["#ffffff", "#c9def2", "#6fa8dc", ACCENT, "#173f6b"])
    axes.imshow(share, cmap=blues, vmin=0, vmax=1, interpolation="nearest")
    if K <= MOST_NUMBERS:
        size = 10 if K <= 6 else 8.5 if K <= 12 else 6.5
        for i, j in np.argwhere(counts > 0):
            ink, weight = "white" if share[i, j] > 0.5 else INK, "bold" if i == j else "normal"
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=ink, fontsize=size, fontweight=weight)
    axes.set_anchor("NW")
    axes.set_title("confusion matrix")
    axes.set_xlabel("predicted" if K <= MOST_CLASSES else "predicted (classes are numbered in their order)")
    axes.set_ylabel(f"true {_short(trained.target.name, 40)}")
    if K <= MOST_CLASSES:
        _class_names(axes, [_short(str(label)) for label in trained.target.classes])
    axes.set_xticks(np.arange(K + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(K + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e7eb", linewidth=0.8 if K <= MOST_NUMBERS else 0)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _class_names(axes: Axes, names: list[str]) -> None:
    """Names at both sides: below the matrix on several lines where that fits its cells, else slanted."""
    import textwrap

    K = len(names)
    size = 9 if K <= 12 else 7.5 if K <= 30 else 6
    room = max(int(46 / K), 2)  # letters in a cell
    folded = [textwrap.wrap(name, room, break_long_words=False) or [""] for name in names]
    fits = all(len(lines) <= 3 and max(map(len, lines)) <= room for lines in folded)
    if fits:
        axes.set_xticks(range(K), ["\n".join(lines) for lines in folded], fontsize=size)
    else:
        axes.set_xticks(range(K), names, fontsize=size, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(K), ["\n".join(textwrap.wrap(name, 18)) for name in names] if K <= 8 else names, fontsize=size
    )


# ---------------------------------------------------------------- numbers
def _residuals(axes: Axes, trained: Trained) -> None:
    """What was true minus what was said, against what was said, with their distribution at the side."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    predicted, residual = trained.predicted, trained.y - trained.predicted
    shown = np.random.default_rng(0).permutation(len(residual))[:MOST_POINTS]
    rmse = trained.scores["rmse"]
    few = len(shown) <= 300
    axes.axhspan(-rmse, rmse, color=ACCENT, alpha=0.07, linewidth=0)
    axes.axhline(0, color=INK, linewidth=1)
    axes.scatter(predicted[shown], residual[shown], s=22 if few else 8, color=ACCENT, alpha=0.65 if few else 0.3, lw=0)
    reach = 1.08 * float(np.abs(residual).max()) or 1.0
    axes.set_ylim(-reach, reach)
    axes.set_xlabel(f"predicted {_short(trained.target.name, 40)}")
    axes.set_ylabel("true − predicted")
    axes.set_title("residuals")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    side = axes.inset_axes((1.015, 0, 0.13, 1), sharey=axes)
    bins = np.linspace(-reach, reach, 1 + min(max(int(len(residual) ** 0.5), 9), 41))
    side.hist(residual, bins=bins.tolist(), orientation="horizontal", color=ACCENT, alpha=0.55)
    side.axhline(0, color=INK, linewidth=1)
    side.axis("off")
    if 0 < rmse < 0.9 * reach:
        place: dict[str, Any] = {"xy": (1, rmse), "xycoords": ("axes fraction", "data"), "xytext": (-3, 3)}
        axes.annotate("± RMSE", **place, textcoords="offset points", ha="right", va="bottom", color=QUIET, fontsize=8)
    for axis, values in ((axes.xaxis, predicted), (axes.yaxis, residual)):
        if np.abs(values).max() >= 1e4:
            axis.set_major_formatter(lambda x, _: brief(x))
            axis.set_major_locator(MaxNLocator(6))


# ---------------------------------------------------------------- loss
def _loss(axes: Axes, curves: Mapping[str, Curve], unit: str) -> None:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    for (name, curve), colour in zip(curves.items(), [ACCENT, SECOND, "#5b8c5a", "#8e5ea2", QUIET], strict=False):
        axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, linewidth=1.8, label=name.replace("_", " "))
    seen = np.concatenate([curve[np.isfinite(curve)] for curve in curves.values()])
    if seen.min() > 0 and seen.max() / seen.min() > 30:
        axes.set_yscale("log")
    elif seen.min() >= 0:
        axes.set_ylim(0, 1.05 * seen.max())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xlabel(unit)
    axes.set_box_aspect(0.9)
    axes.set_anchor("N")
    last = next(iter(curves.values()))
    axes.set_title(f"loss, {last[np.isfinite(last)][-1]:.3g} at the end")
    if len(curves) > 1:
        axes.legend(frameon=False)
