"""The tables of this experiment."""

import pyarrow as pa

from fimscope.experiments.whole_types.verdicts import FORMS
from fimscope.experiments.whole_types.verdicts import VERDICTS as ALL
from fimscope.files.columns import VARIANT_KEY
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import Table

COMPLETED = Table(
    "completed",
    [
        ("token_ids", pa.list_(pa.int32())),
        ("ended", pa.bool_()),
    ],
)
COMPLETIONS = Table(
    "completions",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string()),
        ("n_gold_tokens", pa.int32()),
        ("gold_token_ids", pa.list_(pa.int32())),
        ("n_tokens", pa.int32(), "of the prompt"),
        ("token_ids", pa.list_(pa.int32()), "of the prompt"),
        ("shown_types", pa.list_(pa.string()), "behind a colon in the prompt, in its order"),
        ("completion", pa.string(), "up to the end of its type, and what shows that end"),
        ("n_new_tokens", pa.int32(), "of the completion"),
        ("ended", pa.bool_(), "its type ends within answers.max_new_tokens"),
        ("completed_type", pa.string(), "the first type that it spells, if any"),
        (
            "type_token_ids",
            pa.list_(pa.int32()),
            "its tokens that spell this type; null where one of them spells more",
        ),
    ],
    place="{study}/completions/{edit}.parquet",
    row="a variant",
)
VERDICTS = Table(
    "verdicts",
    [
        *VARIANT_KEY,
        ("program_id", pa.string()),
        ("kind", pa.string()),
        ("gold", pa.string()),
        ("n_gold_tokens", pa.int32()),
        ("form", pa.string(), f"of the gold: {' | '.join(FORMS)}"),
        ("completed_type", pa.string()),
        ("ended", pa.bool_(), "a completion whose type never ends fails"),
        ("verdict", pa.string(), " | ".join(ALL)),
        ("is_any", pa.bool_(), "it checks because to the compiler it is `any`"),
        ("detail", pa.string(), "of one that fails: the program's new error, or why it is no type"),
        ("right", pa.bool_(), "by the verdicts that answers.right counts"),
    ],
    place="{study}/verdicts/{edit}.parquet",
    row="a variant",
)
# A row of one of the two tables, the other null: a part of judge_answers.
JUDGED_PARTS = Table(
    "judged_parts", [(kind.name, pa.struct(list(kind.schema))) for kind in (VERDICTS, REJECTED)]
)
