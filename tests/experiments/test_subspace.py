"""Subspaces of the stream, on residuals and a network in which the type's dimensions are known."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config

from fimscope.errors import UserError
from fimscope.experiments.patch.measures import patch_table
from fimscope.experiments.subspace.bases import (
    Part,
    arrival_points,
    fit_space,
    ladder,
    list_parts,
)
from fimscope.experiments.subspace.learned import learned_numbers
from fimscope.experiments.subspace.learned_section import learned_findings
from fimscope.experiments.subspace.numbers import subspace_numbers
from fimscope.experiments.subspace.section import say_subspace, subspace_section
from fimscope.experiments.subspace.swept import in_order, part_columns, sweep_parts, write_part
from fimscope.experiments.subspace.tables import (
    SUBSPACE_DIRECTIONS,
    SUBSPACE_LEARNED,
    SUBSPACE_LEARNED_PATCHES,
    SUBSPACE_MEANS,
    SUBSPACE_PATCHES,
)
from fimscope.inference.batching import BatchRunner
from fimscope.inference.residuals import collect
from fimscope.interventions.sweep import sweep_last
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from fimscope.report.findings import finding_lines
from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.verdicts import Verdict
from learn_subspaces import check_ranks, draw_pairs, learn_bases, learned_row, within_groups
from models import random_model, random_prompts
from plot_subspace import plot_subspace
from sweep_subspace import PATCHED_PARTS, means_rows, patch_rows, written_rows
from tokenizers_for_tests import byte_tokenizer

WIDTH, K = 32, 3  # the stream, and the dimensions that hold the planted type
CODES = 4.0 * np.vstack([np.eye(K), -np.eye(K)])  # six types in three dimensions
N_TYPES = len(CODES)
TOKENS = range(N_TYPES, 100)  # of inputs; the type of a token is its rest by N_TYPES


def planted_basis() -> np.ndarray:
    """[WIDTH, K], orthonormal, and orthogonal to the mean that a layer norm takes out."""
    rng = np.random.default_rng(5)
    columns = np.hstack([np.ones((WIDTH, 1)), rng.standard_normal((WIDTH, K))])
    return np.linalg.qr(columns)[0][:, 1:]


def planted_residuals(types: np.ndarray, seed: int = 0) -> np.ndarray:
    """The type in the planted dimensions, and noise in all others."""
    basis = planted_basis()
    noise = 0.3 * np.random.default_rng(seed).standard_normal((len(types), WIDTH))
    return CODES[types] @ basis.T + noise - noise @ basis @ basis.T


def space_of(types: np.ndarray, residuals: np.ndarray, **options):
    options = {"min_examples": 5, "most": 8, "n_random": 3, "seed": 0, **options}
    golds = [f"type {code}" for code in types]
    return fit_space(residuals, golds, range(len(golds)), **options)


def test_the_planted_dimensions_are_found_and_rare_types_have_no_mean():
    types = np.arange(402) % N_TYPES
    types[-2:] = 9
    residuals = planted_residuals(np.minimum(types, N_TYPES - 1))
    space = space_of(types, residuals)
    assert space.types == [f"type {code}" for code in range(N_TYPES)]
    assert space.n_directions == N_TYPES - 1
    assert space.shares[:K].sum() > 0.99
    cosines = np.linalg.svd(planted_basis().T @ space.bases["types", None][:, :K])[1]
    assert cosines.min() > 0.99
    for basis in space.bases.values():
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    assert space_of(types[:1], residuals[:1]).n_directions == 0


def test_an_example_counts_once_for_its_type_in_however_many_variants():
    golds, examples = list("aaaabbbbcccc"), [*"123412341234"]
    examples[-4:] = [*"1122"]  # two examples, each as it is and renamed
    options = {"min_examples": 3, "most": 2, "n_random": 1, "seed": 0}
    residuals = np.random.default_rng(0).standard_normal((12, WIDTH))
    assert fit_space(residuals, golds, examples, **options).types == ["a", "b"]
    assert fit_space(residuals, golds, range(12), **options).types == ["a", "b", "c"]


def test_a_part_and_all_the_rest_make_the_donor():
    types = np.arange(80) % N_TYPES
    space = space_of(types, planted_residuals(types))
    recipient, donor = torch.randn(2, 7, WIDTH, generator=torch.Generator().manual_seed(0))
    whole = space.written(Part("whole", WIDTH), recipient, donor)
    assert torch.equal(whole, donor)
    for rank in (1, 4):
        inside = space.written(Part("types", rank), recipient, donor)
        outside = space.written(Part("complement", rank), recipient, donor)
        torch.testing.assert_close(inside + outside - recipient, donor)
        basis = torch.from_numpy(space.bases["types", None][:, :rank]).float()
        torch.testing.assert_close(inside @ basis, donor @ basis)
        torch.testing.assert_close(outside @ basis, recipient @ basis)


def test_parts_have_the_ranks_that_there_are():
    types = np.arange(80) % N_TYPES
    space = space_of(types, planted_residuals(types), n_random=2)
    ranks = ladder([1, 8, 400], space)
    assert ranks == [1, 5, 8, WIDTH]
    parts = list_parts(space, ranks, PATCHED_PARTS)
    assert parts[0] == Part("whole", WIDTH)
    found = {(part.kind, part.draw): [] for part in parts}
    for part in parts:
        found[part.kind, part.draw].append(part.rank)
    assert found["types", None] == found["complement", None] == [1, 5]
    assert found["variance", None] == found["random", 0] == found["random", 1] == [1, 5, 8]


def test_points_are_where_the_mean_effect_first_reaches_a_share():
    curves = ([0.0, 0.2, 0.5, 0.4, 1.0], [0.0, 0.4, 0.7, None, 1.0])
    rows = [
        {"point": point, "normalised_effect": effect}
        for curve in curves
        for point, effect in enumerate(curve)
    ]
    assert arrival_points(rows, [0.25, 0.3, 0.6, 0.9]) == [1, 2, 4]
    assert arrival_points(rows, [1.5]) == []
    assert arrival_points([], [0.5]) == []


@pytest.fixture(scope="module")
def planted_model():
    """Blocks that add nothing, and an unembedding that reads the planted dimensions alone."""
    config = GPT2Config(
        vocab_size=101,
        n_positions=16,
        n_embd=WIDTH,
        n_head=4,
        n_layer=2,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config)
    types = np.arange(101) % N_TYPES
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "c_proj" in name or "wpe" in name:
                weight.zero_()
        network.transformer.wte.weight.copy_(torch.from_numpy(planted_residuals(types, seed=3)))
        read = np.zeros((101, WIDTH))
        read[:N_TYPES] = CODES @ planted_basis().T
        network.lm_head.weight.copy_(torch.from_numpy(read))
    return wrap_network(network, FAMILIES["gpt2"])


def runner_of(model) -> BatchRunner:
    return BatchRunner(lambda: model, 64, UNKEPT)


@pytest.fixture(scope="module")
def planted_study(planted_model):
    """The tables of the planted network: fitted on half of its tokens, patched on the rest."""
    prompts = {(f"e{token:03d}", "original"): [4, token] for token in TOKENS}
    keys, points = list(prompts), [1]
    values = collect(planted_model, list(prompts.values()), [[-1]] * len(prompts), points)[:, :, 0]
    types = np.array([token % N_TYPES for token in TOKENS])
    fitted = types[:48], values[0, :48].numpy()
    spaces = [space_of(*fitted, n_random=5)]
    groups = {
        key[0]: ("fit", "select", "test")[(n >= 48) + (n >= 64)] for n, key in enumerate(keys)
    }
    # Every type meets every other.
    donor_of = {n: n + 1 + n // N_TYPES % (N_TYPES - 1) for n in range(48, len(keys) - N_TYPES)}
    pairs = [
        {
            "condition": "restore",
            "pair_id": f"restore-{keys[n][0]}",
            "recipient_example_id": keys[n][0],
            "recipient_edit": "original",
            "recipient_program_id": f"p{n}",
            "donor_kind": "paired",
            "donor_example_id": keys[donor][0],
            "donor_edit": "original",
            "target_token_id": int(types[donor]),
            "foil_token_id": int(types[n]),
            "gold_token_id": int(types[donor]),
            "donor_token_id": int(types[donor]),
            "group": groups[keys[n][0]],
        }
        for n, donor in donor_of.items()
    ]
    ranks = ladder([1, 2, 3, 8], spaces[0])
    rows = patch_rows(pairs, spaces[0], ranks)
    place = {key: n for n, key in enumerate(keys)}

    def donated(row):
        n = place[row["recipient_example_id"], "original"]
        return write_part(spaces, row, values[:, n], values[:, donor_of[n]])

    runner, encoder = runner_of(planted_model), Encoder(byte_tokenizer(["a b"]))
    swept = in_order(sweep_parts(runner, "patches", prompts, rows, points, donated), rows)
    diffs = {
        patched.pair["pair_id"]: patched.logits["target"][0] - patched.logits["foil"][0]
        for patched in swept
        if patched.pair["part"].kind == "whole"  # its blocks add nothing: the donor's own answer
    }
    columns = part_columns(swept, points)
    columns["group"] = [patched.pair["group"] for patched in swept]
    patches = patch_table(swept, columns, diffs, 0.1, encoder)
    predictions = [
        {
            "example_id": key[0],
            "edit": "original",
            "program_id": f"p{n}",
            # A third are wrong: their gold is the next type's.
            "gold": f"type {(types[n] + (n % 3 == 0)) % N_TYPES}",
            "gold_token_id": int((types[n] + (n % 3 == 0)) % N_TYPES),
            "predicted_token_id": int(types[n]),
            "correct": n % 3 != 0,
        }
        for n, key in enumerate(keys)
    ]
    written = written_rows(predictions, groups, spaces[0], ranks, 100, 0)

    def of_mean(row):
        own = values[:, place[row["recipient_example_id"], "original"]]
        mean = spaces[0].means[spaces[0].types.index(row["gold"])]
        return write_part(spaces, row, own, torch.from_numpy(mean)[None])

    means = in_order(sweep_parts(runner, "means", prompts, written, points, of_mean), written)
    directions = [
        {"point": 1, "direction": i, "share": share, "types": spaces[0].types}
        for i, share in enumerate(spaces[0].shares)
    ]
    return (
        pa.Table.from_pylist(directions, SUBSPACE_DIRECTIONS.schema),
        patches.select(SUBSPACE_PATCHES.schema.names).cast(SUBSPACE_PATCHES.schema),
        pa.Table.from_pylist(list(means_rows(means, points, encoder)), SUBSPACE_MEANS.schema),
    )


@pytest.mark.model
def test_a_type_planted_in_k_dimensions_is_found_there_and_nowhere_else(planted_study):
    numbers = subspace_numbers(*planted_study, Bootstrap(200), 0.1, 0.03)
    [row] = numbers["patches"]
    effects = {
        part: dict(zip(curve["ranks"], curve["estimate"], strict=True))
        for part, curve in row["curves"].items()
    }
    assert row["whole"]["estimate"] == pytest.approx(1)
    assert effects["types"][K] == pytest.approx(1, abs=0.05)
    assert effects["types"][1] < 0.5 < effects["types"][2] < 0.9
    assert effects["complement"][K] == pytest.approx(0, abs=0.05)
    assert effects["random"][K] < 0.25
    assert numbers["chosen"]["1"] == row["half"]["types"]["estimate"] == 2
    assert row["half"]["types"]["upper"] <= K < row["half"]["random"]["lower"]
    assert row["beside"]["random"]["verdict"] == "shown"
    means = numbers["means"]
    assert means["rank"] == K and means["point"] == 1
    assert means["rows"]["types"]["mended"]["estimate"] == 1
    assert means["rows"]["types"]["spoilt"]["estimate"] == 0
    assert means["rows"]["random"]["mended"]["estimate"] < 0.2
    # All that varies in this network is the type: its principal axes are written into as well.
    assert means["rows"]["variance"]["mended"]["estimate"] == 1
    assert means["tests"]["random"]["verdict"] == "shown"
    assert means["tests"]["variance"]["verdict"] != "shown"
    section = subspace_section(numbers)
    assert section.findings[-1].claim.startswith("the gold's mean, written there, raises accuracy")
    assert section.findings[-1].verdict is means["tests"]["variance"]["verdict"]
    text = "\n".join([*finding_lines(section.findings), *section.reading, section.power])
    assert "The means of 6 types span 5 of 32 dimensions" in text
    assert "mends 100.0%" in text
    assert "against random 1 shown to do more" in text
    assert sum(len(axes.get_lines()) for axes in plot_subspace(numbers).axes) > 4


@pytest.mark.model
def test_a_subspace_of_full_rank_is_the_whole_patch_and_of_the_recipient_nothing():
    model, prompts = random_model("llama"), random_prompts((6,) * 8)
    values = collect(model, prompts, [[-1]] * 8)[:, :, 0]
    points, width = [1, 2], model.d_model
    spaces = [
        fit_space(
            values[p].numpy(),
            *(list("aabbccdd"), range(8)),
            **{"min_examples": 1, "most": width, "n_random": 1, "seed": 0},
        )
        for p in points
    ]
    keys = {(str(n), "original"): prompt for n, prompt in enumerate(prompts)}
    tokens = {"gold_token_id": 5, "foil_token_id": 7, "target_token_id": 5}
    parts = [Part("whole", width), Part("random", width, 0)]
    rows = [
        {"recipient_example_id": str(n), "recipient_edit": "original", "part": part, **tokens}
        for n in range(8)
        for part in parts
    ]

    def from_next(row):
        n = int(row["recipient_example_id"])
        return write_part(spaces, row, values[points, n], values[points, (n + 1) % 8])

    swept = in_order(sweep_parts(runner_of(model), "patches", keys, rows, points, from_next), rows)
    wanted = torch.tensor([[5, 7]] * 8)
    donors = values[:, [(n + 1) % 8 for n in range(8)], None]
    plain = sweep_last(model, prompts, donors, wanted).patched.logits[points, :, 0]
    for patched in swept:
        n = int(patched.pair["recipient_example_id"])
        np.testing.assert_allclose(patched.logits["gold"], plain[:, n, 0], atol=1e-4)
        np.testing.assert_allclose(patched.logits["foil"], plain[:, n, 1], atol=1e-4)


def test_without_a_patch_section_and_figure_say_so():
    kinds = (SUBSPACE_DIRECTIONS, SUBSPACE_PATCHES, SUBSPACE_MEANS)
    empty = [kind.schema.empty_table() for kind in kinds]
    numbers = subspace_numbers(*empty, Bootstrap(10), 0.1, 0.03)
    [sentence] = say_subspace(numbers)
    assert sentence.startswith("No subspace was patched")
    assert subspace_section(numbers).tables == []
    plot_subspace(numbers)


def effect_rows(condition: str, group: str, effects: dict, n: int = 12) -> list[dict]:
    """Rows of the patches table at point 3: each of n programs has the same effects.

    effects   (part, rank) -> effect
    """
    return [
        {
            "condition": condition,
            "pair_id": f"{condition}-{group}{i:02d}",
            "example_id": f"{group}{i:02d}",
            "program_id": f"p{i}",
            "donor_kind": part,
            "group": group,
            "point": 3,
            "rank": rank,
            "draw": 0 if part == "random" else None,
            "normalised_effect": effect,
        }
        for i in range(n)
        for (part, rank), effect in effects.items()
    ]


def test_numbers_by_hand():
    """The rank is that of `select`, whatever `test` would choose; both conditions are compared."""
    whole, none = ("whole", 32), dict.fromkeys([("random", 1), ("random", 2)], 0.0)
    rest = {("variance", 1): 0.1, ("variance", 2): 0.5, ("complement", 1): 0.6}
    fixed = {**none, **rest, ("complement", 2): 0.4}
    on_select = {**fixed, whole: 0.8, ("types", 1): 0.3, ("types", 2): 0.5}
    right = {**fixed, whole: 0.8, ("types", 1): 0.4, ("types", 2): 0.6}
    wrong = {**fixed, whole: 0.5, ("types", 1): 0.1, ("types", 2): 0.25}
    rows = effect_rows("restore", "select", on_select) + effect_rows("restore", "test", right)
    rows += effect_rows("break", "test", wrong)
    directions = [{"point": 3, "direction": i, "share": 0.5, "types": list("abc")} for i in (0, 1)]
    numbers = subspace_numbers(
        pa.Table.from_pylist(directions, SUBSPACE_DIRECTIONS.schema),
        pa.Table.from_pylist(rows, SUBSPACE_PATCHES.schema),
        SUBSPACE_MEANS.schema.empty_table(),
        Bootstrap(50),
        0.1,
        0.03,
    )
    assert numbers["chosen"] == {"3": 2}
    restore, broken = numbers["patches"]
    assert (restore["half"]["types"]["estimate"], broken["half"]["types"]["estimate"]) == (1, 2)
    assert restore["half"]["random"]["estimate"] == 32
    assert restore["share"]["estimate"] == pytest.approx(0.75)
    assert restore["beside"]["complement"]["estimate"] == pytest.approx(0.2)
    # Twelve programs, all one way; the family has 2 conditions and 3 rivals.
    assert restore["beside"]["random"]["adjusted_p"] == pytest.approx(6 * 2 / 2**12, rel=1e-3)
    assert broken["beside"]["random"]["verdict"] == "shown"
    [differs] = numbers["wrong_type"]
    assert differs["estimate"] == pytest.approx(0.25 / 0.5 - 0.6 / 0.8)
    text = " ".join(say_subspace(numbers))
    assert "minus for the right one (`restore`) -25.0 points" in text
    assert "written nowhere" in text
    [line] = finding_lines(subspace_section(numbers).findings)
    assert line.startswith("- *shown*: 2 of 32 dimensions, between the types, bring more of it")
    assert "; the other 30 bring 0.40 (0.40 to 0.40), that this is less is shown;" in line
    # Where the rest carries more, that it carries less is absent.
    restore["beside"]["complement"] |= {"estimate": -0.2, "verdict": Verdict.SHOWN}
    [line] = finding_lines(subspace_section(numbers).findings)
    assert "that this is more is shown;" in line


GROUPS = ("select", "test")


@pytest.mark.parametrize(
    ("mended", "verdict"),
    [
        ({"types": True, "variance": False, "random": False}, Verdict.SHOWN),
        ({"types": True, "variance": True, "random": False}, Verdict.UNDECIDED),
        ({"types": True, "variance": False, "random": True}, Verdict.UNDECIDED),
        ({"types": False, "variance": False, "random": False}, Verdict.UNDECIDED),
    ],
)
def test_that_the_golds_mean_mends_there_needs_both_controls(mended, verdict):
    """Of twenty wrong answers of as many programs a subspace mends all, or none."""
    means = [
        {
            **{"example_id": f"{group}{i:02d}", "program_id": f"p{i}", "group": group},
            **{"outcome": "wrong", "part": part, "point": 3, "rank": 1, "to_gold": to_gold},
        }
        for group in GROUPS
        for i in range(20)
        for part, to_gold in {**mended, "whole": True}.items()
        if group == "test" or part in ("types", "whole")
    ]
    effects = {(part, 1): 0.5 for part in ("types", "variance", "random", "complement")}
    rows = [effect_rows("restore", group, {("whole", 8): 1.0, **effects}) for group in GROUPS]
    direction = {"point": 3, "direction": 0, "share": 1.0, "types": list("ab")}
    numbers = subspace_numbers(
        pa.Table.from_pylist([direction], SUBSPACE_DIRECTIONS.schema),
        pa.Table.from_pylist(list(chain(*rows)), SUBSPACE_PATCHES.schema),
        pa.Table.from_pylist(means, SUBSPACE_MEANS.schema),
        *(Bootstrap(10), 0.1, 0.03),
    )
    assert subspace_section(numbers).findings[-1].verdict is verdict


def learned_tables(effects: dict) -> tuple:
    """What was learned at point 3, and its patches: each of n programs has the same effects.

    effects   (condition, group, rank) -> effect
    """
    subspaces = [
        {
            **{"point": 3, "rank": rank, "n_fit": 9, "n_select": 12, "step": 10 * rank},
            **{"first_loss": 3.0, "loss": 1.0, "types_share": 0.25, "chance_share": 0.125},
        }
        for rank in (1, 2)
    ]
    rows = [
        row
        for (condition, group, rank), effect in effects.items()
        for row in effect_rows(condition, group, {("learned", rank): effect})
    ]
    return (
        pa.Table.from_pylist(subspaces, SUBSPACE_LEARNED.schema),
        pa.Table.from_pylist(rows, SUBSPACE_LEARNED_PATCHES.schema),
    )


def test_learned_subspaces_stand_beside_as_many_directions_by_hand():
    others = {("whole", 32): 0.8, ("random", 1): 0.0, ("random", 2): 0.0}
    others |= {("types", 1): 0.1, ("types", 2): 0.3}
    rows = effect_rows("restore", "select", others) + effect_rows("restore", "test", others)
    patches = pa.Table.from_pylist(rows, SUBSPACE_PATCHES.schema)
    effects = {("restore", "select", 1): 0.39, ("restore", "select", 2): 0.4}
    effects |= {("restore", "test", 1): 0.6, ("restore", "test", 2): 0.3}
    learned = learned_numbers(*learned_tables(effects), patches, 0.1)
    other = [row | {"pair_id": f"{row['pair_id']}, across", "normalised_effect": 9} for row in rows]
    more = pa.Table.from_pylist(rows + other, SUBSPACE_PATCHES.schema)
    assert learned_numbers(*learned_tables(effects), more, 0.1) == learned
    assert learned["rank"] == 2  # by `select`, whatever `test` would choose
    first, second = learned["rows"]
    assert first["beside"]["types"]["estimate"] == pytest.approx(0.5)
    assert first["share"] == pytest.approx(0.75)
    # Twelve programs, all one way; the family has 2 ranks and 2 rivals, one of which is alike.
    assert first["beside"]["types"]["adjusted_p"] == pytest.approx(4 * 2 / 2**12, rel=1e-3)
    assert second["beside"]["types"]["verdict"] == "shown absent"
    assert second["beside"]["random"]["verdict"] == "shown"
    numbers = subspace_numbers(
        SUBSPACE_DIRECTIONS.schema.empty_table(),
        *(patches, SUBSPACE_MEANS.schema.empty_table(), Bootstrap(10), 0.1, 0.03),
    )
    section = subspace_section(numbers, learned)
    [line] = finding_lines(section.findings)
    assert line.startswith("- *shown absent*: 2 learned dimensions carry more of it than as many")
    [of_one] = learned_findings(learned | {"rank": 1})
    assert of_one.claim.startswith("1 learned dimension carries more of it")
    assert "25.0% of it lies between the types, of random directions 12.5%" in section.reading[-1]
    assert len(section.tables[-1].rows) == 2
    nothing = SUBSPACE_LEARNED.schema.empty_table(), SUBSPACE_LEARNED_PATCHES.schema.empty_table()
    assert learned_numbers(*nothing, patches, 0.1) is None


@pytest.mark.model
def test_a_planted_type_is_learned_in_as_many_dimensions(planted_model):
    """As the step does: learned with pairs of `fit`, the step chosen on `select`."""
    prompts = {(f"e{token:03d}", "original"): [4, token] for token in TOKENS}
    keys = list(prompts)
    values = collect(planted_model, list(prompts.values()), [[-1]] * len(prompts), [1])[:, :, 0]

    class Residuals:
        def of(self, asked):
            return values[:, [keys.index(key) for key in asked]]

    def pair(n):
        donor = (n + 1 + n // N_TYPES % (N_TYPES - 1)) % len(keys)
        return {
            **{"pair_id": str(n), "group": ("fit", "fit", "select")[n % 3]},
            **dict(zip(("recipient_example_id", "recipient_edit"), keys[n], strict=True)),
            **dict(zip(("donor_example_id", "donor_edit"), keys[donor], strict=True)),
            "target_token_id": TOKENS[donor] % N_TYPES,
        }

    pairs = [pair(n) for n in range(len(keys))]
    fit, select = draw_pairs(pairs, 60, 0), [own for own in pairs if own["group"] == "select"]
    assert len(fit) == 60 and {own["group"] for own in fit} == {"fit"}
    runner = runner_of(planted_model)
    [learned] = learn_bases(runner, prompts, Residuals(), fit, select, 1, [K], 100, 0).values()
    cosines = np.linalg.svd(planted_basis().T @ learned["basis"].numpy())[1]
    # The answers are sure of themselves before it is whole, and nothing is left to learn from.
    assert cosines.min() > 0.8
    types = np.array([token % N_TYPES for token in TOKENS])
    row = learned_row(K, learned, space_of(types, values[0].numpy()), 1, (60, len(select)))
    assert row["types_share"] > 0.8 and row["loss"] < row["first_loss"] / 2
    assert row["chance_share"] == (N_TYPES - 1) / WIDTH


def test_nothing_is_learned_of_a_donor_of_another_group():
    groups = {"a": "fit", "b": "fit", "c": "select", "d": "test"}
    pairs = [
        {"recipient_example_id": one, "donor_example_id": other, "group": groups[one]}
        for one in groups
        for other in groups
    ]
    kept = {
        (p["recipient_example_id"], p["donor_example_id"]) for p in within_groups(pairs, groups)
    }
    assert kept == {("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"), ("c", "c"), ("d", "d")}


def test_more_directions_than_the_model_has_are_refused():
    check_ranks([1, 96], 96)
    check_ranks([], 96)
    with pytest.raises(UserError, match=r"subspace\.learned_ranks: 97 found, .* has 96 dim"):
        check_ranks([1, 97], 96)
