"""A tree as a picture: an SVG of cards and branches that needs nothing else to be seen.

    Path("tree.svg").write_text(tree_svg(tree, feature_names=names), encoding="utf-8")

Each node is a card. One that asks shows its question; a leaf shows what it predicts, on a ground of that colour. Below
stand the shares of the classes as a bar, or the value on a scale from the smallest to the largest of the tree, and the
number of points. Branches are as wide as the share of the points that take them.

The layout is that of a tidy drawing: nodes of the same depth stand in a row and never overlap, a parent stands in the
middle above its children, and a branch looks the same wherever it hangs. For this, the two branches below a node are
moved together until their outlines touch (Reingold & Tilford (1981), "Tidier drawings of trees").

The colours can be told apart with any kind of colour vision (Okabe & Ito (2008), "Color universal design"), and say
nothing that is not also written. Dark text stands on light ground, whatever the page around it.
"""

from __future__ import annotations

import colorsys
import html
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.printing import answers, counted, fixed, number, question, tree_text
from pellucid_trees.tree import Tree, depths, subtree_ends

CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")  # Okabe & Ito
MORE = ("#332288", "#882255", "#117733", "#999933", "#661100", "#44aa99")  # darker ones, for up to 14
SCALE = ("#dbe9f6", "#9ecae1", "#4292c6", "#08519c", "#08306b")  # of values, from the smallest to the largest
INK, FAINT, LINE, PAPER = "#1b2530", "#4a5561", "#c3cbd4", "#ffffff"

LARGE, SMALL = 13, 11  # text
HEIGHT, STRIPE, PADDING = 62, 5, 11  # of a card
NARROWEST, WIDEST_TEXT = 96, 300  # what is in it; longer names are cut
BESIDE, BELOW, MARGIN = 16, 50, 20  # between cards, between rows, around all
WIDEST_BRANCH = 16


class Scene(NamedTuple):
    """What is drawn, and how it looks; n nodes of it."""

    tree: Tree
    feature_names: Sequence[str]
    class_names: Sequence[str] | None
    decimals: int
    node: IndexArray  # (n,) its number in the tree
    left: IndexArray  # (n,) which of the n its children are; -1 where none is drawn
    right: IndexArray  # (n,)
    depth: IndexArray  # (n,)
    hidden: IndexArray  # (n,) how many questions are asked below it that are not drawn
    colours: Sequence[str]  # (n,)
    strength: FloatArray  # (n,) of the colour of a leaf's ground, 0 to 1
    low: float  # the smallest value of the tree
    high: float  # the largest


class Card(NamedTuple):
    """The text of a node."""

    head: str
    share: str  # of the class that the head names
    value: str  # left of the scale
    foot: str
    tip: str  # all of it, however long
    width: float


def tree_svg(
    tree: Tree,
    *,
    feature_names: Sequence[str],
    class_names: Sequence[str] | None = None,
    max_depth: int | None = None,
    decimals: int = 2,
    missing: Sequence[bool] | bool = False,
) -> str:
    """A tree as the text of an SVG file.

    Parameters
    ----------
    tree : Tree
    feature_names : sequence of D str
    class_names : sequence of K str, optional
        For a tree whose values are shares of classes.
    max_depth : int, optional
        After so many questions the rest is only counted.
    decimals : int
        Digits behind the point.
    missing : bool, or sequence of D bool
        For which features values were missing: it is then said where they go.

    Returns
    -------
    str
        One `<svg>` element. It has a title, and for who cannot see it the tree in words.
    """
    words = tree_text(
        tree,
        feature_names=feature_names,
        class_names=class_names,
        decimals=decimals,
        max_depth=max_depth,
        missing=missing,
    )
    id = f"tree-{zlib.crc32(words.encode()):08x}"  # its own, on a page with several trees
    scene = set_scene(tree, feature_names, class_names, decimals, max_depth)
    cards = [card(scene, i) for i in range(len(scene.node))]
    half = np.array([c.width for c in cards]) / 2
    x = tidy(scene.left, scene.right, half + BESIDE / 2)
    first, last = float((x - half).min()), float((x + half).max())

    key, key_width, key_height = legend(scene, id, max(last - first, 420))
    width = max(last - first, key_width) + 2 * MARGIN
    x += width / 2 - (first + last) / 2
    y = MARGIN + key_height + scene.depth * float(HEIGHT + BELOW)
    height = int(y.max()) + HEIGHT + MARGIN

    n = int(np.count_nonzero(tree.left < 0))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
            f'viewBox="0 0 {width:.0f} {height}" style="max-width:100%;height:auto" role="img" '
            f'aria-labelledby="{id}-title {id}-words" font-family="Helvetica, Arial, sans-serif" fill="{INK}">',
            f'<title id="{id}-title">Decision tree with {n} {"leaf" if n == 1 else "leaves"}</title>',
            f'<desc id="{id}-words">{escaped(words)}</desc>',
            f'<rect width="100%" height="100%" rx="12" fill="{PAPER}"/>',
            *key,
            *branches(scene, x, y, np.broadcast_to(missing, len(feature_names))),
            *(drawn(scene, i, c, x[i] - c.width / 2, float(y[i])) for i, c in enumerate(cards)),
            "</svg>",
        ]
    )


def set_scene(
    tree: Tree,
    feature_names: Sequence[str],
    class_names: Sequence[str] | None,
    decimals: int,
    max_depth: int | None,
) -> Scene:
    """Choose the nodes that are drawn, and their colours."""
    depth = depths(tree)
    deepest = int(depth.max()) if max_depth is None else max_depth
    node = np.flatnonzero(depth <= deepest)
    place = np.cumsum(depth <= deepest) - 1
    asks = ((tree.left >= 0) & (depth < deepest))[node]
    left, right = (np.where(asks, place[child[node]], -1) for child in (tree.left, tree.right))
    hidden = np.where(asks, 0, (subtree_ends(tree)[node] - node) // 2)
    value = tree.value[node]
    low, high = float(tree.value[:, 0].min()), float(tree.value[:, 0].max())
    if class_names is not None:
        K = value.shape[1]
        palette = class_colours(K)
        colours = [palette[k] for k in value.argmax(axis=1)]
        strength = (value.max(axis=1) - 1 / K) / (1 - 1 / K) if K > 1 else np.ones(len(node))
    elif value.shape[1] == 1:
        colours = [on_scale(v, low, high) for v in value[:, 0]]
        strength = np.ones(len(node))
    else:
        colours, strength = [CLASSES[-1]] * len(node), np.zeros(len(node))
    return Scene(
        *(tree, feature_names, class_names, decimals, node, left, right, depth[node], hidden),
        *(colours, strength, low, high),
    )


# -- where -----------------------------------------------------------------------------------------------------------


def tidy(left: IndexArray, right: IndexArray, reach: FloatArray) -> FloatArray:
    """Where each node stands from left to right, the root at 0: (n,), (n,), (n,) -> (n,).

    `reach` is how far a node reaches to both sides. A child comes after its parent.
    """
    n = len(left)
    beside = np.zeros(n)  # of each node, from its parent
    outlines: dict[int, tuple[FloatArray, FloatArray]] = {}  # of a branch: left and right end of its rows, lowest first
    for i in range(n - 1, -1, -1):
        if left[i] < 0:
            outlines[i] = -reach[[i]], reach[[i]]
            continue
        (low, inner_high), (inner_low, high) = outlines.pop(left[i]), outlines.pop(right[i])
        both = min(len(low), len(high))  # rows in which there are nodes of both branches
        apart = (inner_high[-both:] - inner_low[-both:]).max() / 2
        beside[left[i]], beside[right[i]] = -apart, apart
        outlines[i] = (
            np.concatenate([inner_low[: len(high) - both] + apart, low - apart, -reach[[i]]]),
            np.concatenate([inner_high[: len(low) - both] - apart, high + apart, reach[[i]]]),
        )
    x = np.zeros(n)
    for parent in np.flatnonzero(left >= 0):
        for child in (left[parent], right[parent]):
            x[child] = x[parent] + beside[child]
    return x


# -- what ------------------------------------------------------------------------------------------------------------


def card(scene: Scene, i: int) -> Card:
    """The words of a node and the room that they take."""
    tree, t, decimals = scene.tree, int(scene.node[i]), scene.decimals
    value = tree.value[t]
    foot = f"{counted(tree.points[t])} · {percent(tree.points[t] / tree.points[0])}"
    if scene.hidden[i]:
        foot += f" · {scene.hidden[i]} more question{'s' if scene.hidden[i] > 1 else ''}"
    share = ""
    if scene.class_names is not None:
        best = int(value.argmax())
        share = fixed(value[best], decimals)
        answer = scene.class_names[best]
        tip = ", ".join(f"{name} {fixed(v, decimals)}" for name, v in zip(scene.class_names, value))
    else:
        tip = answer = ", ".join(number(v, decimals) for v in value)
    answer = shortened(answer, WIDEST_TEXT, LARGE, bold=True)
    head, left_of_scale = answer, ""
    if scene.left[i] >= 0:
        name, rest = scene.feature_names[tree.feature[t]], question(tree, t, "", decimals)
        head = shortened(name, WIDEST_TEXT - text_width(rest, LARGE, bold=True), LARGE, bold=True) + rest
        tip = f"{question(tree, t, name, decimals)}\n{tip}"
        share, left_of_scale = "", "" if share else answer
    widths = (
        text_width(head, LARGE, bold=True) + (text_width(share, LARGE) + 7 if share else 0),
        text_width(foot, SMALL),
        text_width(left_of_scale, SMALL) + 50 if left_of_scale else NARROWEST,
    )
    return Card(head, share, left_of_scale, foot, f"{tip}\n{foot}", max(widths) + 2 * PADDING + STRIPE)


def drawn(scene: Scene, i: int, words: Card, x: float, y: float) -> str:
    """A card whose upper left corner is at x, y."""
    colour, width = scene.colours[i], words.width
    is_leaf = scene.left[i] < 0
    ground = mixed(PAPER, colour, 0.1 + 0.28 * float(scene.strength[i])) if is_leaf else PAPER
    inside, right = x + STRIPE + PADDING, x + width - PADDING
    parts = [f"<g><title>{escaped(words.tip)}</title>"]
    if scene.hidden[i]:  # more cards behind it
        for step in (8, 4):
            parts.append(
                f'<rect x="{x + step:.1f}" y="{y + step:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="8" '
                f'fill="{PAPER}" stroke="{LINE}"/>'
            )
    parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="8" fill="{colour}"/>')
    parts.append(
        f'<path d="M{x + STRIPE:.1f} {y:.1f}h{width - STRIPE - 8:.1f}a8 8 0 0 1 8 8v{HEIGHT - 16}a8 8 0 0 1 -8 8'
        f'h{-(width - STRIPE - 8):.1f}z" fill="{ground}"/>'
    )
    parts.append(
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="8" fill="none" stroke="{LINE}"/>'
    )
    parts.append(written(words.head, inside, y + 21, LARGE, bold=True, after=words.share))
    parts.append(written(words.foot, inside, y + 53, SMALL))
    value = scene.tree.value[scene.node[i]]
    if scene.class_names is not None:
        parts += share_bar(value, class_colours(len(value)), inside, y + 29, right - inside)
    elif len(value) == 1:
        start = inside
        if words.value:
            parts.append(written(words.value, inside, y + 38, SMALL))
            start += text_width(words.value, SMALL) + 8
        parts += scale_mark(scene, float(value[0]), start, y + 34, right - start)
    elif words.value:
        parts.append(written(words.value, inside, y + 38, SMALL))
    return "\n".join([*parts, "</g>"])


def share_bar(shares: FloatArray, colours: Sequence[str], x: float, y: float, width: float) -> Iterator[str]:
    """The shares of the classes side by side."""
    ends = np.cumsum(shares / shares.sum()) * width
    for share, end, colour in zip(shares, ends, colours):
        if share > 0:
            begin = end - share / shares.sum() * width
            yield f'<rect x="{x + begin:.1f}" y="{y:.1f}" width="{end - begin:.1f}" height="10" fill="{colour}"/>'
    frame = f'fill="none" stroke="{FAINT}" stroke-width=".6"'
    yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="10" {frame}/>'


def scale_mark(scene: Scene, value: float, x: float, y: float, width: float) -> Iterator[str]:
    """A value between the smallest and the largest of the tree."""
    yield f'<rect x="{x:.1f}" y="{y - 2:.1f}" width="{width:.1f}" height="4" rx="2" fill="{PAPER}" stroke="{LINE}"/>'
    at = x + 4 + along(value, scene.low, scene.high) * (width - 8)
    colour = on_scale(value, scene.low, scene.high)
    yield f'<circle cx="{at:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}" stroke="{INK}"/>'


def branches(scene: Scene, x: FloatArray, y: FloatArray, missing: NDArray[np.bool_]) -> Iterator[str]:
    """The lines from a node to its children, and the answers that lead along them."""
    thick = np.maximum(scene.tree.points[scene.node] / scene.tree.points[0] * WIDEST_BRANCH, 1.2)
    lettering = []
    for i in np.flatnonzero(scene.left >= 0):
        children = scene.left[i], scene.right[i]
        start = x[i] - (thick[children[0]] + thick[children[1]]) / 2
        for child, answer in zip(children, answers(scene.tree, int(scene.node[i]), missing)):
            from_x, from_y, to_x, to_y = start + thick[child] / 2, y[i] + HEIGHT, x[child], y[child]
            start += thick[child]
            middle = (from_y + to_y) / 2
            yield (
                f'<path d="M{from_x:.1f} {from_y - 1:.1f}C{from_x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} '
                f'{to_x:.1f} {to_y + 1:.1f}" fill="none" stroke="{LINE}" stroke-width="{thick[child]:.1f}"/>'
            )
            lettering.append(f'<text x="{(from_x + to_x) / 2:.1f}" y="{middle + 4:.1f}">{answer}</text>')
    yield f'<g font-size="{SMALL}" text-anchor="middle" stroke="{PAPER}" stroke-width="4" paint-order="stroke">'
    yield from [*lettering, "</g>"]


def legend(scene: Scene, id: str, widest: float) -> tuple[list[str], float, int]:
    """What the colours and the branches mean: SVG, its width and its height."""
    x, y, width = float(MARGIN), MARGIN, 0.0
    parts: list[str] = []
    if scene.class_names is not None:
        for name, colour in zip(scene.class_names, class_colours(len(scene.class_names))):
            text = shortened(name, WIDEST_TEXT, SMALL)
            room = 17 + text_width(text, SMALL) + 14
            if x > MARGIN and x + room - MARGIN > widest:
                x, y = float(MARGIN), y + 20
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="12" height="12" rx="2" fill="{colour}"/>')
            parts.append(written(text, x + 17, y + 10, SMALL))
            x += room
            width = max(width, x - MARGIN)
    elif scene.tree.value.shape[1] == 1:
        low, high = number(scene.low, scene.decimals), number(scene.high, scene.decimals)
        stops = [f'<stop offset="{i / (len(SCALE) - 1)}" stop-color="{colour}"/>' for i, colour in enumerate(SCALE)]
        parts.append(f'<linearGradient id="{id}-scale">{"".join(stops)}</linearGradient>')
        low = f"value {low}"
        parts.append(written(low, x, y + 10, SMALL))
        x += text_width(low, SMALL) + 6
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="90" height="12" rx="2" fill="url(#{id}-scale)"/>')
        parts.append(written(high, x + 96, y + 10, SMALL))
        x += 96 + text_width(high, SMALL) + 14
        width = x - MARGIN
    note = "width of a branch: share of the points"
    room = text_width(note, SMALL) + 22
    if x > MARGIN and x + room - MARGIN > widest:
        x, y = float(MARGIN), y + 20
    parts.append(f'<path d="M{x:.1f} {y + 6}h16" stroke="{LINE}" stroke-width="7"/>')
    parts.append(written(note, x + 22, y + 10, SMALL))
    return parts, max(width, x + room - MARGIN), y + 12 + 22 - MARGIN


# -- colours ---------------------------------------------------------------------------------------------------------


def class_colours(K: int) -> list[str]:
    """A colour for each of K classes. Beyond eight not all can be told apart."""
    colours = list((CLASSES + MORE)[:K])
    for k in range(len(colours), K):
        rgb = colorsys.hls_to_rgb(k * 0.618034 % 1, (0.35, 0.6, 0.8)[k % 3], 0.6)
        colours.append("#" + "".join(f"{round(255 * part):02x}" for part in rgb))
    return colours


def along(value: float, low: float, high: float) -> float:
    """Where between `low` and `high` a value is, from 0 to 1; in the middle if they are the same."""
    return float((value / 2 - low / 2) / (high / 2 - low / 2)) if high > low else 0.5


def on_scale(value: float, low: float, high: float) -> str:
    """The colour of a value."""
    place = along(value, low, high) * (len(SCALE) - 1)
    i = min(int(place), len(SCALE) - 2)
    return mixed(SCALE[i], SCALE[i + 1], place - i)


def mixed(one: str, other: str, share: float) -> str:
    """A colour between two, `share` of the way to the other."""
    pairs = zip(channels(one), channels(other))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


# -- text ------------------------------------------------------------------------------------------------------------

WIDTHS = {  # in sizes of the text, in the widest of the usual fonts
    character: width
    for characters, width in (
        (" fijlI|',./:;\\·", 0.4),
        ('-rt!()[]"*_`°²³', 0.5),
        ("ABCRVXZ", 0.72),
        ("DGHNOQU&", 0.8),
        ("wM#+<=>^~≤", 0.9),
        ("mW%@…", 1.02),
    )
    for character in characters
}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Room for a text, in any of the usual fonts."""
    widths = [
        WIDTHS.get(c) or (1.3 if unicodedata.east_asian_width(c) in "WF" else 0.66 if c.isalnum() else 0.9)
        for c in text
    ]
    return sum(widths) * size * (1.12 if bold else 1)


def shortened(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """A text that fits: with its end cut off if it must be."""
    text = " ".join(text.split())
    if text_width(text, size, bold=bold) <= room:
        return text
    while text and text_width(text + "…", size, bold=bold) > room:
        text = text[:-1]
    return text + "…"


def written(text: str, x: float, y: float, size: int, *, bold: bool = False, after: str = "") -> str:
    """A line of text that starts at x, y; `after` follows it in plain letters."""
    text = f'<tspan font-weight="bold">{escaped(text)}</tspan>' if bold else escaped(text)
    text += f'<tspan dx="7">{escaped(after)}</tspan>' if after else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}">{text}</text>'


def percent(share: float) -> str:
    """A share in percent, with a digit behind the point where it is small."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def escaped(text: str) -> str:
    """A text inside XML, without the control characters that XML does not know."""
    return html.escape("".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")))
