import click
import pytest

from pellucid_cli.settings import read_settings


class Model:
    def __init__(
        self,
        n: int = 5,
        rate: float = 0.1,
        shuffle: bool = True,
        layers=(100,),
        mode="auto",
        name: str = "adam",
        seed=None,
        size: "int | str" = "auto",
        kind: "str | None" = "full",
    ):
        pass


class Needy:
    def __init__(self, k, *, depth=2):
        pass


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=7", 7),
        ("n=1e3", 1000),
        ("n=0.5", 0.5),  # the model is the one to judge
        ("n=none", None),
        ("rate=1", 1.0),
        ("rate=1e-3", 0.001),
        ("rate=inf", float("inf")),
        ("shuffle=no", False),
        ("shuffle=TRUE", True),
        ("shuffle=0", False),
        ("layers=64,32", (64, 32)),
        ("layers=64", (64,)),
        ("layers=(64, 32)", (64, 32)),
        ("layers=[8,4]", (8, 4)),
        ("mode=fast", "fast"),
        ("mode=3", 3),
        ("name=3", "3"),
        ("name=none", "none"),
        ('name="sgd"', "sgd"),
        ("size=32", 32),
        ("size=auto", "auto"),
        ("kind=none", None),
        ("seed=3", 3),
        ("seed=none", None),
        ("seed=abc", "abc"),
        ("seed=1,2", (1, 2)),
        ("seed=a,b", "a,b"),
        ('seed={"a": 1}', {"a": 1}),
        ("seed=true", True),
    ],
)
def test_text_becomes_what_the_default_is(text, value):
    (read,) = read_settings(Model, "toy/model", [text]).values()
    assert read == value and type(read) is type(value)


def test_hyphens_are_underscores_and_the_last_one_counts():
    class Long:
        def __init__(self, max_iter=1):
            pass

    assert read_settings(Long, "toy/long", ["max-iter=2", "max_iter=3"]) == {"max_iter": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rat=1", "no parameter 'rat'. Did you mean 'rate'?"),
        ("zzz=1", "It has: n, rate, shuffle"),
        ("n=x", "n is a whole number, not 'x'"),
        ("rate=x", "rate is a number, not 'x'"),
        ("shuffle=maybe", "shuffle is true or false, not 'maybe'"),
        ("layers=a,b", "such as 64,32"),
        ("n", "--set needs name=value"),
        ("=3", "--set needs name=value"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(text, said):
    with pytest.raises(click.UsageError) as error:
        read_settings(Model, "toy/model", [text])
    assert said in error.value.message


def test_a_parameter_without_default_must_be_set():
    with pytest.raises(click.UsageError, match="needs a value for k: add --set k="):
        read_settings(Needy, "toy/needy", [])
    assert read_settings(Needy, "toy/needy", ["k=3"]) == {"k": 3}
