"""A stranger's package in which nothing is wrong, written to disk; tests of the kit spoil it one thing at a time."""

import textwrap

from pellucid import registry
from pellucid.testing import PluginSubject, Subject
from pellucid.testing.cases import Case
from pellucid.testing.checks import all_checks

FILES = {
    "pellucid_acme/__init__.py": '''
        """Planes."""

        def __getattr__(name):
            if name != "Plane":
                raise AttributeError(name)
            from pellucid_acme.plane import Plane

            return Plane
    ''',
    "pellucid_acme/_plugin.py": """
        from pellucid import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, hookimpl

        @hookimpl
        def pellucid_models():
            yield ModelSpec(
                id="acme/flat-plane",
                target="pellucid_acme.plane:Plane",
                summary="A weighted sum of columns",
                tasks=("regression",),
                aliases=("acme-board", "acme/table-top"),
                tags=("closed form", "L2"),
                references=("Gauss (1809), Theoria motus",),
                smoke={"fit_intercept": True},
                docs="https://acme.example/plane",
            )

        @hookimpl
        def pellucid_components():
            for name in ("ramp", "step"):
                target = f"pellucid_acme.parts:{name}"
                yield ComponentSpec(id=f"acme/{name}", kind="kernel", target=target, summary=name)

        @hookimpl
        def pellucid_rules():
            return ["pellucid_acme.rules"]

        @hookimpl
        def pellucid_datasets():
            yield DatasetSpec(
                id="acme/hills", target="pellucid_acme.data:hills", summary="Hills", task="classification",
                n_rows=12, n_columns=2, n_classes=3,
            )
            yield DatasetSpec(
                id="acme/wind", target="pellucid_acme.data:wind", summary="Wind", task="regression", n_rows=5,
            )

        @hookimpl
        def pellucid_checks():
            return ["pellucid_acme.checks:has_a_name"]

        @hookimpl
        def pellucid_commands():
            yield CommandSpec(name="acme", target="pellucid_acme.commands:acme", summary="Say hello")
    """,
    "pellucid_acme/plane.py": '''
        """Plane: a weighted sum of columns that fits best.

        Whoever moves all points moves the plane with them, so its height is found last.

            b = ȳ − wᵀx̄                                                            (1)
            w = (X̃ᵀX̃)⁺ X̃ᵀỹ                                                         (2)

        Symbols
        -------
            paper   code        shape    meaning
            X̃, ỹ    Xc, yc      (N, D)   centred points, times the roots of their
                                         weights
            w       coef        (D,)     weights of the columns
            b       intercept   ()       height at x = 0

        Cost: O(N D²) time, O(N D) memory.

        References
        ----------
            Gauss (1809), "Theoria motus".
        Differs from them: points have weights.
        """

        import numpy as np

        from pellucid import Regressor


        def fit(X, y, weights, fit_intercept):
            """The plane: (N, D), (N,), (N,), () -> (D,), ()."""
            x_mean, y_mean = (
                (np.average(X, axis=0, weights=weights), np.average(y, weights=weights))
                if fit_intercept
                else (np.zeros(X.shape[1], X.dtype), y.dtype.type(0))
            )
            root = np.sqrt(weights)
            Xc, yc = root[:, None] * (X - x_mean), root * (y - y_mean)
            coef = np.linalg.lstsq(Xc, yc)[0]  #                                     (2)
            intercept = y_mean - coef @ x_mean  #                                    (1)
            return coef, intercept


        class Plane(Regressor):
            """Least squares.

            Parameters
            ----------
            fit_intercept : bool
                Whether the plane has a height b.

            Attributes
            ----------
            coef_, intercept_ : ndarray of shape (D,), float
                The plane.
            """

            def __init__(self, fit_intercept=True):
                self.fit_intercept = fit_intercept

            def fit(self, X, y, sample_weight=None):
                """Find the plane; return the model."""
                X, y, weights = self._check_fit(X, y, sample_weight)
                weights = np.ones(len(y), X.dtype) if weights is None else weights
                self.coef_, self.intercept_ = fit(X, y, weights, self.fit_intercept)
                return self

            def predict(self, X):
                """The height of each point."""
                X = self._check_X(X)
                return X @ self.coef_ + self.intercept_
    ''',
    "pellucid_acme/slope.py": '''
        """Slope: the best line through the origin.

            a = Σₙ xₙ yₙ / Σₙ xₙ²                                                   (1)

        Symbols
        -------
            paper   code   shape   meaning
            a       a      ()      slope

        Cost: O(N) time, O(1) memory.

        References
        ----------
            Gauss (1809), "Theoria motus".
        Differs from them: nothing.
        """


        def slope(x, y):
            a = x @ y / (x @ x)  #                                                  (1)
            return a
    ''',
    "pellucid_acme/parts.py": """
        def ramp(x):
            return x

        def step(x):
            return x > 0

        class Soft:
            pass
    """,
    "pellucid_acme/rules.py": "RULES = ()",
    "pellucid_acme/data.py": """
        import numpy as np

        from pellucid import Dataset

        def hills(seed=0):
            X = np.random.default_rng(seed).normal(size=(12, 2))
            return Dataset(X, np.arange(12) % 3, ("east", "north"), target_names=("low", "middle", "high"))

        def wind():
            return Dataset(np.ones((5, 1)), np.arange(5.0), ("hour",), task="regression")
    """,
    "pellucid_acme/checks.py": '''
        def has_a_name(model):
            """The class has a name."""
            assert model.cls.__name__
    ''',
    "pellucid_acme/commands.py": """
        import click

        @click.command()
        def acme():
            click.echo("hello")
    """,
    "pellucid_acme-0.3.dist-info/METADATA": """
        Metadata-Version: 2.4
        Name: pellucid-acme
        Version: 0.3
        Summary: Planes
        License-Expression: MIT
        Requires-Python: >=3.11
        Requires-Dist: pellucid<0.2,>=0.1
        Requires-Dist: numpy>=2
        Description-Content-Type: text/markdown

        # Acme

        Planes.
    """,
    "pellucid_acme-0.3.dist-info/entry_points.txt": """
        [pellucid.v1]
        acme = pellucid_acme._plugin
    """,
    "pellucid_acme-0.3.dist-info/RECORD": """
        ../../bin/acme,,
        pellucid_acme/__init__.py,,
        pellucid_acme-0.3.dist-info/METADATA,,
        pellucid_acme-0.3.dist-info/RECORD,,
    """,
}


class Acme:
    """The package in a folder: to be spoilt, and looked at as the kit sees it."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")

    def change(self, name, old, new):
        """Replace a text that must be there, in a file of the package or of its metadata."""
        path = self.folder / ("pellucid_acme" if name.endswith(".py") else "pellucid_acme-0.3.dist-info") / name
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    def plugin(self):
        """The plugin as the kit sees it."""
        return PluginSubject("pellucid-acme", [p for p in registry.loaded() if p.info.distribution == "pellucid-acme"])

    def model(self):
        """Its first model as the kit sees it."""
        spec = registry.spec("acme/flat-plane")
        return Subject(registry.get(spec.id), spec, "regression")


def result_of(name, subject):
    """What comes of one check of the kit."""
    (found,) = [one for one in all_checks() if one.name == name]
    return Case(f"x::{name}", found, subject).run()


def names_of(*modules):
    """The names of all checks that these files of the kit define."""
    return {one.name for one in all_checks() if one.run.__module__.rpartition(".")[2] in modules}
