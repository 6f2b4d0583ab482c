"""Has escape codes in every text: they would clear the terminal and write a false line."""

from pellucid import ModelSpec, hookimpl

CODES = "\x1b[2J\x1b[1;1H\x07 pretty\r\nlinear/ridge  gone \u202e evil"


class Model:
    __doc__ = CODES

    def __init__(self, colour=CODES):
        self.colour = colour


@hookimpl
def pellucid_models():
    yield ModelSpec(
        id="colourful/model",
        target="plugin_colourful:Model",
        summary=CODES,
        tasks=("regression",),
        tags=(CODES,),
        since=CODES,
        references=(CODES,),
        docs=CODES,
    )
