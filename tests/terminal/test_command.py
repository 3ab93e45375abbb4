"""A command that cannot be meant is refused in one sentence that has the nearest one that can."""

import re
import subprocess
import sys

import pytest

from fimscope.errors import UserError
from fimscope.experiments.registry import all_experiments
from fimscope.terminal.command import check_config_entries, check_config_files, check_targets
from projects import ROOT, copy_project, snakemake


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """A folder with presets, what is none beside them, and a config of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    presets = ("gemma-3-270m", "robustness", "whole", "qwen2.5-coder-1.5b", "schema", "config")
    for name in (*(f"config/{preset}.yaml" for preset in presets), "mine.yaml"):
        (tmp_path / name).write_text("seed: 1\n")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("found", "nearest"),
    [
        ("config/gemma-3-270.yaml", "config/gemma-3-270m.yaml"),
        ("gemma-3-270m", "config/gemma-3-270m.yaml"),
        ("robustness.yaml", "config/robustness.yaml"),
        ("mein.yaml", "mine.yaml"),
        ("config", "config/"),
        ("config/qwen.yaml", "config/qwen2.5-coder-1.5b.yaml"),
        ("qwen2.5-coder", "config/qwen2.5-coder-1.5b.yaml"),
        ("config/shema.yaml", "config/(?!schema)"),
        ("config/confg.yaml", "config/(?!config)"),
    ],
)
def test_a_config_file_that_is_not_there_is_told_with_the_nearest(configs, found, nearest):
    with pytest.raises(UserError, match=f"{found}: no such file; the nearest is {nearest}"):
        check_config_files([found], ["--configfile", found])


@pytest.mark.unit
def test_a_target_behind_the_config_files_is_told_with_the_command_that_was_meant(configs):
    words = ["--cores", "2", "--configfile", "mine.yaml", "lens"]
    with pytest.raises(UserError, match="snakemake lens --cores 2 --configfile mine.yaml$"):
        check_config_files(["mine.yaml", "lens"], words)
    check_config_files(["mine.yaml", "config/robustness.yaml"], [])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("sample.n=10", r"sample\.n: a key within another is written --config 'sample=\{n: 10\}'"),
        ("a.b.c=[1, 2]", r"is written --config 'a=\{b: \{c: \[1, 2\]\}\}'"),
        ("s=1", "'s' is no key; config/config.yaml has those there are"),
        ("10}", r"'10\}' is no KEY=VALUE; a value with blanks stands in quotes"),
    ],
)
def test_an_entry_that_is_none_is_told_with_how_it_is_written(entry, message):
    with pytest.raises(UserError, match=message):
        check_config_entries([entry])
    check_config_entries(["seed=1", "study=a.b", "sample={n: 10}"])


@pytest.mark.unit
def test_a_config_file_that_is_no_yaml_is_told_before_it_is_opened(configs, tmp_path):
    (tmp_path / "mine.yaml").write_text("model: {")
    with pytest.raises(UserError, match=r"mine\.yaml: no YAML"):
        check_config_files(["mine.yaml"], [])


@pytest.mark.unit
def test_a_target_that_is_none_is_told_with_the_nearest():
    files = ["results/embedded/report.html", "results/embedded/lens/original.parquet"]
    check_targets([], ["lens"], files)
    with pytest.raises(UserError, match="the nearest is lens;"):
        check_targets(["lenses"], ["lens", "icl"], files)
    with pytest.raises(UserError, match="the nearest is results/embedded/lens/original.parquet;"):
        check_targets(["results/embedded/lens/orignal.parquet"], ["lens"], files)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("terminal") / "project")


REFUSED = {
    "results/embedded/predictions/orignal.parquet": "nearest is results/embedded/predictions/orig",
    "--configfile config/qualty.yaml": "the nearest is config/quality.yaml",
    "--configfile config/quality.yaml quality": "snakemake quality --profile profiles/default",
    "--config model={dtype: bf61}": '--config: model.dtype: "bf61" is not one of auto',
    "--config sample.n=10": "a key within another is written --config 'sample={n: 10}'",
}


@pytest.mark.process
@pytest.mark.parametrize("words", REFUSED)
def test_snakemake_says_the_sentence_and_nothing_of_where_it_was_raised(project, words):
    option, *rest = words.split(" ", 1 if words.startswith("--config ") else -1)
    done = snakemake(project, option, *rest, check=False)
    assert done.returncode
    *others, sentence = done.stdout.splitlines()
    assert REFUSED[words] in sentence
    assert all(line.startswith("Using prof") for line in others), done.stdout


@pytest.mark.process
def test_another_folder_is_told(project):
    command = [sys.executable, "-m", "snakemake", "-s", "../Snakefile", "lens"]
    done = subprocess.run(command, cwd=project / "config", capture_output=True, text=True)
    assert done.returncode
    assert done.stderr.splitlines()[-1].endswith(
        "not the folder of fimscope; go where its Snakefile is"
    )


@pytest.mark.process
def test_the_targets_are_listed_with_a_line_each_and_the_steps_apart(project):
    done = snakemake(project, "--list-target-rules")
    targets, _, steps = done.stdout.partition("\n\n")
    listed = [line.split(None, 1) for line in targets.splitlines()[1:]]
    for line in listed:  # a name, and what it makes: no sentence, written like one
        assert len(line) == 2 and re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", line[1]), line
        assert len(line[1]) <= 96, line
    readme = (ROOT / "README.md").read_text("utf-8").partition("\n## Targets\n")[2]
    told = re.findall(r"(?m)^- .*", readme.partition("\n## ")[0])
    names = re.findall(r"`(\w+)`", " ".join(told))
    assert sorted(names) == sorted(name for name, _ in listed)
    named = {each.name for each in all_experiments().values()}
    assert named | {"all", "report", "explorer", "compare"} <= {name for name, _ in listed}
    assert "sweep_patches" in steps
    assert "sweep_patches" not in targets
