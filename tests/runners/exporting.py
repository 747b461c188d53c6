"""A toy model that was run with scope `all`, which is what other tools steer, and `answer`."""

from __future__ import annotations

from pathlib import Path

from runners.models.load import load
from runners.models.model_argument import model_from_argument
from runners.prompts.positions import TokenisedItem
from specs.catalog import Catalog
from specs.settings import Settings
from tests.experiments import ask
from tests.runners.conftest import bench_of
from tests.runners.toy_models import save

MULTIPLIERS = (-1.5, 1.5)
SIZES = {"initializer_range": 0.3, "max_position_embeddings": 1024}
ASKED = (
    *("--concept", "kind", "--layers", "0-2", "--multipliers", "-1.5,0,1.5", "--limit", "3"),
    *("--scope", "all", "--scope", "answer", "--split", "test"),
)


def command(folder: Path, *args: str, code: int = 0) -> str:
    """Run a command in this process, in the home and specs of `folder`; return what it printed."""
    from click.testing import CliRunner

    from steerhouse import cli

    common = ("--home", str(folder / "data"), "--specs", str(folder / "specs"))
    done = CliRunner().invoke(cli, [*args, *common])
    assert done.exit_code == code, (args, done.output[-2000:], done.exception)
    return done.output


def ran(folder: Path, family: str) -> Path:
    """Save a toy model in `folder`, fit and measure its vectors; return `folder`."""
    (folder / "specs" / "methods").mkdir(parents=True)
    save(folder / "model", family, **SIZES)
    command(folder, "run", "--model", str(folder / "model"), "--norm", "unit", *ASKED)
    return folder


def measured(
    folder: Path, method: str = "mean_difference", scope: str = "all"
) -> dict[tuple[str, int, float], float]:
    """Return (item_id, layer, multiplier) -> logit_diff of a method."""
    rows = ask(
        folder,
        "select item_id, layer, multiplier, logit_diff from sweep "
        f"where method = '{method}' and scope = '{scope}'",
    )
    return {tuple(key): value for *key, value in rows}  # type: ignore[misc]


def items(folder: Path) -> list[TokenisedItem]:
    """Return the measured items as tokens of the toy model."""
    catalog = Catalog()
    spec = model_from_argument(str(folder / "model"), catalog)
    loaded = load(spec, Settings(home=folder / "data"))
    bench = bench_of("kind", loaded, catalog, folder / "data")
    wanted = {item for item, *_ in measured(folder)}
    return [each for item, each in bench.tokenised("base").fit.items() if item in wanted]
