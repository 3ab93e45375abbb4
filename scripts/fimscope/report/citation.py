"""How the study is told in a paper: a paragraph on the methods, and BibTeX entries."""

from collections.abc import Mapping
from typing import Any

from fimscope.report.markdown import code
from fimscope.report.references import cited_entries
from fimscope.statistics.numbers import Numbers

FORMATS = {
    "fim": "the tokenizer's own fill-in-the-middle tokens",
    "rewrite": "the code with its annotations erased, followed by the typed code up to the hole",
}


def methods_paragraph(numbers: Numbers, model: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """What was done, ready for a paper, in Markdown.

    numbers   `summary_numbers` of the study
    model     what prepare_model recorded; config is the whole configuration
    """
    origin = ", ".join(f"{key} {code(str(value), 80)}" for key, value in model["source"].items())
    original = next(row for row in numbers["accuracy"] if row["edit"] == "original")
    edits = ", ".join(code(row["edit"]) for row in numbers["accuracy"] if row["edit"] != "original")
    prompt = config["prompt"]
    golds = "of one token" if prompt["golds"] == "single_token" else "of any length"
    revision = f", revision {code(str(model['revision']), 40)}" if model["revision"] else ""
    return (
        f"We took {original['n']} annotations (parameters and return types {golds}) out of "
        f"{original['n_programs']} TypeScript programs, and edited each program so that it kept "
        f"its meaning ({edits}; after Lucchetti & Guha, arXiv 2404.01903); every variant was "
        "proven to parse, to give the compiler's same errors, and to compile to the same "
        "JavaScript up to the renames. We asked "
        f"{code(config['model']['name'])} ({origin}{revision}; {model['family']}, "
        f"{model['n_blocks']} blocks, d_model {model['d_model']}, {config['model']['dtype']}) for "
        f"each type, with {FORMATS[prompt['format']]} and at most {prompt['max_tokens']} tokens. "
        "Activations were patched at every point of the residual stream, 0 to "
        f"{model['n_blocks']}. Intervals are 95% cluster bootstrap intervals over programs "
        f"({config['statistics']['draws']} draws, seed {config['seed']}); tests over several "
        "points or edits are adjusted by Holm's method."
    )


def bibtex(manifest: Mapping[str, Any], text: str) -> str:
    """BibTeX entries: this pipeline at its version and commit, and what a text cites."""
    commit = manifest["git"]["commit"] or "unknown"
    version = manifest["fimscope"]
    return (
        "@software{fimscope,\n"
        "  title = {fimscope: where and why a code language model gets a type wrong},\n"
        f"  version = {{{version}}},\n"
        f"  note = {{commit {commit}}}\n"
        "}\n"
        f"{cited_entries(text)}"
    )
