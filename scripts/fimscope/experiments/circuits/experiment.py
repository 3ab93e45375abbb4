"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment
from fimscope.typescript.edit_names import ALIGNED, ORIGINAL

EXPERIMENT = Experiment(
    name="circuits",
    place=62,
    rejected=("attribute_edges",),
    edits=lambda config: (ORIGINAL, ALIGNED),
)
