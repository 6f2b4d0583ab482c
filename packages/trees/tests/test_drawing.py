"""A picture is taken apart again: what stands in it, where, in which colours."""

import colorsys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pellucid_trees import drawing
from pellucid_trees.drawing import class_colours, mixed, on_scale, percent, shortened, text_width, tidy, tree_svg
from pellucid_trees.printing import tree_text
from pellucid_trees.tree import Tree

rng = np.random.default_rng(0)
SVG = "{http://www.w3.org/2000/svg}"


def leaf(value, points=1):
    return Tree.leaf(np.asarray(value, float), 0.5, points, float(points))


def random_tree(rng, n_splits, K=1, D=3):
    if n_splits == 0:
        return leaf(rng.dirichlet(np.full(K, 0.5)) if K > 1 else rng.normal(size=1), int(rng.integers(1, 9)))
    first = int(rng.integers(n_splits))
    left, right = random_tree(rng, first, K, D), random_tree(rng, n_splits - 1 - first, K, D)
    points = int(left.points[0] + right.points[0])
    value = (left.points[0] * left.value[0] + right.points[0] * right.value[0]) / points
    return leaf(value, points).split(int(rng.integers(D)), float(rng.normal()), bool(rng.random() < 0.5), left, right)


def cards(svg):
    """(x, y, width, height, its texts as (x, text), its element) of each card."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.find(f"{SVG}title") is not None:
            frame = [rect for rect in group.findall(f"{SVG}rect") if rect.get("rx") == "8"][-1]
            texts = [(float(text.get("x")), "".join(text.itertext())) for text in group.findall(f"{SVG}text")]
            found.append((*(float(frame.get(name)) for name in ("x", "y", "width", "height")), texts, group))
    return found


# -- where -----------------------------------------------------------------------------------------------------------


def depth_of(tree):
    depth = np.zeros(len(tree.left), int)
    for t in np.flatnonzero(tree.left >= 0):
        depth[tree.left[t]] = depth[tree.right[t]] = depth[t] + 1
    return depth


def inside(tree, t):
    nodes = [t]
    for node in nodes:
        if tree.left[node] >= 0:
            nodes += [tree.left[node], tree.right[node]]
    return sorted(nodes)


@pytest.mark.parametrize("seed", range(20))
def test_layout_is_tidy(seed):
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, int(rng.integers(1, 60)))
    reach = rng.uniform(1, 5, len(tree.left))
    x, depth = tidy(tree.left, tree.right, reach), depth_of(tree)
    assert x[0] == 0
    for row in range(depth.max() + 1):  # in pre-order, nodes of a row come from left to right
        here = np.flatnonzero(depth == row)
        assert np.all(np.diff(x[here]) >= reach[here][1:] + reach[here][:-1] - 1e-9)
    for t in np.flatnonzero(tree.left >= 0):
        left, right = tree.left[t], tree.right[t]
        np.testing.assert_allclose(x[t], (x[left] + x[right]) / 2)
        room = [  # the two branches touch somewhere
            min(x[b] - reach[b] for b in inside(tree, right) if depth[b] == depth[a])
            - max(x[a] + reach[a] for a in inside(tree, left) if depth[a] == row)
            for row in range(depth[left], depth.max() + 1)
            for a in [next((a for a in inside(tree, left) if depth[a] == row), None)]
            if a is not None and any(depth[b] == row for b in inside(tree, right))
        ]
        np.testing.assert_allclose(min(room), 0, atol=1e-9)
        alone = np.array(inside(tree, t))  # a branch looks the same wherever it hangs
        branch = [np.where(side[alone] < 0, -1, side[alone] - t) for side in (tree.left, tree.right)]
        np.testing.assert_allclose(tidy(*branch, reach[alone]), x[alone] - x[t], atol=1e-9)


def test_layout_of_a_mirrored_tree_is_mirrored():
    """Node numbers of the mirrored tree are those of before: only left and right are exchanged."""
    tree = random_tree(rng, 40)
    reach = rng.uniform(1, 5, len(tree.left))
    np.testing.assert_allclose(tidy(tree.right, tree.left, reach), -tidy(tree.left, tree.right, reach), atol=1e-9)


@pytest.mark.parametrize("max_depth", [None, 3, 0])
def test_cards_stand_inside_the_picture_and_apart(max_depth):
    tree = random_tree(rng, 50, K=4)
    svg = tree_svg(tree, feature_names=["a", "long name of b", "c"], class_names=list("wxyz"), max_depth=max_depth)
    root = ET.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    found = cards(svg)
    depth = depth_of(tree)
    assert len(found) == np.count_nonzero(depth <= (np.inf if max_depth is None else max_depth))
    for x, y, w, h, _, _ in found:
        assert 0 < x < x + w < width + 0.5 and 0 < y < y + h < height
    for i, (x, y, w, h, *_) in enumerate(found):
        for x2, y2, w2, h2, *_ in found[:i]:
            assert x + w < x2 or x2 + w2 < x or y + h < y2 or y2 + h2 < y


# -- what ------------------------------------------------------------------------------------------------------------

SMALL = leaf([0.5, 0.25, 0.25], 8).split(
    0,
    2.5,
    False,
    leaf([1, 0, 0], 4),
    leaf([0, 0.5, 0.5], 4).split(1, np.inf, False, leaf([0, 1, 0], 2), leaf([0, 0, 1], 2)),
)
NAMES = {"feature_names": ["length", "price"], "class_names": ["cherry", "apple", "melon"]}


def test_what_is_written():
    found = cards(tree_svg(SMALL, **NAMES))
    assert [[text for _, text in card[4]] for card in found] == [
        ["length ≤ 2.50?", "8 points · 100 %"],
        ["cherry1.00", "4 points · 50 %"],
        ["price known?", "4 points · 50 %"],
        ["apple1.00", "2 points · 25 %"],
        ["melon1.00", "2 points · 25 %"],
    ]
    tip = found[0][5].find(f"{SVG}title").text
    assert tip == "length ≤ 2.50?\ncherry 0.50, apple 0.25, melon 0.25\n8 points · 100 %"
    cut = cards(tree_svg(SMALL, **NAMES, max_depth=1, decimals=1))
    assert [text for _, text in cut[2][4]] == ["apple0.5", "4 points · 50 % · 1 more question"]


def test_who_cannot_see_it_reads_it():
    svg = tree_svg(SMALL, **NAMES, max_depth=1, missing=True)
    root = ET.fromstring(svg)
    title, words = root[:2]
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", f"{title.get('id')} {words.get('id')}")
    assert title.text == "Decision tree with 3 leaves" and words.text == tree_text(
        SMALL, **NAMES, max_depth=1, missing=True
    )
    assert "Decision tree with 1 leaf<" in tree_svg(leaf([3.0]), feature_names=[])
    other = ET.fromstring(tree_svg(SMALL, **NAMES))
    assert other[0].get("id") != title.get("id")  # on the same page


def test_answers_stand_at_the_branches():
    def answers(svg):
        (group,) = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("text-anchor") == "middle"]
        return [text.text for text in group]

    assert answers(tree_svg(SMALL, **NAMES)) == ["yes", "no", "yes", "no"]
    assert answers(tree_svg(SMALL, **NAMES, missing=[True, True])) == ["yes", "no or missing", "yes", "no"]
    assert answers(tree_svg(SMALL, **NAMES, max_depth=0)) == []


def test_branches_are_as_wide_as_the_share_of_the_points():
    paths = [p for p in ET.fromstring(tree_svg(SMALL, **NAMES)).findall(f"{SVG}path") if "C" in p.get("d")]
    assert [float(p.get("stroke-width")) for p in paths] == [8, 8, 4, 4]
    found = cards(tree_svg(SMALL, **NAMES))
    ends = [[float(part) for part in p.get("d").replace("M", "").replace("C", " ").split()] for p in paths]
    for (x, y, *_, to_x, to_y), parent, child in zip(ends, (0, 0, 2, 2), (1, 2, 3, 4)):
        assert (
            abs(x - (found[parent][0] + found[parent][2] / 2)) < 8 and abs(y - found[parent][1] - found[parent][3]) < 2
        )
        assert abs(to_x - (found[child][0] + found[child][2] / 2)) < 0.2 and abs(to_y - found[child][1]) < 2


def test_bars_show_the_shares():
    tree = leaf([0.5, 0.0, 0.2, 0.3], 10)
    (card,) = cards(tree_svg(tree, feature_names=[], class_names=list("abcd")))
    *bars, frame = [rect for rect in card[5].findall(f"{SVG}rect") if rect.get("height") == "10"]
    at, widths = ([float(bar.get(name)) for bar in bars] for name in ("x", "width"))
    colours = class_colours(4)
    assert [bar.get("fill") for bar in bars] == [colours[0], colours[2], colours[3]]
    full = float(frame.get("width"))
    np.testing.assert_allclose(widths, np.array([0.5, 0.2, 0.3]) * full, atol=0.11)
    np.testing.assert_allclose(np.array(at) - float(frame.get("x")), np.array([0, 0.5, 0.7]) * full, atol=0.11)


def test_marks_show_the_values():
    tree = leaf([2.0], 10).split(0, 1.0, False, leaf([0.0], 5), leaf([4.0], 5))
    root, low, high = cards(tree_svg(tree, feature_names=["a"]))
    assert [text for _, text in root[4]] == ["a ≤ 1.00?", "10 points · 100 %", "2.00"]
    marks = [card[5].find(f"{SVG}circle") for card in (root, low, high)]
    assert [mark.get("fill") for mark in marks] == [drawing.SCALE[i] for i in (2, 0, 4)]
    tracks = [next(r for r in card[5].findall(f"{SVG}rect") if r.get("height") == "4") for card in (root, low, high)]
    for mark, track, share in zip(marks, tracks, (0.5, 0, 1)):
        x, start, width = float(mark.get("cx")), float(track.get("x")), float(track.get("width"))
        np.testing.assert_allclose(x, start + 4 + share * (width - 8), atol=0.2)
    several = cards(tree_svg(leaf([1.0, 2.5], 3), feature_names=["a"]))
    assert several[0][4][0][1] == "1.00, 2.50" and several[0][5].find(f"{SVG}circle") is None


def test_the_legend_names_every_class_or_the_range():
    texts = [text.text for text in ET.fromstring(tree_svg(SMALL, **NAMES)).findall(f"{SVG}text")]
    assert texts == ["cherry", "apple", "melon", "width of a branch: share of the points"]
    many = [f"a class that has the number {k}" for k in range(30)]
    svg = tree_svg(leaf(np.full(30, 1 / 30), 5), feature_names=[], class_names=many)
    root = ET.fromstring(svg)
    labels = root.findall(f"{SVG}text")
    assert [text.text for text in labels[:-1]] == many
    assert all(float(text.get("x")) + text_width(text.text, 11) < float(root.get("width")) for text in labels)
    assert max(float(text.get("y")) for text in labels) < cards(svg)[0][1]
    tree = leaf([2.0], 10).split(0, 1.0, False, leaf([-1.5], 5), leaf([40], 5))
    root = ET.fromstring(tree_svg(tree, feature_names=["a"]))
    assert [text.text for text in root.findall(f"{SVG}text")][:2] == ["value -1.50", "40.00"]
    gradient = root.find(f"{SVG}linearGradient")
    assert f"url(#{gradient.get('id')})" in [rect.get("fill") for rect in root.findall(f"{SVG}rect")]


# -- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, bold, width",  # in DejaVu Sans, the widest of the usual fonts
    [
        ("petal width (cm) ≤ 0.80?", True, 13.889),
        ("12345 points · 100 % · 17 more questions", False, 20.994),
        ("WWW mmm", True, 6.783),
        ("fill it, tiltit (lift) [ill]", True, 10.938),
        ("illicit; it's a 'trifle' |||", False, 9.905),
        ("x̄ Größe in µm², naïve", False, 10.857),
        ("MINIMUM OF ALL", True, 9.656),
        ("tttttrrrr((()))---", True, 8.35),
        ("_a_b%c@d…", False, 6.382),
        ("年龄", False, 2.0),
    ],
)
def test_there_is_room_for_every_text(text, bold, width):
    assert width <= text_width(text, 1, bold=bold) <= 1.35 * width


def test_texts_stay_inside_their_cards():
    names = [
        "x",
        "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM",
        "a name with many words, of which the last ones are cut off",
    ]
    classes = ["i", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "class"]
    for tree, kind in ((random_tree(rng, 20, K=3), classes), (random_tree(rng, 20), None)):
        svg = tree_svg(tree, feature_names=names, class_names=kind, max_depth=4, decimals=5)
        for x, _, width, _, texts, group in cards(svg):
            for start, text in texts:
                assert start > x and start + text_width(text, 11) <= x + width
            head = group.find(f"{SVG}text")
            bold, *rest = head.findall(f"{SVG}tspan")
            end = float(head.get("x")) + text_width(bold.text, 13, bold=True)
            assert end + sum(7 + text_width(span.text, 13) for span in rest) <= x + width


def test_names_are_cut_where_they_must_be_and_told_in_full():
    long = "mean number of complaints per customer, product group and quarter of the year"
    tree = leaf([1.0], 3).split(0, 12.5, False, leaf([0.0], 1), leaf([2.0], 2))
    svg = tree_svg(tree, feature_names=[long])
    head = cards(svg)[0][4][0][1]
    assert head.endswith("… ≤ 12.50?") and head.startswith("mean number of")
    assert cards(svg)[0][5].find(f"{SVG}title").text.startswith(f"{long} ≤ 12.50?")
    assert shortened("short", 100, 10) == "short" and shortened("  two \n words ", 999, 10) == "two words"
    assert shortened("anything", 0, 10) == "…"


def test_any_name_is_written_as_it_is():
    odd = ["a<b>&\"c'", "tab\there\x00\x1b", "年龄 · é"]
    tree = leaf([1, 0, 0], 2).split(0, 0.0, False, leaf([0, 1, 0], 1), leaf([0, 0, 1], 1))
    svg = tree_svg(tree, feature_names=odd, class_names=odd)
    texts = ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]
    assert "a<b>&\"c' ≤ 0.00?" in texts and "tab here1.00" in texts and "年龄 · é1.00" in texts


def test_percents():
    shares = (1, 2 / 3, 0.0995, 0.0994, 0.01, 0.0005, 0.0004, 0)
    assert [percent(share) for share in shares] == [
        *("100 %", "67 %", "10 %", "9.9 %", "1.0 %", "0.1 %", "<0.1 %", "0.0 %")
    ]


# -- colours ---------------------------------------------------------------------------------------------------------


def luminance(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """As in the Web Content Accessibility Guidelines 2.2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_is_readable_on_every_ground():
    grounds = [drawing.PAPER]
    for tree, kind in ((leaf(np.eye(20)[k], 3), [str(k) for k in range(20)]) for k in range(20)):
        svg = tree_svg(tree, feature_names=[], class_names=kind)
        grounds += [p.get("fill") for p in cards(svg)[0][5].findall(f"{SVG}path")]
    for tree in (random_tree(rng, 30), random_tree(rng, 3)):
        grounds += [
            p.get("fill") for c in cards(tree_svg(tree, feature_names="abc")) for p in c[5].findall(f"{SVG}path")
        ]
    assert len(set(grounds)) > 30
    assert min(contrast(drawing.INK, ground) for ground in grounds) > 4.5


def test_the_colour_is_that_of_the_largest_share_and_stronger_where_it_is_purer():
    colours = class_colours(2)
    grounds = []
    for value in ([0.5, 0.5], [0.4, 0.6], [0.0, 1.0]):
        (card,) = cards(tree_svg(leaf(value, 3), feature_names=[], class_names=["a", "b"]))
        frame = [rect for rect in card[5].findall(f"{SVG}rect") if rect.get("rx") == "8"][0]
        assert frame.get("fill") == colours[int(np.argmax(value))]
        grounds.append(card[5].find(f"{SVG}path").get("fill"))
    saturation = [colorsys.rgb_to_hsv(*(int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5)))[1] for ground in grounds]
    assert saturation == sorted(saturation) and saturation[0] < 0.2 < saturation[2]
    (single,) = cards(tree_svg(leaf([1.0], 3), feature_names=[], class_names=["only"]))
    assert single[4][0][1] == "only1.00"


def test_colours_of_many_classes_and_of_values():
    assert len(set(class_colours(60))) == 60 and class_colours(3) == list(drawing.CLASSES[:3])
    assert mixed("#000000", "#ffffff", 0.5) == "#808080" and mixed("#102030", "#405060", 0) == "#102030"
    lightness = [luminance(on_scale(v, -1, 1)) for v in np.linspace(-1, 1, 50)]
    assert np.all(np.diff(lightness) < 0)
    assert on_scale(3.0, 3.0, 3.0) == drawing.SCALE[2]
    assert on_scale(1.7e308, -1.7e308, 1.7e308) == drawing.SCALE[-1]


def test_a_deep_tree_and_arguments_that_cannot_be_written_to():
    n = 1100  # deeper than Python's recursion goes
    t = np.arange(2 * n + 1)
    inner = t < n
    deep = Tree(
        np.where(inner, 0, -1),
        np.where(inner, 0.5, np.nan),
        np.where(inner, t + 1, -1),
        np.where(inner, 2 * n - t, -1),
        np.zeros(2 * n + 1, bool),
        np.zeros((2 * n + 1, 1)),
        np.zeros(2 * n + 1),
        np.ones(2 * n + 1, int),
        np.ones(2 * n + 1),
    )
    for array in deep:
        array.flags.writeable = False
    assert len(cards(tree_svg(deep, feature_names=["x"], max_depth=2))) == 5
    x = tidy(deep.left, deep.right, np.ones(2 * n + 1))
    np.testing.assert_allclose(x[:n], -np.arange(n))
