"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="whole_patches",
    place=45,
    rejected=(
        "complete_types/original",
        "complete_types/{patched}",
        "judge_answers/original",
        "judge_answers/{patched}",
        "pair_whole_types",
    ),
)
