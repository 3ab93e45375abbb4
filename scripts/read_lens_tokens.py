"""Read the logit lens of a few broken pairs at many tokens: what each would say at every point."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.lens.numbers import NOTHING, choose_pairs, read_lens_curves
from fimscope.experiments.lens.tables import LENS_TOKENS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.prompts.token_texts import token_text
from fimscope.steps.frame import Progress, log, run_step, step_parser

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
N_BEFORE, N_BEHIND = 4, 5  # tokens on either side of the last token of the name before the hole
N_LAST = 3


def shown_tokens(prompt: Row) -> list[int]:
    """Indices of the tokens around the name before the hole, and of the last ones, ascending.

    A prompt that does not show the name is shown around the place of the hole, if a token marks it.
    """
    n_tokens = len(prompt["token_ids"])
    places = {position["name"]: position["index"] for position in prompt["positions"]}
    centre = places.get("hole_name", places.get("fim_suffix", n_tokens - 1))
    around = range(max(0, centre - N_BEFORE), min(n_tokens, centre + N_BEHIND + 1))
    return sorted({*around, *range(max(0, n_tokens - N_LAST), n_tokens)})


def read_lens_tokens(
    model: "Model", prompts: Sequence[tuple[str, Row]], encoder: Encoder
) -> list[Row]:
    """Rows of the lens_tokens table: the likeliest next token at each shown token and point.

    prompts   (choice, row of the prompts table)
    """
    from fimscope.inference.lens import logit_lens

    rows = []
    progress = Progress("lens of tokens", len(prompts), "prompts")
    for choice, prompt in prompts:
        token_ids, indices = prompt["token_ids"], shown_tokens(prompt)
        lens = logit_lens(model, [token_ids], [indices], [prompt["gold_token_ids"][:1]], n_top=1)
        for place, index in enumerate(indices):
            for point in range(model.n_points):
                rows.append(
                    {
                        **{key: prompt[key] for key in ("example_id", "edit", "program_id")},
                        "choice": choice,
                        "token_index": index,
                        "token": token_text(token_ids[index], encoder),
                        "point": point,
                        "top": token_text(int(lens.top_ids[point, 0, place, 0]), encoder),
                        "top_logprob": float(lens.top_logprobs[point, 0, place, 0]),
                    }
                )
        progress.add()
    return rows


def main() -> None:
    parser = step_parser(__doc__)
    two = {"type": Path, "nargs": 2, "required": True}
    parser.add_argument("--prompts", **two, help="prompts of `original` and of the edit")
    parser.add_argument("--lens", **two, help="lens tables of the same two, in this order")
    parser.add_argument("--splits", **two, help="split tables of the same two, in this order")
    add_model_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the lens_tokens table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        originals, variants = (
            read_lens_curves(lens, split).get("last", NOTHING)
            for lens, split in zip(args.lens, args.splits, strict=True)
        )
        prompts = [
            {row["example_id"]: row for row in read_table(path, PROMPTS).to_pylist()}
            for path in args.prompts
        ]
        chosen = [
            (choice, table[example])
            for choice, example in choose_pairs(originals, variants).items()
            for table in prompts
        ]
        encoder = Encoder.from_folder(args.model)
        rows = read_lens_tokens(open_model(args), chosen, encoder)
        write_table(args.out, LENS_TOKENS, rows, manifest)
        log.info("%d pairs", len(chosen) // 2)


if __name__ == "__main__":
    main()
