"""What a step's parts are made of, beside each part's own ingredients."""

import argparse
import platform
from functools import cache
from typing import Any

from fimscope.files.digests import file_sha256
from fimscope.files.manifest import package_versions
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import sha256_of
from fimscope.steps.sources import SCRIPTS, step_sources

MODEL_OPTIONS = ("dtype", "attention", "trust_remote_code")


def step_recipe(step: str, **options: Any) -> dict[str, Any]:
    """The step, its code, the packages and the kind of machine that it runs on, its options."""
    return {
        "step": step,
        "code": code_sha256(step),
        "packages": package_versions(),
        "machine": platform.machine(),
        "options": options,
    }


def model_recipe(step: str, args: argparse.Namespace, **options: Any) -> dict[str, Any]:
    """As `step_recipe`, with the model that the options of add_model_options name.

    The device counts by its kind, and the number of threads not at all: a cluster may compute the
    parts on one machine and put them together on another, which may lack the device. Threads
    changed no bit of any family's answers where that was tried, in float32 and bfloat16.

    raises UserError where the model's folder is not whole
    """
    return step_recipe(
        step,
        model=read_prepared(args.model).identity(),
        device=args.device.split(":")[0],
        **{name: getattr(args, name) for name in MODEL_OPTIONS},
        **options,
    )


@cache
def code_sha256(step: str) -> str:
    """A hash over the step's script and every file of the library that it depends on."""
    return sha256_of({path: file_sha256(SCRIPTS.parent / path) for path in step_sources(step)})
