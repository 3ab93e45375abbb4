"""Steps run in the tests' own process, on a study of random weights and random prompts."""

import random
import sys
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from fimscope.experiments.tables import PREDICTIONS
from fimscope.experiments.whole_types.tables import COMPLETIONS
from fimscope.files.digests import file_sha256
from fimscope.files.tables import write_table
from fimscope.models.sources import parse_sources
from fimscope.parts.store import PartStore
from fimscope.prompts.tables import PROMPTS
from models import VOCAB, random_network
from prepare_model import prepare_model

# How the tests run a model, on a step's command line.
RUN = ("--dtype", "float32", "--device", "cpu", "--attention", "sdpa")


def make_random_study(folder: Path, family: str = "gpt_bigcode") -> Path:
    """Make a prepared model of random weights, prompts for it and completions; gives the folder."""
    random_network(family).save_pretrained(folder / "origin")
    words = Tokenizer(WordLevel({str(i): i for i in range(VOCAB)}, unk_token="0"))
    words.save(str(folder / "origin/tokenizer.json"))
    sources = parse_sources('[{"folder": "origin"}]', folder)
    prepare_model(sources, folder / "model", False, {}, "float32", "sdpa")
    generator = random.Random(0)
    rows = [
        {
            **dict.fromkeys(PROMPTS.schema.names),
            **{"example_id": f"e{i}", "edit": "original", "program_id": f"p{i}"},
            **{"gold": "number", "kind": "parameter", "n_prompt_truncated": 0},
            "token_ids": [generator.randrange(1, VOCAB) for _ in range(1 + i)],
            "gold_token_ids": [generator.randrange(VOCAB)],
            "positions": [{"name": "last", "index": i}]
            + [{"name": "use", "index": i // 2}] * (i % 2),
            "regions": [
                {"kind": "use", "start": 0, "end": 1},
                {"kind": "rest", "start": 1, "end": 1 + i},
            ],
        }
        for i in range(40)
    ]
    write_table(folder / "prompts.parquet", PROMPTS, rows, {})
    same = ("example_id", "edit", "program_id", "gold", "kind", "token_ids")
    completed = [{**{key: row[key] for key in same}, "n_gold_tokens": 1} for row in rows]
    write_table(folder / "completions.parquet", COMPLETIONS, completed, {})
    answers = [
        {
            **dict.fromkeys(PREDICTIONS.schema.names),
            **{"example_id": row["example_id"], "correct": True},
            **{"predicted_token_id": 1, "gold_token_id": 1},
        }
        for row in rows
    ]
    write_table(folder / "predictions.parquet", PREDICTIONS, answers, {})
    write_table(folder / "fewer.parquet", PROMPTS, rows[1:], {})
    return folder


def run(step, monkeypatch, *words) -> int:
    """Run a step's main in this process; gives the number of parts that it had to make."""
    stores: list[PartStore] = []
    log_counts = PartStore.log_counts
    with monkeypatch.context() as patch:
        patch.setattr(PartStore, "log_counts", lambda s: (stores.append(s), log_counts(s)))
        patch.setattr(sys, "argv", [f"{step.__name__}.py", *map(str, words)])
        step.main()
    [store] = stores
    return len(store.made)


def digests(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else path.iterdir()
    return {file.name: file_sha256(file) for file in files}
