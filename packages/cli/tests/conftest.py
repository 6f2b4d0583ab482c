"""The command line as a function: `run("fit", "toy/plane", ...)` -> exit code, stdout, stderr."""

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from pellucid_cli.main import main

TOY = str(Path(__file__).parent / "toy_models.py")


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder, with the toy models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)

    def call(*arguments):
        code = main(["--plugin", TOY, *map(str, arguments)])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def flowers(tmp_path):
    """A CSV with all that real ones have: text, dates, an identifier, missing values, one row without a target."""
    rng = random.Random(0)
    lines = ["plant,length,width,soil,indoor,found,unit,species"]
    for n in range(60):
        species = ("setosa", "versicolor", "virginica")[n % 3]
        length, width = 2 * (n % 3) + rng.gauss(1, 0.3), rng.gauss(3, 1)
        row = [f"p{n}", f"{length:.3f}", f"{width:.3f}", rng.choice(["clay", "sand"]), rng.choice(["true", "false"])]
        lines.append(",".join([*row, f"2020-02-{n % 28 + 1:02d}", "cm", species]))
    lines[4] = lines[4].replace(lines[4].split(",")[2], "NA")
    lines[6] = lines[6].replace("clay", "").replace("sand", "")
    lines[8] = lines[8].rpartition(",")[0] + ","
    path = tmp_path / "flowers.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
