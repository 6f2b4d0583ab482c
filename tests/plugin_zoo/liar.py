"""Says that its model classifies, and the model cannot predict."""

from pellucid import Classifier, ModelSpec, hookimpl


class Liar(Classifier):
    """Learns nothing and knows nothing."""

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        self.n_rows_ = len(X)
        return self


@hookimpl
def pellucid_models():
    yield ModelSpec(
        id="liar/classifier", target="plugin_liar:Liar", summary="Trust me", tasks=("classification",), smoke={}
    )
