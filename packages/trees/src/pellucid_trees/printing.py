"""A tree in words: all of its questions, or those that one point is asked.

    >>> from pellucid_trees import DecisionTreeClassifier
    >>> X, y = [[5.0, 1.4], [6.0, 4.5], [6.5, 5.9], [6.2, 4.1], [4.9, 1.6]], ["wild", "tame", "tame", "wild", "wild"]
    >>> tree = DecisionTreeClassifier().fit(X, y).tree_
    >>> print(tree_text(tree, feature_names=["height", "weight"], class_names=["tame", "wild"]))
    weight ≤ 4.30?
    ├─ yes: wild (1.00 of 3 points)
    └─ no: tame (1.00 of 2 points)

The points at each node have a value v: the shares of the classes, or the mean of the targets. What a point is told at
its leaf was told piece by piece, by the nodes t₀ (the root), t₁, ... that it passed:

    v(leaf) = v(t₀) + Σₖ (v(tₖ₊₁) − v(tₖ))                                     (1)

Each difference is due to the question that tₖ asks. Those about one feature together are its contribution for this
point:

    contribution(d) = Σ (v(tₖ₊₁) − v(tₖ))   over the tₖ that ask about feature d                     (2)

    >>> explain(tree, [6.1, 4.6], feature_names=["height", "weight"], class_names=["tame", "wild"])
    tame, with the share 1.00 at a leaf of 2 points
    <BLANKLINE>
                           tame  change  points
    at the root            0.40               5
    weight = 4.60 > 4.30   1.00   +0.60       2

Symbols
-------
    paper              code           shape    meaning
    v                  value          (M, K)   of each node
    v(tₖ), v(tₖ₊₁)     before, after  (K,)     value at a node that asks, and at the one where the answer leads
    contribution       contributions  (D, K)   of each feature

Cost: O(M) time and memory for M nodes; for one point, as many steps as its leaf is deep.

References
----------
    Palczewska, Palczewski, Robinson & Neagu (2014), "Interpreting random forest classification models using a feature
    contribution method": (1), (2), for the trees of a forest.
Differs from it: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray
from pellucid_trees.tree import Tree, subtree_ends


def tree_text(
    tree: Tree,
    *,
    feature_names: Sequence[str],
    class_names: Sequence[str] | None = None,
    decimals: int = 2,
    max_depth: int | None = None,
    show_weights: bool = False,
    missing: Sequence[bool] | bool = False,
) -> str:
    """A tree as lines of text, one for each node.

    Parameters
    ----------
    tree : Tree
    feature_names : sequence of D str
    class_names : sequence of K str, optional
        For a tree whose values are shares of classes.
    decimals : int
        Digits behind the point. Smaller numbers than these can show are written out all the same.
    max_depth : int, optional
        After so many questions the rest is only counted.
    show_weights : bool
        Whether a leaf shows the weight of each class, or of its points.
    missing : bool, or sequence of D bool
        For which features values were missing: it is then said where they go.

    Returns
    -------
    str
        Without a line break at its end. A leaf says the class with the largest share, that share and the number of
        points, or the value and the number of points.

    Raises
    ------
    ValueError
        When `decimals` or `max_depth` is negative.
    """
    for name, least in (("decimals", decimals), ("max_depth", max_depth)):
        if least is not None and least < 0:
            raise ValueError(f"{name} must be 0 or more, got {least}. Try 2.")
    has_missing = np.broadcast_to(missing, len(feature_names))
    ends = subtree_ends(tree)
    lines: list[str] = []
    todo: list[tuple[int, int, str, str]] = [(0, 0, "", "")]  # node, depth, what stands before it, and before its own
    while todo:
        t, depth, start, margin = todo.pop()
        text = _leaf(tree, t, class_names, decimals, show_weights)
        if tree.left[t] < 0:
            lines.append(start + text)
        elif depth == max_depth:
            n = (ends[t] - t) // 2
            lines.append(f"{start}{text}, and {n} more question{'s' if n > 1 else ''}")
        else:
            d = tree.feature[t]
            lines.append(start + question(tree, t, feature_names[d], decimals))
            yes, no = answers(tree, t, has_missing)
            todo.append((int(tree.right[t]), depth + 1, f"{margin}└─ {no}: ", margin + "   "))
            todo.append((int(tree.left[t]), depth + 1, f"{margin}├─ {yes}: ", margin + "│  "))
    return "\n".join(lines)


def question(tree: Tree, t: int, name: str, decimals: int) -> str:
    """What an inner node asks."""
    threshold = tree.threshold[t]
    return f"{name} known?" if threshold == np.inf else f"{name} ≤ {number(threshold, decimals)}?"


def answers(tree: Tree, t: int, missing: NDArray[np.bool_]) -> tuple[str, str]:
    """What leads to the left and the right child of an inner node; `missing` (D,) says which features can be."""
    if not missing[tree.feature[t]] or tree.threshold[t] == np.inf:
        return "yes", "no"
    return ("yes or missing", "no") if tree.missing_left[t] else ("yes", "no or missing")


def _leaf(tree: Tree, t: int, class_names: Sequence[str] | None, decimals: int, show_weights: bool) -> str:
    value, about = tree.value[t], counted(tree.points[t])
    if class_names is None:
        about += f", weight {number(tree.weight[t], decimals)}" if show_weights else ""
        numbers = ", ".join(number(v, decimals) for v in value)
        return f"{numbers} ({about})" if len(value) == 1 else f"[{numbers}] ({about})"
    if show_weights:
        weights = [f"{name} {number(v, decimals)}" for name, v in zip(class_names, value * tree.weight[t])]
        about += "; " + ", ".join(weights)
    best = int(value.argmax())
    return f"{class_names[best]} ({fixed(value[best], decimals)} of {about})"


# -- one point -------------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """A question, the point's answer, and what changed by it."""

    node: int  # that asks
    feature: int
    name: str  # of the feature
    x: float  # the point's value; NaN if it is missing
    threshold: float
    goes_left: bool
    before: FloatArray  # (K,) value at the node
    after: FloatArray  # (K,) value at the child that the answer leads to
    points: int  # at that child

    def words(self, decimals: int) -> str:
        """The answer: `weight = 4.60 > 4.30`."""
        if np.isnan(self.x):
            return f"{self.name} is missing" + (", goes left" if self.goes_left else ", goes right")
        if self.threshold == np.inf:
            return f"{self.name} = {number(self.x, decimals)} is known"
        while True:  # as many digits as it takes to see which is larger
            x, threshold = number(self.x, decimals), number(self.threshold, decimals)
            if (float(x) <= float(threshold)) == self.goes_left and (x != threshold or self.x == self.threshold):
                return f"{self.name} = {x} {'≤' if self.goes_left else '>'} {threshold}"
            decimals += 1


@dataclass(frozen=True, repr=False)
class Explanation:
    """How a tree came to its prediction for one point. As text, a table.

    Attributes
    ----------
    steps : tuple of Step
        One for each question, from the root on.
    value : array of shape (K,)
        What the leaf says: shares of the classes, or a number for each target.
    root_value : array of shape (K,)
        What the root says, without any question.
    points : int
        Points at the leaf.
    root_points : int
        Points at the root.
    contributions : array of shape (D, K)
        How much the answers about each feature changed the value; with `root_value` they add up to `value`.
    feature_names : tuple of D str
    class_names : tuple of K str, or None
    """

    steps: tuple[Step, ...]
    value: FloatArray
    root_value: FloatArray
    points: int
    root_points: int
    contributions: FloatArray
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] | None
    decimals: int = 2

    def __str__(self) -> str:
        K, shown = len(self.value), list(range(len(self.value)))
        if self.class_names is not None:
            best = int(self.value.argmax())
            shown, heads = [best], [self.class_names[best]]
            title = f"{heads[0]}, with the share {self._number(self.value[best])}"
        else:
            heads = ["value"] if K == 1 else [f"target {k}" for k in shown]
            title = ", ".join(self._number(v) for v in self.value)
        rows = [["", *[cell for head in heads for cell in (head, "change")], "points"]]
        start = [cell for k in shown for cell in (self._number(self.root_value[k]), "")]
        rows.append(["at the root", *start, str(self.root_points)])
        for step in self.steps:
            pairs = [(self._number(step.after[k]), self._number(step.after[k] - step.before[k])) for k in shown]
            cells = [cell for value, change in pairs for cell in (value, change if change[0] == "-" else "+" + change)]
            rows.append([step.words(self.decimals), *cells, str(step.points)])
        return f"{title} at a leaf of {counted(self.points)}\n\n{table(rows)}"

    def _number(self, x: float) -> str:
        return number(x, self.decimals) if self.class_names is None else fixed(x, self.decimals)

    __repr__ = __str__


def explain(
    tree: Tree, x: Any, *, feature_names: Sequence[str], class_names: Sequence[str] | None = None, decimals: int = 2
) -> Explanation:
    """Follow one point from the root to its leaf.

    Parameters
    ----------
    tree : Tree
    x : array-like of shape (D,)
        The point; NaN for a missing value.
    feature_names : sequence of D str
    class_names : sequence of K str, optional
        For a tree whose values are shares of classes.
    decimals : int
        Digits behind the point, in the text.

    Returns
    -------
    Explanation
    """
    x = np.asarray(x, dtype=np.float64)
    steps: list[Step] = []
    contributions = np.zeros((len(feature_names), tree.value.shape[1]))
    t = 0
    while tree.left[t] >= 0:
        d, threshold = int(tree.feature[t]), float(tree.threshold[t])
        goes_left = bool(tree.missing_left[t] if np.isnan(x[d]) else x[d] <= threshold)
        child = int(tree.left[t] if goes_left else tree.right[t])
        before, after = tree.value[t], tree.value[child]
        change = after - before  #                                              (1)
        contributions[d] += change  #                                           (2)
        points = int(tree.points[child])
        steps.append(Step(t, d, feature_names[d], float(x[d]), threshold, goes_left, before, after, points))
        t = child
    return Explanation(
        tuple(steps),
        tree.value[t],
        tree.value[0],
        int(tree.points[t]),
        int(tree.points[0]),
        contributions,
        tuple(feature_names),
        None if class_names is None else tuple(class_names),
        decimals,
    )


# -- words and numbers -----------------------------------------------------------------------------------------------


def number(x: float, decimals: int) -> str:
    """A number with so many digits behind the point; so many digits in all where it is very small or large."""
    if x != 0 and abs(x) < 10.0 ** (1 - decimals) or abs(x) >= 1e15:
        return f"{x:.{max(decimals, 1)}g}"
    return fixed(x, decimals)


def fixed(x: float, decimals: int) -> str:
    """A number with so many digits behind the point, and never -0."""
    text = f"{x:.{decimals}f}"
    return text if float(text) else text.removeprefix("-")


def counted(n: int) -> str:
    return f"{n} point" if n == 1 else f"{n} points"


def table(rows: list[list[str]]) -> str:
    """Rows of cells in columns: the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([row[0].ljust(widths[0] + 1), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
