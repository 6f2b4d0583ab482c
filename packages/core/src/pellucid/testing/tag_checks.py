"""A spec's tags that say what a model takes: what they promise is so, and what they leave out is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pellucid.testing.checks import TABLES, NotApplicable, check, expect, raises
from pellucid.testing.input_checks import expect_sense
from pellucid.testing.subjects import Subject, differences
from pellucid.testing.tasks import Data

UNSUPERVISED = ("clustering", "density", "transform")


def need_tag(model: Subject, tag: str) -> None:
    """Leave the check where the spec has not this tag."""
    if tag not in model.spec.tags:
        raise NotApplicable(f"it has no tag {tag!r}")


@check("spec")
def tags_of_the_class_are_in_the_spec(model: Subject) -> None:
    """Every word in the class's _tags is among the tags of its spec."""
    words = tuple(getattr(model.cls, "_tags", ()))
    if not words:
        raise NotApplicable("its class has no _tags")
    left_out = [word for word in words if word not in model.spec.tags]
    expect(not left_out, f"the spec has the tags {model.spec.tags}, without {', '.join(map(repr, left_out))}")


@check("fit", "regression")
def negative_targets_are_refused(model: Subject) -> None:
    """With the tag "positive target", a y with a negative number is a ValueError that speaks of y or the target."""
    need_tag(model, "positive target")
    y = model.data.y
    y[3] = -1.0
    error = raises("fit with a negative y", lambda: model.glance(replace(model.data, y=y)))
    said = str(error).lower()
    expect("y" in said.split() or "target" in said, f"the error for a negative y does not speak of it: {error}")


@check("fit", "classification")
def a_third_class_is_refused(model: Subject) -> None:
    """With the tag "two classes", three classes are a ValueError that speaks of classes or of binary labels."""
    need_tag(model, "two classes")
    y = np.arange(len(model.data.X)) % 3
    error = raises("fit with three classes", lambda: model.glance(replace(model.data, y=y)))
    said = str(error).lower()
    expect("class" in said or "binary" in said, f"the error for three classes does not speak of them: {error}")


@check("fit", *UNSUPERVISED)
def fit_without_y_is_refused(model: Subject) -> None:
    """With the tag "needs y", fit(X) and fit(X, None) are refused, the latter by a ValueError that speaks of y."""
    need_tag(model, "needs y")
    X = model.data.X
    raises("fit(X)", lambda: model.make_quick().fit(X), ValueError, TypeError)  # TypeError is Python's own
    error = raises("fit(X, None)", lambda: model.make_quick().fit(X, None))
    said = str(error).lower().split()
    expect("y" in said or "target" in said, f"the error for fit(X, None) does not speak of y: {error}")


@check("fit", *TABLES)
def a_second_column_is_refused(model: Subject) -> None:
    """With the tag "one column", a fit to two columns is a ValueError that says how many came, or their shape."""
    need_tag(model, "one column")
    X = np.repeat(model.data.X, 2, axis=1)
    raises("fit to two columns", lambda: model.glance(replace(model.data, X=X)), saying="2")


@check("fit", *TABLES)
def stateless_model_needs_no_fit(model: Subject) -> None:
    """With the tag "stateless", a model that was never fitted says the same as a fitted one."""
    need_tag(model, "stateless")
    found = {name: getattr(model.make(), name)(model.data.X) for name in model.methods}
    saw = differences(found, {name: model.answers()[name] for name in model.methods})
    expect(not saw, f"before fit, {saw}")


@check("fit", *TABLES)
def unknown_words_make_sense(model: Subject) -> None:
    """With the tag "text", words that the fit has not seen give finite answers, or a ValueError."""
    need_tag(model, "text")
    X = model.data.X
    X[3, -1] = "zygomorphic"
    expect_sense(model, "a word that fit has not seen", Data(X), fit=False)
