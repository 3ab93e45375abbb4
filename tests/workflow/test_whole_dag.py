"""From raw source to the report, on real programs, a real compiler and a model of 24 blocks."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope.experiments.attention.shares import REGION_KINDS
from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.registry import all_tables
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.tables import read_manifest, read_table
from fimscope.prompts.encoder import Encoder
from fimscope.report.sections import read_section
from projects import FILES, HOSTILE, snakemake

JOIN = "rename_vars@0.5+rename_types+delete_annotations"  # the config has it in another order
EDITS = ["original", "rename_vars", JOIN]
CONDITIONS = ["restore", "break", "same_type", "other_type", "wrong_to_wrong"]
LOOKS = ("lens", "attention", "samples", "subspace")
SOURCE = Path("results/tiny/source")
MODEL = Path("results/tiny")


@pytest.fixture(scope="module")
def tables(small_study):
    def read(path: Path | str, name: str) -> list[dict]:
        return read_table(small_study / path, all_tables()[name]).to_pylist()

    return read


def hashes(project: Path) -> dict[str, str]:
    """Of every table and activation file, by path; not of the parts: a run may need few of them."""
    files = [
        path
        for suffix in ("parquet", "safetensors")
        for path in project.glob(f"results/**/*.{suffix}")
        if "results/cache" not in path.as_posix()
    ]
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_every_input_is_a_program_or_a_rejected_row(tables):
    programs = tables(SOURCE / "programs.parquet", "programs")
    rejected = tables(SOURCE / "rejected" / "collect_programs.parquet", "rejected")
    n_files = sum(map(len, FILES.values())) + len(HOSTILE)
    assert len(programs) + len(rejected) == n_files
    reasons = {row["path"]: row["reason"] for row in rejected}
    assert reasons["empty.ts"] == "empty"
    assert reasons["binary.ts"] == "binary"
    assert reasons["latin.ts"] == "not_utf8"
    assert reasons["types.d.ts"] == "declaration_file"
    later = tables(SOURCE / "rejected" / "make_examples.parquet", "rejected")
    assert {row["path"]: row["reason"] for row in later}["broken.ts"] == "syntax_error"


def test_no_row_is_dropped_in_silence(tables):
    examples = tables(SOURCE / "examples.parquet", "examples")
    for edit in EDITS:
        edited = tables(SOURCE / f"edited/{edit}.parquet", "variants")
        variants = tables(SOURCE / f"variants/{edit}.parquet", "variants")
        prompts = tables(MODEL / f"prompts/{edit}.parquet", "prompts")
        left_out = {
            step: len(tables(folder / f"rejected/{step}/{edit}.parquet", "rejected"))
            for folder, step in [
                (SOURCE, "edit_examples"),
                (SOURCE, "check_types"),
                (MODEL, "build_prompts"),
            ]
        }
        assert len(examples) == len(edited) + left_out["edit_examples"]
        assert len(edited) == len(variants) + left_out["check_types"]
        assert len(variants) == len(prompts) + left_out["build_prompts"]
        assert len(prompts) == len(tables(MODEL / f"predictions/{edit}.parquet", "predictions"))
        assert len(prompts) == len(tables(MODEL / f"split/{edit}.parquet", "split"))


def test_groups_share_no_package(tables):
    groups: dict[str, set] = {}
    for row in tables(SOURCE / "examples.parquet", "examples"):
        groups.setdefault(row["group"], set()).add(row["package"])
    assert sorted(groups) == ["fit", "select", "test"]
    assert sum(map(len, groups.values())) == len(set().union(*groups.values()))


def test_a_variant_is_the_same_program_but_for_its_names(tables):
    originals = {
        r["example_id"]: r for r in tables(SOURCE / "variants/original.parquet", "variants")
    }
    for edit in EDITS[1:]:
        assert len(tables(SOURCE / f"variants/{edit}.parquet", "variants")) > 20
    for row in tables(SOURCE / "variants/rename_vars.parquet", "variants"):
        original = originals[row["example_id"]]
        assert row["gold"] == original["gold"]
        assert row["renames"]
        assert all(row["checks"].values())
        assert row["prefix"].count("\n") == original["prefix"].count("\n")


def test_there_are_25_points_and_the_last_one_is_the_models_own_answer(small_study, tables):
    """Point 24 through the final norm and the unembedding is what predict_types saw."""
    cache = ActivationCache(small_study / MODEL / "activations/original")
    assert cache.n_points == 25
    assert sorted(p.name for p in cache.folder.glob("*.safetensors")) == [
        f"point_{k:02d}.safetensors" for k in range(25)
    ]
    model = AutoModelForCausalLM.from_pretrained(small_study / MODEL / "model")
    with torch.inference_mode():
        logits = model.lm_head(model.transformer.ln_f(cache.read(24, "last")))
    for row in tables(MODEL / "predictions/original.parquet", "predictions"):
        own = logits[cache.rows[row["example_id"], "original"]]
        assert int(own.argmax()) == row["predicted_token_id"]
        expected = own.log_softmax(-1)[row["gold_token_id"]]
        assert row["gold_logprob"] == pytest.approx(float(expected), abs=1e-4)


def test_the_activations_are_those_of_a_plain_forward(small_study, tables):
    model = AutoModelForCausalLM.from_pretrained(small_study / MODEL / "model")
    cache = ActivationCache(small_study / MODEL / "activations/rename_vars")
    for row in tables(MODEL / "prompts/rename_vars.parquet", "prompts")[:5]:
        with torch.inference_mode():
            hidden = model(
                torch.tensor([row["token_ids"]]), output_hidden_states=True
            ).hidden_states
        for position in row["positions"]:
            for point in (0, 7, 23):
                found = cache.read(point, position["name"])[
                    cache.rows[row["example_id"], "rename_vars"]
                ]
                expected = hidden[point][0, position["index"]]
                torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_positions_stand_on_their_tokens(small_study, tables):
    encoder = Encoder.from_folder(small_study / MODEL / "model")
    n_named = n_used = 0
    names = {r["example_id"]: r["name"] for r in tables(SOURCE / "examples.parquet", "examples")}
    for row in tables(MODEL / "prompts/original.parquet", "prompts"):
        at = {position["name"]: position["index"] for position in row["positions"]}
        for name in ("fim_prefix", "fim_suffix", "fim_middle"):
            assert row["token_ids"][at[name]] == encoder.token_id(f"<{name}>")
        if "hole_name" in at:  # the name of a return type may stand above the window
            text = encoder.decode(row["token_ids"][1 : at["hole_name"] + 1])
            assert text.rstrip(":?( ").endswith(names[row["example_id"]])
            n_named += 1
        for name in {"declaration", "use"} & set(at):
            [region] = [r for r in row["regions"] if r["end"] == at[name] + 1]
            text = encoder.decode(row["token_ids"][region["start"] : region["end"]])
            assert region["kind"] == name
            assert names[row["example_id"]] in text
            n_used += name == "use"
        ends = [0, *(region["end"] for region in row["regions"])]
        assert [region["start"] for region in row["regions"]] == ends[:-1]
        assert ends[-1] == len(row["token_ids"])
    assert n_named > 20
    assert n_used > 5


@pytest.fixture(scope="module")
def looked_inside(small_study, warm):
    """What is made only where it is asked for."""
    snakemake(small_study, "--configfile", "small.yaml", "--", *LOOKS, variables=warm)


def test_sections_hold_their_figures(looked_inside, small_study):
    for name in LOOKS:
        section = read_section(small_study / MODEL / f"sections/{name}.json")
        assert all(section.reading)
        for figure, _ in section.figures:
            assert (small_study / MODEL / "figures" / figure).stat().st_size > 2000
        for source in section.sources:
            assert (small_study / MODEL / source).is_file()


def test_the_lens_follows_the_wrong_answer_in_both_of_a_broken_pair(looked_inside, tables):
    answers = {
        row["example_id"]: row
        for row in tables(MODEL / "predictions/rename_vars.parquet", "predictions")
    }
    broken = {
        row["example_id"]
        for row in tables(MODEL / "split/rename_vars.parquet", "split")
        if row["broken"]
    }
    n_followed = 0
    for edit in ("original", "rename_vars"):
        for row in tables(MODEL / f"lens/{edit}.parquet", "lens"):
            answer = answers.get(row["example_id"])
            if row["example_id"] not in broken or row["foil_token_id"] is None:
                continue
            assert row["foil_token_id"] == answer["predicted_token_id"]
            n_followed += 1
            if edit == "rename_vars" and row["position"] == "last" and row["point"] == 24:
                assert row["foil_rank"] == row["final_rank"] == 0
                best = answer["top10"][0]["logprob"]
                assert row["foil_logprob"] == pytest.approx(best, abs=1e-5)
    assert n_followed > 100


def test_the_lens_at_the_last_point_is_the_models_own_answer(looked_inside, tables):
    own = {
        r["example_id"]: r for r in tables(MODEL / "predictions/original.parquet", "predictions")
    }
    rows = tables(MODEL / "lens/original.parquet", "lens")
    assert {row["point"] for row in rows} == set(range(25))
    n_compared = 0
    for row in rows:
        if row["position"] == "last" and row["point"] == 24:
            answer = own[row["example_id"]]
            assert row["gold_logprob"] == pytest.approx(answer["gold_logprob"], abs=1e-5)
            assert row["gold_rank"] == answer["gold_rank"]
            assert row["top10"][0]["text"] == answer["top10"][0]["text"]
            assert row["divergence"] == pytest.approx(0, abs=1e-5)
            n_compared += 1
    assert n_compared == len(own)


def test_what_the_blocks_bring_adds_up_to_the_models_own_difference(looked_inside, tables):
    for edit in EDITS[:2]:
        together = Counter()
        for row in tables(MODEL / f"direct_logits/{edit}.parquet", "direct_logits"):
            together[row["example_id"]] += row["share"]
        own = {
            row["example_id"]: row["gold_logprob"] - row["foil_logprob"]
            for row in tables(MODEL / f"lens/{edit}.parquet", "lens")
            if (row["position"], row["point"]) == ("last", 24) and row["foil_token_id"] is not None
        }
        assert own and dict(together) == pytest.approx(own, abs=1e-4)


def test_what_heads_and_mlp_bring_adds_up_to_their_block(looked_inside, tables):
    for edit in EDITS[:2]:
        together = Counter()
        for row in tables(MODEL / f"direct_heads/{edit}.parquet", "direct_heads"):
            together[row["example_id"], row["block"]] += row["share"]
        own = {
            (row["example_id"], row["block"]): row["share"]
            for row in tables(MODEL / f"direct_logits/{edit}.parquet", "direct_logits")
            if row["part"] == "block"
        }
        assert own and dict(together) == pytest.approx(own, abs=1e-4)


def test_the_linear_lens_is_read_on_test_and_ends_at_the_models_own_answer(looked_inside, tables):
    examples = tables(SOURCE / "examples.parquet", "examples")
    tested = {row["example_id"] for row in examples if row["group"] == "test"}
    rows = [r for r in tables(MODEL / "linear_lens.parquet", "linear_lens") if r["map"] == "fitted"]
    own = {
        (row["example_id"], row["edit"]): row
        for edit in EDITS[:2]
        for row in tables(MODEL / f"lens/{edit}.parquet", "lens")
        if (row["position"], row["point"]) == ("last", 24) and row["example_id"] in tested
    }
    last = [row for row in rows if row["point"] == 24]
    assert len(rows) == 25 * len(last) == 25 * len(own) > 0
    for row in last:
        lens = own[row["example_id"], row["edit"]]
        assert row["top10"][0]["text"] == lens["top10"][0]["text"]
        assert row["gold_logprob"] == pytest.approx(lens["gold_logprob"], abs=1e-5)
        assert row["foil_token_id"] == lens["foil_token_id"]


def test_the_whole_stream_is_the_patch_of_the_sweep(looked_inside, tables):
    """Nothing of `fit` is patched, where the directions come from."""
    swept = {
        (row["pair_id"], row["point"]): row
        for condition in ("restore", "break", "same_type")
        for row in tables(MODEL / f"patches/{condition}.parquet", "patches")
        if row["donor_kind"] == "paired"
    }
    rows = tables(MODEL / "subspace/patches.parquet", "subspace_patches")
    assert {row["group"] for row in rows} == {"select", "test"}
    whole = [row for row in rows if row["donor_kind"] == "whole"]
    assert whole
    for row in whole:
        own = swept[row["pair_id"], row["point"]]
        assert row["logit_diff"] == pytest.approx(own["logit_diff"], abs=1e-3)
        assert row["predicted_token_id"] == own["predicted_token_id"]
        assert row["donor_logit_diff"] == own["donor_logit_diff"]


def test_attention_is_that_of_a_plain_forward(looked_inside, small_study, tables):
    model = AutoModelForCausalLM.from_pretrained(
        small_study / MODEL / "model", attn_implementation="eager"
    )
    prompts = tables(MODEL / "prompts/original.parquet", "prompts")
    rows = tables(MODEL / "attention/original.parquet", "attention_shares")
    assert len(rows) == len(prompts) * 24 * 4 * len(REGION_KINDS)
    with torch.inference_mode():
        patterns = model(torch.tensor([prompts[0]["token_ids"]]), output_attentions=True).attentions
    for row in rows[: 24 * 4 * len(REGION_KINDS)]:
        weights = patterns[row["block"]][0, row["head"], -1]
        expected = sum(
            float(weights[region["start"] : region["end"]].sum())
            for region in prompts[0]["regions"]
            if region["kind"] == row["region"]
        )
        assert row["share"] == pytest.approx(expected, abs=1e-5)


def test_the_heads_on_the_text_are_whole_prompts(looked_inside, tables):
    prompts = {
        (row["example_id"], row["edit"]): row
        for edit in EDITS[:2]
        for row in tables(MODEL / f"prompts/{edit}.parquet", "prompts")
    }
    rows = tables(MODEL / "attention_heads.parquet", "attention_heads")
    assert [row["edit"] for row in rows] == EDITS[:2] * 2
    for row in rows:
        n_tokens = len(prompts[row["example_id"], row["edit"]]["token_ids"])
        assert len(row["tokens"]) == len(row["weights"]) == n_tokens
        assert sum(row["weights"]) == pytest.approx(1, abs=1e-4)


def test_samples_are_counted(looked_inside, tables):
    rows = tables(MODEL / "samples/original.parquet", "samples")
    assert rows
    for row in rows:
        assert row["n"] == 20
        assert row["pass_at_1"] == pytest.approx(row["n_correct"] / 20)
        assert row["pass_at_10"] >= row["pass_at_1"]
        assert row["pass_at_100"] is None
        assert 1 <= row["distinct"] <= 20


def test_something_is_right_and_something_breaks(tables):
    funnel = {
        (row["edit"], row["stage"]): row["n_rows"]
        for edit in EDITS
        for row in tables(MODEL / f"funnel/{edit}.parquet", "funnel")
    }
    assert funnel["original", "right"] > 10
    assert funnel["rename_vars", "broken"] > 3


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_patch_of_oneself_changes_nothing_and_the_last_point_gives_the_donor(tables, condition):
    rows = tables(MODEL / f"patches/{condition}.parquet", "patches")
    assert rows
    assert {row["point"] for row in rows} == set(range(25))
    assert {row["donor_kind"] for row in rows} == set(DONOR_KINDS)
    for row in rows:
        if row["donor_kind"] == "self":
            assert row["logit_diff"] == pytest.approx(row["recipient_logit_diff"], abs=1e-3)
        if row["donor_kind"] == "paired" and row["point"] == 24:
            assert row["to_donor"]
            if row["normalised_effect"] is not None:
                assert row["normalised_effect"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("condition", ["restore", "break", "same_type"])
def test_other_positions_agree_with_the_last_where_both_were_patched(tables, condition):
    """`last` is patched by both sweeps, by two ways through the model."""
    own = {
        (row["pair_id"], row["donor_kind"], row["point"]): row
        for row in tables(MODEL / f"patches/{condition}.parquet", "patches")
    }
    rows = tables(MODEL / f"patch_positions/{condition}.parquet", "patches")
    assert {"last", "hole_name", "fim"} <= {row["position"] for row in rows}
    assert ("name" in {row["position"] for row in rows}) == (condition != "same_type")
    assert {row["n_points"] for row in rows} == ({1, 3, 5} if condition == "restore" else {1})
    n_compared = 0
    for row in rows:
        if row["position"] == "last" and row["donor_kind"] in ("paired", "unrelated"):
            other = own[row["pair_id"], row["donor_kind"], row["point"]]
            for key in ("logit_diff", "donor_logit_diff", "recipient_logit_diff"):
                assert row[key] == pytest.approx(other[key], abs=1e-3)
            n_compared += 1
    assert n_compared


@pytest.mark.parametrize("condition", ["restore", "break"])
def test_components_are_swept_in_every_block(tables, condition):
    rows = tables(MODEL / f"components/{condition}.parquet", "components")
    parts = {(row["component"], row["block"], row["head"]) for row in rows}
    assert len(parts) == 24 * (2 + 4)
    for row in rows:
        if row["donor_kind"] == "self":
            assert row["logit_diff"] == pytest.approx(row["recipient_logit_diff"], abs=1e-3)


@pytest.mark.parametrize("point", [0, 12, 24])
def test_one_patch_by_hand(small_study, tables, point):
    """Plain hooks on the bare model, one pair, one point: what the sweep says."""
    model = AutoModelForCausalLM.from_pretrained(small_study / MODEL / "model")
    row = next(
        row
        for row in tables(MODEL / "patches/restore.parquet", "patches")
        if row["donor_kind"] == "paired" and row["point"] == point
    )
    prompts = {
        (r["example_id"], r["edit"]): r["token_ids"]
        for edit in EDITS
        for r in tables(MODEL / f"prompts/{edit}.parquet", "prompts")
    }
    pair = next(
        p
        for p in tables(MODEL / "pairs.parquet", "pairs")
        if p["pair_id"] == row["pair_id"] and p["donor_kind"] == "paired"
    )
    donor_ids = prompts[pair["donor_example_id"], pair["donor_edit"]]
    with torch.inference_mode():
        donor = _run_with_hook(model, donor_ids, point, None)
        patched = _run_with_hook(model, prompts[row["example_id"], row["edit"]], point, donor)
        logits = model.lm_head(model.transformer.ln_f(patched))
    diff = logits[pair["target_token_id"]] - logits[pair["foil_token_id"]]
    assert row["logit_diff"] == pytest.approx(float(diff), abs=1e-3)
    assert row["predicted_token_id"] == int(logits.argmax())


def _run_with_hook(model, token_ids, point, donor):
    """The last token's residual: at the point where no donor is given, else at the last point."""
    seen = {}

    def hook(place):
        def read_and_write(module, args, hidden=None):
            hidden = args[0] if hidden is None else hidden
            if donor is not None and place == point:
                hidden = hidden.clone()
                hidden[0, -1] = donor
            seen[place] = hidden[0, -1]
            return (hidden, *args[1:]) if place == 0 else hidden

        return read_and_write

    blocks = model.transformer.h
    handles = [blocks[0].register_forward_pre_hook(hook(0))]
    handles += [block.register_forward_hook(hook(k + 1)) for k, block in enumerate(blocks)]
    model(torch.tensor([token_ids]))
    for handle in handles:
        handle.remove()
    return seen[point if donor is None else len(blocks)]


def test_every_table_has_its_schema_and_its_manifest(small_study):
    known = {f"{name}/1" for name in all_tables()}
    found = sorted((small_study / "results").rglob("*.parquet"))
    paths = [path for path in found if "cache" not in path.parts]  # parts are no tables
    assert len(paths) > 25
    for path in paths:
        metadata = pq.read_schema(path).metadata
        assert metadata[b"fimscope.schema"].decode() in known
        manifest = read_manifest(path)
        assert manifest["packages"]["torch"]
        assert str(small_study) not in json.dumps(manifest)


def test_the_report_holds_the_figures_and_runs_nothing_of_the_source(small_study):
    page = (small_study / MODEL / "report.html").read_text()
    assert page.count("<svg") >= 4
    assert "<script>alert" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert not list(small_study.rglob("owned"))


def test_a_second_run_has_nothing_to_do(small_study):
    said = snakemake(small_study, "--configfile", "small.yaml").stdout
    assert "Nothing to be done" in said
    assert "tiny is right for" in said
    assert "Report: results/tiny/report.html. Explorer of every example: snakemake explor" in said


def test_after_a_killed_step_a_run_ends_with_the_same_bytes(small_study, warm):
    before = hashes(small_study)
    for folder in ("shards", "predictions", "activations/original", "split", "patches", "figures"):
        shutil.rmtree(small_study / MODEL / folder)
    for file in ("pairs.parquet", "summary.md", "report.html"):
        (small_study / MODEL / file).unlink()
    shutil.rmtree(small_study / "results/cache/read_prompts")
    command = ["-m", "snakemake", "--profile", "profiles/default", "--configfile", "small.yaml"]
    run = subprocess.Popen(
        [sys.executable, *command],
        cwd=small_study,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    killed = False
    deadline = time.monotonic() + 120
    while not killed and time.monotonic() < deadline:
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if re.search(r"scripts/read_prompts\.py", " ".join(process.cmdline()[:2])):
                    process.kill()
                    killed = True
        time.sleep(0.1)
    run.wait()
    assert killed
    assert run.returncode != 0
    snakemake(small_study, "--configfile", "small.yaml", variables=warm)
    assert hashes(small_study) == before


WHAT_IT_IS_TOLD = """
import os, sys
print(__name__, sys.argv, sys.path[0], os.getcwd(), os.environ["OWN"], sys.stdin.read())
print("to the terminal", file=sys.stderr)
os.kill(os.getpid(), 9) if sys.argv[1] == "ends" else sys.exit(3)
"""


@pytest.mark.parametrize("word", ["a word", "ends"])
def test_a_warm_python_runs_a_script_as_python_does(warm, tmp_path, word):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/step.py").write_text(WHAT_IT_IS_TOLD)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = f"OWN=1 python scripts/step.py '{word}' <<< read 2> said; echo $?"
    found = []
    for variables in ({}, warm):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Bash's own words of a killed process
            text=True,
        )
        found.append((done.stdout, (tmp_path / "said").read_text()))
    assert found[0] == found[1]
    assert found[0][0].endswith("137\n" if word == "ends" else "read\n\n3\n")


def test_snakemakes_own_report_is_made(small_study):
    snakemake(small_study, "--configfile", "small.yaml", "--report", "own report.html")
    assert (small_study / "own report.html").stat().st_size > 100_000


def test_a_mistake_in_the_config_is_one_line(small_study):
    done = snakemake(
        small_study, "--configfile", "small.yaml", "--config", "model={dtype: bf61}", check=False
    )
    assert done.returncode != 0
    assert 'model.dtype: "bf61" is not one of auto, float32, bfloat16, float16' in done.stdout
    assert "Traceback" not in done.stdout
