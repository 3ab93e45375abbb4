"""Holes with longer golds: which are listed, how they are counted, what their pages are given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from explorer_study import EDITS, HOSTILE_PROGRAM, MOST_TOKENS, MadeStudy, Size
from fimscope.errors import UserError
from fimscope.experiments.registry import all_tables
from fimscope.explorer import whole
from fimscope.explorer.study import (
    NEEDED,
    OPTIONAL,
    Study,
    describe_example,
    list_variants,
    say_chosen,
)
from fimscope.files.tables import write_table
from fimscope.prompts.encoder import Encoder
from split_examples import split_examples

N_ONE, N_LONGER = 8, 30
KEYS = ["example_id", "edit"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> MadeStudy:
    size = Size(n_points=3, n_tokens=12, n_longer=N_LONGER)
    study = MadeStudy(tmp_path_factory.mktemp("made"), [HOSTILE_PROGRAM], N_ONE, size)
    study.write()
    return study


def paths_of(made: MadeStudy) -> dict[str, list[Path]]:
    return {name: sorted((made.folder / name).glob("*")) for name in (*NEEDED, *OPTIONAL)}


def study_of(made: MadeStudy, paths: dict[str, list[Path]] | None = None, **options: Any) -> Study:
    examples, encoder = made.folder / "examples.parquet", Encoder(made.tokenizer)
    return Study(examples, paths or paths_of(made), encoder, **options)


def read(paths: Sequence[Path]) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, paths), ignore_index=True)


def listed(study: Study) -> pd.DataFrame:
    """The columns of the list, a row a variant."""
    index = list_variants(study, "m")
    columns, texts = index["variants"], index["texts"]
    named = ("edit", "outcome", "golds", "gold", "predicted")
    numbers = ("gold_rank", "gold_probability")
    return pd.DataFrame(
        {name: [texts[number] for number in columns[name]] for name in named}
        | {name: columns[name] for name in numbers}
        | {"example_id": [index["examples"]["id"][number] for number in columns["example"]]}
    )


def test_the_list_counts_as_the_tables_do(made):
    paths, found = paths_of(made), listed(study_of(made))
    split = read(paths["split"])
    told = split["outcome"].mask(split["broken"], "broken").mask(split["mended"], "mended")
    verdicts = read(paths["whole_types"])
    longer = verdicts[verdicts["n_gold_tokens"] > 1]
    right = longer.pivot(index="example_id", columns="edit", values="right")
    before, after = right["original"], right["rename_vars"]
    expected = {
        ("one token", edit): told[split["edit"] == edit].value_counts().to_dict() for edit in EDITS
    }
    expected["longer", "original"] = {"right": before.sum(), "wrong": (~before).sum()}
    expected["longer", "rename_vars"] = {
        "right": (before & after).sum(),
        "mended": (~before & after).sum(),
        "broken": (before & ~after).sum(),
        "wrong": (~before & ~after).sum(),
    }
    groups = found.groupby(["golds", "edit"])["outcome"]
    assert {key: own.value_counts().to_dict() for key, own in groups} == expected
    assert len(found) == 2 * (N_ONE + N_LONGER)


def test_a_longer_gold_has_its_whole_type_and_no_number_of_a_first_token(made):
    found = listed(study_of(made))
    longer = found[found["golds"] == "longer"]
    assert longer[["gold_rank", "gold_probability"]].isna().all(axis=None)
    verdicts = read(paths_of(made)["whole_types"]).set_index(KEYS)
    types = verdicts.loc[list(zip(longer["example_id"], longer["edit"], strict=True))]
    assert longer["predicted"].tolist() == types["completed_type"].tolist()
    assert found[found["golds"] == "one token"]["gold_rank"].notna().all()


def test_outcomes_by_verdict_are_those_of_the_split(made):
    verdicts = read(paths_of(made)["whole_types"]).to_dict("records")
    rows = [
        {**row, "predicted": row["completed_type"], "correct": row["right"]} for row in verdicts
    ]
    splits = split_examples(rows, [row for row in rows if row["edit"] == "original"])
    longer = [row for row in splits if row["gold"].endswith("[]")]
    assert {row["outcome"] for row in longer} == {"right", "wrong"}
    found = whole.longer_splits(verdicts, set())
    for row in longer:
        assert found[row["example_id"]][row["edit"]].items() <= row.items()
    assert sum(map(len, found.values())) == len(longer)


def test_a_page_of_a_longer_gold_is_made_of_what_was_completed(made):
    study = study_of(made)
    page = describe_example(study, N_ONE)
    assert page["source"]["text"] == HOSTILE_PROGRAM.replace(
        page["variants"][0]["answer"]["gold"][:-2], page["variants"][0]["answer"]["gold"], 1
    )
    completions = read(paths_of(made)["completions"]).set_index(KEYS)
    for variant in page["variants"]:
        completion = completions.loc[page["id"], variant["edit"]]
        pieces = variant["prompt"]["pieces"]
        assert "".join(pieces) == study.decode(tuple(completion["token_ids"]))
        assert variant["prompt"]["positions"] == {"last": len(pieces) - 1}
        assert variant["answer"]["completion"] == completion["completion"]
        assert not variant["is_predicted"] and variant["lens"] is None
    ended = [v["answer"]["cut_at"] for n in range(N_ONE, N_ONE + 5) for v in pages(study, n)]
    assert set(ended) == {None, MOST_TOKENS}


def pages(study: Study, number: int) -> list[dict[str, Any]]:
    return describe_example(study, number)["variants"]


def test_a_gold_that_an_edit_makes_longer_is_listed_beside_its_original(made, tmp_path):
    """As where types are renamed: the predictions ask the original alone."""
    paths = paths_of(made)
    for name in ("predictions", "split", "prompts"):
        paths[name] = [path for path in paths[name] if path.stem == "original"]
    verdicts = read(paths["whole_types"])
    renamed = (verdicts["edit"] == "rename_vars") & (verdicts["n_gold_tokens"] == 1)
    verdicts.loc[renamed, "n_gold_tokens"] = 2
    path = tmp_path / "verdicts.parquet"
    write_table(path, all_tables()["verdicts"], verdicts.to_dict("records"), {})
    study = study_of(made, {**paths, "whole_types": [path]})
    first = listed(study).query("example_id == '0000000000000000'")
    # Its original is right by the verdict, and wrong by the first token.
    assert first["outcome"].tolist() == ["wrong", "right"]
    assert first["golds"].tolist() == ["one token", "longer"]
    assert [v["is_predicted"] for v in pages(study, 0)] == [True, False]
    fourth = listed(study).query("example_id == '0000000000000003'")
    assert fourth["outcome"].tolist() == ["right", "broken"]  # right by its verdict too


def test_a_pair_has_its_types_and_where_the_target_is_completed(made):
    [pair] = pages(study_of(made), N_ONE)[1]["lent"]
    assert (pair["target"], pair["foil"]) == ("Map<string, Date>", "void")
    curves = {curve["kind"]: curve for curve in pair["curves"]}
    assert curves["paired"]["effects"] == [0.0, 0.0, 0.5]
    assert curves["paired"]["turned"] == [False, False, True]
    assert set(curves["self"]["effects"]) == {0.0} and not any(curves["self"]["turned"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("completions", f"completions: no row of example {N_ONE:016x}, edit original"),
        ("whole_pairs", "whole_pairs: no row of pair whole-0"),
    ],
)
def test_a_table_that_is_wanting_is_named(made, name, said):
    with pytest.raises(UserError, match=said):
        study = study_of(made, {**paths_of(made), name: []})
        pages(study, N_ONE)


def test_what_is_listed_is_said(made):
    study = study_of(made)
    said = list_variants(study, "m")["scope"]
    assert "longer ones that whole_types drew (answers.max_examples)" in said
    assert "right by the compiler's verdict on the whole type" in said
    none = study_of(made, {**paths_of(made), "whole_types": []})
    assert len(none.examples) == N_ONE
    assert list_variants(none, "m")["scope"].endswith("Longer ones come with whole_types.")


def test_a_study_of_all_golds_lists_each_by_its_length(made, tmp_path):
    prompts = read(paths_of(made)["prompts"]).to_dict("records")
    for row in prompts:
        row["gold_token_ids"] = [5] * (1 + int(row["example_id"], 16) % 2)
    path = tmp_path / "prompts.parquet"
    write_table(path, all_tables()["prompts"], prompts, {"settings": {"golds": "all"}})
    study = study_of(made, {**paths_of(made), "prompts": [path], "whole_types": []})
    found = listed(study)
    odd = found["example_id"].map(lambda name: int(name, 16) % 2)
    assert found["golds"].tolist() == ["longer" if own else "one token" for own in odd]
    assert list_variants(study, "m")["scope"].startswith(
        "Listed are holes with golds of any length"
    )
    write_table(path, all_tables()["prompts"], prompts, {})  # of a user's own making
    study = study_of(made, {**paths_of(made), "prompts": [path], "whole_types": []})
    assert list_variants(study, "m")["scope"] == ""


def test_some_of_the_examples_are_counted_by_their_golds(made):
    names = [row["example_id"] for row in (*made.examples[:3], *made.longer[:2])]
    some = study_of(made, chosen=names)
    assert say_chosen(some).startswith(
        "The explorer shows 3 of the 8 examples that the model was asked, and 2 of the 30 with "
        "longer golds, drawn so"
    )
    assert say_chosen(study_of(made)) == ""
