"""Read the logit lens: what the model would say at every point, at the named positions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum, rejection
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]


def read_lenses(
    model: "Model",
    prompts: Sequence[Row],
    positions: Sequence[str],
    batch_tokens: int,
    encoder: Encoder,
) -> list[list[Row]]:
    """For each prompt its rows of the lens table: position by position, every point.

    The rank and probability are those of the gold's first token, at whatever position. A position
    that a prompt lacks has no rows.
    """
    from fimscope.batch import plan_batches, run_batches
    from fimscope.lens import read_lens

    places = [{p["name"]: p["index"] for p in prompt["positions"]} for prompt in prompts]

    def read_rows(rows: list[int]) -> Any:
        return read_lens(
            model,
            [prompts[row]["token_ids"] for row in rows],
            [[places[row].get(name, -1) for name in positions] for row in rows],
            [prompts[row]["gold_token_ids"][0] for row in rows],
        )

    found: list[list[Row]] = [[] for _ in prompts]
    progress = Progress("lens", len(prompts), "prompts")
    batches = plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens)
    for rows, lens in run_batches(read_rows, batches):
        for i, row in enumerate(rows):
            for p, name in enumerate(positions):
                if name in places[row]:
                    found[row].extend(_lens_rows(prompts[row], name, lens, i, p, encoder))
        progress.add(len(rows))
    return found


def _lens_rows(
    prompt: Row, name: str, lens: Any, example: int, position: int, encoder: Encoder
) -> Iterator[Row]:
    at = (slice(None), example, position)
    for point, (ids, logprobs) in enumerate(
        zip(lens.top_ids[at].tolist(), lens.top_logprobs[at].tolist(), strict=True)
    ):
        yield {
            **{key: prompt[key] for key in ("example_id", "edit", "program_id")},
            "position": name,
            "point": point,
            "top10": [
                {"text": encoder.decode([token]), "logprob": logprob}
                for token, logprob in zip(ids, logprobs, strict=True)
            ],
            "gold_rank": int(lens.rank[point, example, position]),
            "gold_logprob": float(lens.logprob[point, example, position]),
            "entropy": float(lens.entropy[point, example, position]),
            "divergence": float(lens.divergence[point, example, position]),
        }


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    add_model_options(parser)
    parser.add_argument("--positions", nargs="+", default=["last"], help="named positions")
    parser.add_argument("--out", type=Path, required=True, help="the lens table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="positions left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_table(args.prompts, "prompts").to_pylist()
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        found = read_lenses(model, prompts, args.positions, args.batch_tokens, encoder)
        rejected = [
            rejection(
                "read_lens",
                "position_missing",
                name,
                example_id=prompt["example_id"],
                edit=prompt["edit"],
            )
            for prompt in prompts
            for name in args.positions
            if name not in {p["name"] for p in prompt["positions"]}
        ]
        rows = [row for group in found for row in group]
        n_asked = len(prompts) * len(args.positions)
        check_sum("read_lens", n_asked, len(rows) // model.n_points, len(rejected))
        write_table(args.out, "lens", rows, manifest)
        write_table(args.out_rejected, "rejected", rejected, manifest)
        log.info("%d positions at %d points", len(rows) // model.n_points, model.n_points)


if __name__ == "__main__":
    main()
