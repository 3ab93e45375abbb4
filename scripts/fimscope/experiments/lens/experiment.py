"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment, study_edits

EXPERIMENT = Experiment(
    name="lens",
    place=10,
    rejected=("read_lens/{edit}",),
    activations=study_edits,
    heads=study_edits,
)
