"""The pages say what is there: commands are tried, examples carried out, links followed."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fimscope.config import complete_config, read_schema
from fimscope.experiments.registry import all_experiments
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.tables import write_table
from pages import PAGES, ROOT, apply_block, blocks, commands
from projects import copy_project, snakemake

pytestmark = pytest.mark.process


# With these, snakemake runs no job, or only tells of jobs that have run.
NO_JOBS = {"--unlock", "--report", "--lint", "--list-target-rules"}
SCHEMA = read_schema(ROOT / "config/schema.yaml", [e.name for e in all_experiments().values()])
EXTEND = ROOT / "docs/extend.md"  # whose commands need what the page adds
COMMANDS = {" ".join(words): words for page in PAGES if page != EXTEND for words in commands(page)}


def commands_of(program: str) -> list[list[str]]:
    return [words for words in COMMANDS.values() if words[0] == program]


def output_of(*words: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_have_commands_of_every_kind():
    assert all(commands_of(program) for program in ("snakemake", "make", "python"))


@pytest.mark.parametrize("words", commands_of("make"), ids=" ".join)
def test_targets_of_make(words):
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text())
    assert set(words[1:]) <= set(targets)


@pytest.mark.parametrize("script", sorted({words[1] for words in commands_of("python")}))
def test_steps_and_their_options(script):
    assert (ROOT / script).is_file()
    if script.startswith("scripts/"):
        has = set(re.findall(r"--[\w-]+", output_of(sys.executable, script, "--help")))
        for words in commands_of("python"):
            if words[1] == script:
                assert {word for word in words if word.startswith("--")} <= has, words


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy with the pages' own config, and two models that seem to have run."""
    project = copy_project(tmp_path_factory.mktemp("docs") / "project")
    shutil.copytree(
        ROOT / "models/embedded/corpus",
        project / "models/embedded/corpus",
        ignore=shutil.ignore_patterns("node_modules"),
    )
    for page in ("model.md", "source.md"):
        [config] = [block for block in blocks(ROOT / "docs" / page) if block.file]
        text = config.text.replace("/data/", f"{project}/data/")
        apply_block(project, replace(config, text=text))
    (project / "data/typescript").mkdir(parents=True)
    (project / "data/typescript/program.ts").touch()
    (project / "data/programs.parquet").touch()
    for model in ("one", "another"):
        for edit in ("original", "rename_vars"):
            path = project / "results" / model / "predictions" / f"{edit}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return project


def test_dry_runs_of_all_targets(project, monkeypatch):
    from snakemake.cli import parse_args

    monkeypatch.chdir(project)
    targets: dict[tuple[str, ...], set[str]] = {}
    for words in commands_of("snakemake"):
        words = [word.replace("<model>", "qwen2.5-coder-0.5b") for word in words[1:]]
        for option in ("--profile", "--workflow-profile"):  # run in test_cluster.py
            if option in words:
                place = words.index(option)
                assert Path(words[place + 1]).exists(), words
                del words[place : place + 2]
        _, args = parse_args(["--workflow-profile", "none", *words])
        if not NO_JOBS & {word.partition("=")[0] for word in words}:
            files = tuple(str(path) for path in args.configfile or ())
            targets.setdefault(files, set()).update(args.targets or ["all"])
    assert len(targets) > 1
    for files, names in targets.items():
        config = ["--configfile", *files] if files else []
        snakemake(project, "-n", "--quiet", "all", *config, "--", *sorted(names))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configs_are_configs(page):
    for block in blocks(page):
        if block.language == "yaml":
            own = yaml.safe_load(block.text)
            default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
            if own.keys() & {"source", "model", "prompt", "edits", "experiments"}:
                for key, value in own.items():
                    is_part = isinstance(value, dict) and key in default
                    default[key] = {**default[key], **value} if is_part else value
                complete_config(default, SCHEMA)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy in which the page's examples have been carried out."""
    project = copy_project(tmp_path_factory.mktemp("extend") / "project")
    for block in blocks(EXTEND):
        if block.file:
            apply_block(project, block)
    return project


def run_in(project: Path, code: str) -> str:
    return output_of(
        sys.executable, "-c", f"import sys; sys.path[0] = 'scripts'\n{code}", cwd=project
    )


def test_the_pages_edit_passes_the_proof(extended):
    out = run_in(
        extended,
        "from fimscope.typescript.client import TypeScript\n"
        "parts = ('const a = 1;\\nfunction f(b: ', 'number', ') { return a + b; }\\nf(a);\\n')\n"
        "with TypeScript() as typescript:\n"
        "    edited = typescript.edit('blank_lines', *parts, 24, seed=0)\n"
        "    variant = edited.prefix, edited.gold, edited.suffix\n"
        "    print(repr(variant), typescript.check(parts, variant, edited.renames).reason)\n",
    )
    variant = ("const a = 1;\n\nfunction f(b: ", "number", ") { return a + b; }\nf(a);\n\n")
    assert out == f"{variant!r} None\n"


def test_the_pages_condition_pairs(extended):
    out = run_in(
        extended,
        "from fimscope.experiments.patch.pairs import Predictions, number_programs, pair\n"
        "def row(name, gold, said, edit):\n"
        "    return dict(example_id=name, program_id=name, edit=edit, gold=str(gold),\n"
        "                gold_token_id=gold, predicted_token_id=said, correct=gold == said)\n"
        "programs = number_programs([dict(program_id=n, cluster=n, package=n) for n in 'abc'], 0)\n"
        "originals = [row(n, g, g, 'original') for n, g in zip('abc', (1, 2, 4))]\n"
        "variants = [row('a', 1, 3, 'rename_vars'), row('b', 2, 2, 'rename_vars')]\n"
        "asked = [Predictions(rows, programs, 0) for rows in (variants, originals)]\n"
        "rows, lonely = pair('lent_type', *asked, 9, 0)\n"
        "chosen = next(r for r in rows if r['donor_kind'] == 'paired')\n"
        "print(chosen['recipient_example_id'], chosen['donor_example_id'],\n"
        "      chosen['target_token_id'], len(lonely))\n",
    )
    assert out in ("a b 2 0\n", "a c 4 0\n")  # the other one is the control of another gold


def test_the_pages_experiment_makes_its_table_and_its_section(extended):
    rows = [
        {"example_id": str(n), "edit": "original", "program_id": str(n), "n_tokens": 10 * n}
        | {"correct": n < 3}
        for n in range(4)
    ]
    path = extended / "results/embedded/predictions/original.parquet"
    write_table(path, PREDICTIONS, rows, {})
    places = {"svg": "l.svg", "png": "l.png", "section": "lengths.json"}
    options = [word for kind, name in places.items() for word in (f"--out-{kind}", name)]
    script = [sys.executable, "scripts/halve_lengths.py", "--predictions", str(path)]
    output_of(*script, "--out", "lengths.parquet", cwd=extended)
    script = [sys.executable, "scripts/plot_lengths.py", "--lengths", "lengths.parquet"]
    margins = ["--accuracy-margin", "0.03", "--effect-margin", "0.1"]
    output_of(*script, *margins, *options, cwd=extended)
    section = json.loads((extended / "lengths.json").read_text())
    assert section["reading"] == ["Right, from short to long: 100% of 2 and 50% of 2."]
    assert [own["verdict"] for own in section["findings"]] == ["undecided"]
    assert section["findings"][0]["number"].startswith("-50.0 points (")
    (extended / "mine.yaml").write_text(
        "edits: [blank_lines]\npatch: {edit: blank_lines, conditions: [lent_type]}\n"
    )
    targets = [words[1] for words in commands(EXTEND) if words[0] == "snakemake"]
    config = ["--configfile", "mine.yaml"]
    said = snakemake(extended, "-n", *config, "--", *targets, "patches").stdout
    assert "plot_lengths" in said
    assert "sweep_patches" in said


def test_the_examples_keep_to_the_projects_style(extended):
    files = [block.file for block in blocks(EXTEND) if (block.file or "").endswith(".py")]
    shutil.copy2(ROOT / "pyproject.toml", extended)
    ruff = str(Path(sys.executable).parent / "ruff")
    output_of(ruff, "check", *files, cwd=extended)
    output_of(ruff, "format", "--check", *files, cwd=extended)


def test_the_library_page_has_every_module_that_the_pages_use():
    shown = set(re.findall(r"(?m)^::: (fimscope[\w.]*)$", (ROOT / "docs/api.md").read_text()))
    for name in shown:
        path = ROOT / "scripts" / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name
    told = EXTEND.read_text() + (ROOT / "docs/notebook.ipynb").read_text()
    own = {block.file for block in blocks(EXTEND) if block.language == "python"}
    used = set(re.findall(r"from (fimscope[\w.]*) import", told))
    assert {n for n in used if f"scripts/{n.replace('.', '/')}.py" not in own} <= shown
