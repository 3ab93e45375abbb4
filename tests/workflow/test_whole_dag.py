"""From raw source to the report, on real programs, a real compiler and a model of 24 blocks."""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from fimscope.experiments.patch.pairs import DONOR_KINDS
from fimscope.experiments.registry import all_tables
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.tables import read_manifest
from fimscope.prompts.encoder import Encoder
from projects import FILES, HOSTILE, snakemake

JOIN = "rename_vars@0.5+rename_types+delete_annotations"  # the config has it in another order
EDITS = ["original", "rename_vars", JOIN]
CONDITIONS = ["restore", "break", "same_type", "other_type", "wrong_to_wrong"]
SOURCE = Path("results/tiny/source")
MODEL = Path("results/tiny")


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
    assert "Report: results/tiny/report.html. Explorer of single examples: snakemake explo" in said


def test_after_a_killed_step_a_run_ends_with_the_same_bytes(small_study, warm):
    before = hashes(small_study)
    for folder in (MODEL / "patch_positions", "results/cache/sweep_positions"):
        shutil.rmtree(small_study / folder)
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
                if re.search(r"scripts/sweep_positions\.py", " ".join(process.cmdline()[:2])):
                    process.kill()
                    killed = True
        time.sleep(0.1)
    run.wait()
    assert killed
    assert run.returncode != 0
    snakemake(small_study, "--configfile", "small.yaml", variables=warm)
    assert hashes(small_study) == before


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
