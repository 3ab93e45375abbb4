"""The rules: what every job says of itself, and that its step understands its command line."""

import argparse
import re
import runpy
import shlex
import shutil
from dataclasses import dataclass

import pytest
import yaml

from fimscope.experiments.registry import all_experiments
from fimscope.steps.sources import step_sources
from fimscope.terminal.plan import known_seconds
from projects import ROOT, copy_project, snakemake

pytestmark = pytest.mark.process

SET = ("plot_funnel", 77)  # a step's run time in minutes, as a user would set it


@dataclass(frozen=True)
class Job:
    """A job as a dry run tells it: its rule, what it says of itself, its command line."""

    rule: str
    told: dict[str, str]
    words: list[str]

    @property
    def step(self) -> str:
        return re.sub("_(shard|rung)$", "", self.rule)


def read_jobs(output: str) -> list[Job]:
    """The jobs that a dry run with -p tells of."""
    told = re.findall(
        r"(?m)^ *(?:local)?rule (\w+):\n((?: +\w+: .*\n)+) *Shell command: (.*)$", output
    )
    return [
        Job(rule, dict(re.findall(r"(?m)^ +(\w+): (.*)$", about)), shlex.split(command))
        for rule, about, command in told
    ]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> list[Job]:
    """The jobs of every target that a user would name, but for `compare`, some in shards."""
    project = copy_project(tmp_path_factory.mktemp("house") / "project")
    corpus = "models/embedded/corpus"
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (project / corpus).mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / corpus / name, project / corpus)
    for name in ("model.safetensors", "measured.md", "history.md"):
        (project / "models/embedded" / name).touch()
    (project / "mine.yaml").write_text("study: embedded\nshards: {all: 2}\n")
    targets = "all predictions activations explorer report embedded_model quality model_card"
    targets += " cache_report embedded_ladder"
    experiments = [experiment.name for experiment in all_experiments().values()]
    words = ["--configfile", "mine.yaml", "--set-resources", "{}:runtime={}".format(*SET)]
    words += ["--", *targets.split(), *experiments]
    said = snakemake(project, "-n", "-p", "--quiet", "reason", *words).stdout
    found = read_jobs(said)
    assert {*targets.split(), *experiments} <= {job.rule for job in found}
    return found


def steps(jobs: list[Job]) -> list[Job]:
    """Those that run a step."""
    return [job for job in jobs if job.words[:1] == ["python"]]


def test_the_rule_the_script_and_the_log_have_one_name(jobs):
    assert len({job.step for job in steps(jobs)}) > 50
    for job in steps(jobs):
        assert job.words[1] == f"scripts/{job.step}.py"
        wildcards = re.findall(r"(?:rung|edit|group|shard)=([^,]+)", job.told.get("wildcards", ""))
        name = "/".join([job.step, *wildcards])
        assert job.told["log"].endswith(f"/logs/{name}.log")
        assert job.words[-2:] == ["--log", job.told["log"]]
        if "output" in job.told:
            assert job.told["benchmark"].endswith(f"/benchmarks/{name}.tsv")


def test_a_step_runs_again_where_its_code_changes(jobs):
    for job in steps(jobs):
        assert set(step_sources(job.step)) <= set(job.told["input"].split(", "))


def test_every_job_asks_a_cluster_for_memory_and_time_that_grow(jobs):
    for job in steps(jobs):
        asked = dict(pair.split("=") for pair in job.told["resources"].split(", "))
        assert int(asked["mem_mb"]) >= 1500, job.rule
        assert int(asked["runtime"]) >= 30, job.rule
    for name, text in rules().items():
        for kind, amount in re.findall(r"(mem_mb|runtime)=(.*),", text):
            assert amount.startswith("growing("), f"{name}: {kind}: growing(...)"


def test_what_a_user_sets_for_a_step_counts_more_than_what_its_rule_leaves_open(jobs):
    [asked] = [job.told["resources"] for job in jobs if job.rule == SET[0]]
    assert f"runtime={SET[1]}" in asked.split(", ")


class Parsed(Exception):
    pass


def parser_of(step: str) -> argparse.ArgumentParser:
    """The parser of a step's command line, caught when the step would use it."""

    def catch(parser: argparse.ArgumentParser, *_: object) -> None:
        raise Parsed(parser)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parsed) as caught:
        patch.setattr(argparse.ArgumentParser, "parse_args", catch)
        runpy.run_path(str(ROOT / f"scripts/{step}.py"), run_name="__main__")
    return caught.value.args[0]


def test_an_option_that_a_rule_gives_has_no_default_of_its_own(jobs):
    """The config has it. Two are no part of a study: the cores of a machine, a shard's group."""
    given: dict[str, set[str]] = {}
    for job in steps(jobs):
        given.setdefault(job.step, set()).update(w for w in job.words if w.startswith("--"))
    for step, options in given.items():
        parser = parser_of(step)
        for action in parser._actions:
            assert action.help, f"{step} {action.option_strings}: help"
            if options & {*action.option_strings} - {"--workers", "--group"}:
                assert action.default is None or action.default is False, (
                    f"{step} {action.option_strings}: {action.default!r}; required=True"
                )


def test_every_command_of_a_rule_is_one_that_its_step_understands(jobs):
    for job in {job.step: job for job in steps(jobs)}.values():
        parser_of(job.step).parse_args(job.words[2:])


def test_the_explorer_waits_for_what_the_studys_experiments_find(jobs):
    [explorer] = [job for job in jobs if job.rule == "build_explorer"]
    tables = ["attention/original", "samples/rename_vars", "steering/results", "traces"]
    tables += ["masking", "probes", "icl/rename_vars", "algorithms/original"]
    tables += ["components/restore", "patch_positions/same_type"]
    tables += ["verdicts/rename_vars", "completions/original"]
    tables += ["whole_patches/patches", "whole_patches/pairs"]
    for table in tables:
        assert f"results/embedded/{table}.parquet" in explorer.words
    assert "results/embedded/activations/original" in explorer.words


def test_the_explorer_is_not_given_what_the_study_does_not_ask(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "models/embedded").mkdir(parents=True)
    (project / "mine.yaml").write_text("experiments: [masking]\n")
    words = ("-n", "-p", "--quiet", "reason", "--cores", "2", "--configfile", "mine.yaml")
    made = read_jobs(snakemake(project, "explorer", *words).stdout)
    [explorer] = [job for job in made if job.rule == "build_explorer"]
    given = " ".join(explorer.words)
    none = "--icl --probes --whole-types --completions --whole-patches --whole-pairs --model"
    assert f"--masking results/mine/masking.parquet {none}" in given
    assert not {"plant_types", "trace_tokens", "fit_probes"} & {job.step for job in made}


def test_a_study_that_asks_what_the_explorer_shows_makes_it(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "models/embedded").mkdir(parents=True)
    (project / "mine.yaml").write_text("experiments: [patches, lens]\n")
    words = ("-n", "-p", "--quiet", "reason", "--cores", "2")
    made = {job.step for job in read_jobs(snakemake(project, *words).stdout)}
    assert {"build_report", "build_explorer"} <= made
    again = "python scripts/write_seconds.py --results results/embedded"
    assert made - {"all"} <= {kind.split()[0] for kind in known_seconds()}, f"old: {again}"
    less = {
        job.step
        for job in read_jobs(snakemake(project, *words, "--configfile", "mine.yaml").stdout)
    }
    assert "build_report" in less
    assert not {"build_explorer", "list_attended"} & less


def priority(job: Job) -> int:
    return int(job.told.get("priority", 0))


def test_the_dearest_step_begins_first_and_what_it_waits_for_before_that(jobs):
    [dearest] = {priority(job) for job in jobs if job.step == "sweep_positions"}
    needed = ("build_prompts", "read_prompts", "predict_types", "pair_examples")
    assert all(priority(job) > dearest for job in jobs if job.step in needed)
    others = [job for job in jobs if "--model" in job.words and job.step not in needed]
    behind = [job for job in others if priority(job) < dearest]
    assert {"mask_distractors", "compare_icl", "sample_types"} <= {job.step for job in behind}


@pytest.mark.parametrize(
    ("words", "asked", "threads", "n_shards"),
    [
        ("--cores 4", 1, 1, 4),
        ("--cores 4", 2, 2, 2),
        ("--cores 4", "all", 4, 1),
        ("--cores 8 --jobs 100", 1, 8, 1),  # as on a cluster: a job has its cores to itself
    ],
)
def test_steps_of_few_threads_run_beside_each_other_and_the_dearest_in_shards(
    tmp_path, words, asked, threads, n_shards
):
    project = copy_project(tmp_path / "project")
    (project / "models/embedded").mkdir(parents=True)
    (project / "mine.yaml").write_text(f"model: {{threads: {asked}}}\n")
    words = f"-n -p --quiet reason --configfile mine.yaml {words}".split()
    told = read_jobs(snakemake(project, *words).stdout)
    jobs = [job for job in steps(told) if "--threads" in job.words]
    assert {int(job.words[job.words.index("--threads") + 1]) for job in jobs} == {threads}
    shares = {job.words[job.words.index("--shard") + 1] for job in jobs if "--shard" in job.words}
    assert shares == {"1/1", *(f"{i}/{n_shards}" for i in range(1, n_shards + 1))}
    in_shards = {job.step for job in jobs if job.rule.endswith("_shard")}
    assert in_shards == ({"sweep_positions"} if n_shards > 1 else set())


def test_the_steps_of_the_compiler_begin_before_those_of_the_model_and_share_the_cores(jobs):
    of_edits = {name for name, text in rules().items() if "threads: EDIT_THREADS" in text}
    assert of_edits == {"edit_examples", "check_types", "build_prompts"}
    lowest = min(priority(job) for job in jobs if job.step in of_edits)
    assert all(priority(job) < lowest for job in jobs if "--threads" in job.words)
    workers = {job.words[job.words.index("--workers") + 1] for job in jobs if job.step in of_edits}
    assert workers == {"1"}  # three edits on the fixture's two cores


def test_no_rule_asks_the_disk_for_what_a_step_makes():
    for name, text in rules().items():
        assert not re.search(r"is_file|exists\(|glob\(f?\"results|RESULTS\}.*glob", text), name


def test_the_pages_name_every_target():
    told = (ROOT / "README.md").read_text()
    for experiment in all_experiments().values():
        assert f"`{experiment.name}`" in told


def rules() -> dict[str, str]:
    """The text of every rule, by name."""
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.smk")]
    return dict(re.findall(r"(?ms)^rule (\w+):\n(.*?)(?=^\S|\Z)", "".join(texts)))


def test_the_slurm_profile_groups_the_small_rules_and_no_others(jobs):
    groups = {
        name: match[1] if (match := re.search(r"group:\n +\"(\w+)\"", text)) else None
        for name, text in rules().items()
    }
    groups |= dict.fromkeys((name for name in groups if name.startswith("plot_")), "report")
    alone = {"fit_probes", "compare_models", "write_model_card"}  # slower, or a target of its own
    for name, text in rules().items():
        if "shell:" in text and "resources:" not in text and "localrule: True" not in text:
            assert groups[name] or name in alone, f"{name}: a group"
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert set(profile["group-components"]) <= set(groups.values())
    assert isinstance(yaml.safe_load((ROOT / "profiles/slurm/site.yaml").read_text()), dict)
