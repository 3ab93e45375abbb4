"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="whole_types",
    place=5,
    rejected=("complete_types/{edit}", "judge_answers/{edit}"),
)
