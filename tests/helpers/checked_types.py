"""The table of model types in docs/model.md, made of the tiny models that the tests run over."""

import argparse
from pathlib import Path

import torch

from fimscope.errors import UserError
from fimscope.inference.places import attention_output, mlp_output
from fimscope.interventions.session import Batch
from fimscope.models.families import REFUSED
from fimscope.models.load import Model
from fimscope.models.projections import neurons_of, projection_of
from fimscope.report.markdown import table
from models import ARCHITECTURES, CONFIGS, EVERY_TYPE, random_model, random_prompts

START, END = "<!-- checked types -->", "<!-- end of checked types -->"


def checked_names() -> dict[str, str]:
    """The first tiny model of each model_type that the tests run over."""
    return {CONFIGS[name]().model_type: name for name in reversed(EVERY_TYPE)}


def types_section() -> str:
    """As Markdown: how many types there are, a row of each, and those that are refused."""
    names = checked_names()
    rows = [
        [f"`{each}`", *_traits(random_model(name)), "all" if name in ARCHITECTURES else "the core"]
        for each, name in sorted(names.items())
    ]
    columns = ["type", "attention and MLP", "query, key, value", "neurons", "exactness tests"]
    lines = [f"{len(names)} types pass:", "", *table(columns, rows, n_left=5)]
    lines += ["Refused, and why:", ""]
    lines += [f"- `{each}`: {reason}" for each, reason in sorted(REFUSED.items())]
    return "\n".join(lines)


def _traits(model: Model) -> list[str]:
    return [
        "in turn" if _mlp_reads_attention(model) else "side by side",
        _module(lambda: projection_of(model, 1, "query").path),
        _module(lambda: neurons_of(model, 1)[0]),
    ]


def _module(path) -> str:
    try:
        return f"`{path()}`"
    except UserError:
        return "no"


def _mlp_reads_attention(model: Model) -> bool:
    """Whether a block's MLP gives something else where the attention before it gives nothing."""
    batch, mlp = Batch(model, random_prompts((9,))), mlp_output(1)
    without = batch.zero("last", attention_output(1))
    return not torch.equal(batch.collect("last", mlp)[mlp], without.collect("last", mlp)[mlp])


def with_section(page: str, section: str) -> str:
    """The page with the section between its two marks."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{section}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="docs/model.md")
    page = parser.parse_args().page
    page.write_text(with_section(page.read_text("utf-8"), types_section()), "utf-8")


if __name__ == "__main__":
    main()
