import re
import stat
import sys

import numpy as np
import pytest

from pellucid import Tensor, grad, primitive
from pellucid.graph_drawing import graph


def boxes(text):
    """From the id of each box and ellipse to its label."""
    return dict(re.findall(r'^  (\w+) \[shape=\w+(?: style=bold)? label="(.*)"\]$', str(text), flags=re.M))


def edges(text):
    return re.findall(r"^  (\w+) -> (\w+)(?: \[(.*)\])?$", str(text), flags=re.M)


@pytest.fixture
def w():
    return Tensor(np.eye(3) + 0.1, requires_grad=True)


def test_a_small_graph_is_this_text():
    w = Tensor([1.0, 2.0], requires_grad=True)
    b = Tensor(np.ones(2, np.float32), requires_grad=True)
    y = np.sum(np.tanh(w * 3.0) + b, axis=0, keepdims=True)
    expected = r"""digraph {
  node [fontname="Helvetica" fontsize=10]
  edge [fontname="Helvetica" fontsize=8]
  leaf1 [shape=ellipse label="w\n(2,) float64"]
  leaf2 [shape=ellipse label="(2,) float32"]
  n1 [shape=box label="np.multiply(·, 3.0)\n(2,) float64"]
  n2 [shape=box label="np.tanh(·)\n(2,) float64"]
  n3 [shape=box label="np.add(·, ·)\n(2,) float64"]
  n4 [shape=box style=bold label="np.sum(·, axis=0, keepdims=True)\n(1,) float64"]
  leaf1 -> n1
  n1 -> n2
  n2 -> n3 [label=1]
  leaf2 -> n3 [label=2]
  n3 -> n4
}"""
    assert str(graph(y, names={"w": w})) == expected
    assert graph(y, names={"w": w}).dot == expected + "\n"


def test_edges_follow_the_order_of_the_arguments(w):
    a, b = w * 1.0, w * 2.0
    for y, first in ((a - b, "n1"), (b - a, "n2")):
        assert edges(graph(y))[2:] == [(first, "n3", "label=1"), ("n2" if first == "n1" else "n1", "n3", "label=2")]
    assert edges(graph(w * w)) == [("leaf1", "n1", "label=1"), ("leaf1", "n1", "label=2")]


def test_arguments_in_a_list_and_arrays(w):
    y = np.concatenate([w, np.ones((2, 3)), w * 2.0])
    text = graph(y)
    assert boxes(text)["n2"] == r"np.concatenate([·, array(2, 3), ·])\n(8, 3) float64"
    assert edges(text)[1:] == [("leaf1", "n2", "label=1"), ("n1", "n2", "label=2")]


def test_a_function_with_several_results(w):
    q, r = np.linalg.qr(w)
    found = boxes(graph(r))
    assert found == {
        "leaf1": "(3, 3) float64",
        "n1": r"np.linalg.qr(·)\n2 results",
        "n2": r"result 1\n(3, 3) float64",
    }


def test_several_ends_and_what_they_share(w):
    h = np.tanh(w)
    text = str(graph({"a": h, "b": [np.sum(h), 3.0]}))
    assert text.count("style=bold") == 2
    assert len(boxes(text)) == 3


def test_indices_and_writes_are_written_as_in_python(w):
    y = w[1:, ::2][..., None, 0]
    z = w * 1.0
    z[0, :] = w[1]
    z.T[1] = 2.0
    labels = [label.partition(r"\n")[0] for label in boxes(graph([y, z])).values()]
    assert "·[1:, ::2]" in labels
    assert "·[..., None, 0]" in labels
    assert "·[0, :] = ·" in labels
    assert any(label.endswith("[1] = 2.0") for label in labels)
    assert any(label.endswith(".transpose = ·") for label in labels)
    assert boxes(graph(w[np.array([0, 1])]))["n1"] == r"·[array(2,)]\n(2, 3) float64"


def test_short_arguments_are_written_out_and_long_ones_cut(w):
    @primitive
    def shifted(x, how, by):
        return x + 1.0, lambda dy: (dy, None, None)

    assert boxes(graph(shifted(w, "up", np.float64(1 / 3))))["n1"].startswith("shifted(·, 'up', 0.333333)")
    long = boxes(graph(shifted(w, "up" * 100, {"a": "b" * 100})))["n1"]
    assert long.startswith("shifted(·, 'upupup")
    assert "…" in long
    assert len(long) < 90


def test_names_of_nested_tensors_and_of_results(w):
    b = Tensor(np.ones(3), requires_grad=True)
    h = w @ b
    found = boxes(graph(np.sum(h), names={"p": {"W": w, "b": [b]}, "h": h, "n": 3}))
    assert found["leaf1"] == r"p['W']\n(3, 3) float64"
    assert found["leaf2"] == r"p['b'][0]\n(3,) float64"
    assert found["n1"] == r"h = np.matmul(·, ·)\n(3,) float64"
    assert boxes(graph(w * 2.0, names={'a "quoted" \\ name': w}))["leaf1"] == r"a \"quoted\" \\ name\n(3, 3) float64"


def test_a_leaf_and_a_constant():
    assert boxes(graph(Tensor([1.0]))) == {"leaf1": "(1,) float64"}
    x = Tensor([1.0], requires_grad=True)
    assert boxes(graph(x, names={"x": x})) == {"leaf1": r"x\n(1,) float64"}


def test_inside_a_transform_the_variable_is_an_ellipse():
    texts = []

    def f(x):
        y = x * x
        texts.append(graph(y, names={"x": x}))
        return y

    grad(f)(1.0)
    assert boxes(texts[0]) == {"leaf1": r"x\n() float64", "n1": r"np.multiply(·, ·)\n() float64"}


def test_what_a_backward_pass_has_freed(w):
    h = np.tanh(w)
    y = np.sum(h)
    y.backward()
    assert boxes(graph(y)) == {"n1": r"np.sum\n() float64, freed"}
    assert boxes(graph(h * 2.0)) == {"n1": r"np.tanh\nfreed", "n2": r"np.multiply(·, 2.0)\n(3, 3) float64"}


def test_a_large_graph_is_cut():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1000):
        y = y * x
    text = graph(y)
    found = boxes(text)
    assert found["cut"] == r"not drawn: the first 500 of 1000 operations\n(max_nodes=500)"
    assert set(found) == {"cut", "leaf1", *[f"n{i}" for i in range(501, 1001)]}
    assert "  cut -> n501 [style=dashed]" in str(text)
    assert "not drawn" not in str(graph(y, max_nodes=1000))
    assert str(graph(y)) == str(text)


def test_only_tensors_are_drawn():
    with pytest.raises(TypeError, match="graph draws what led to a Tensor; this is ndarray"):
        graph(np.ones(3))


# Graphviz


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program `dot` on the path, which does what its text says."""

    def install(text):
        path = tmp_path / "dot"
        path.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


DRAWS = "assert sys.argv[1:] == ['-Tsvg']; text = sys.stdin.buffer.read().decode(); print(f'<svg>{len(text)}</svg>')"


def test_svg(program, w, tmp_path):
    program(DRAWS)
    g = graph(w * 2.0)
    assert g.svg().strip() == f"<svg>{len(g.dot)}</svg>"
    assert g._repr_svg_() == g.svg()
    g.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == g.svg()


def test_without_graphviz(monkeypatch, w, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    g = graph(w * 2.0)
    with pytest.raises(RuntimeError, match="Graphviz's program `dot`, which is not on the path: install graphviz"):
        g.svg()
    assert g._repr_svg_() is None
    g.save(tmp_path / "a.dot")
    g.save(str(tmp_path / "a.gv"))
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == (tmp_path / "a.gv").read_text(encoding="utf-8") == g.dot
    with pytest.raises(RuntimeError):
        g.save(tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
    for name, kind in (("a.png", ".png"), ("a", "nothing")):
        with pytest.raises(ValueError, match=f"saved as .dot, .gv or .svg, not as {kind}"):
            g.save(tmp_path / name)


def test_a_graphviz_that_fails(program, w):
    program("sys.stderr.write('syntax error'); sys.exit(3)")
    with pytest.raises(RuntimeError, match="failed with status 3: syntax error"):
        graph(w * 2.0).svg()
    assert graph(w * 2.0)._repr_svg_() is None
