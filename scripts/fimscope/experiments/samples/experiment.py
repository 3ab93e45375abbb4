"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="samples",
    place=30,
    rejected=("complete_types/{edit}", "judge_answers/{edit}", "judge_samples/{edit}"),
)
