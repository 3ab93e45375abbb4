"""Write the picture of the stages, one a file of rules, and of what each makes for the others."""

import re
from collections.abc import Mapping
from pathlib import Path

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.steps.frame import run_step, step_parser

MARKED = re.compile(r"(?s)(<!-- begin stages -->\n).*?(<!-- end stages -->)")


def stages_text(graph: str, stage_of: Mapping[str, str]) -> str:
    """The picture as Mermaid draws it, in a fence of Markdown.

    graph      what `snakemake --rulegraph mermaid-js` says
    stage_of   rule -> its stage; a rule without one is a target, and left out
    """
    names = dict(re.findall(r"(?m)^\t(id\d+)\[(\w+)\]", graph))
    later: dict[str, set[str]] = {}
    for one, other in re.findall(r"(?m)^\t(id\d+) --> (id\d+)", graph):
        first, second = (stage_of.get(names[each]) for each in (one, other))
        if first and second and first != second:
            later.setdefault(first, set()).add(second)
    # One after the other: in a circle of stages each of two arrows follows from the other.
    for first in sorted(later):
        for second in sorted(later[first]):
            later[first].remove(second)
            if second not in _reached(later, first):
                later[first].add(second)
    arrows = [
        f"    {first} --> {second}" for first in sorted(later) for second in sorted(later[first])
    ]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```", ""])


def _reached(later: Mapping[str, set[str]], stage: str) -> set[str]:
    """All stages that come after one."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        new = later.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def stages_of_rules(rules: Path) -> dict[str, str]:
    """Rule -> the name of the file that it stands in."""
    return {
        rule: path.stem
        for path in sorted(rules.glob("*.smk"))
        for rule in re.findall(r"(?m)^rule (\w+):", path.read_text(encoding="utf-8"))
    }


def with_stages(page: str, text: str) -> str:
    """A page with the picture between its marks."""
    return MARKED.sub(lambda match: match[1] + text + match[2], page)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--graph", type=Path, required=True, help="of --rulegraph mermaid-js")
    parser.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rules")
    parser.add_argument("--page", type=Path, required=True, help="Markdown with the marks")
    with run_step(parser) as args:
        page = args.page.read_text(encoding="utf-8")
        if not MARKED.search(page):
            raise UserError(f"{args.page}: <!-- begin stages --> and <!-- end stages --> expected")
        text = stages_text(args.graph.read_text(encoding="utf-8"), stages_of_rules(args.rules))
        with replacing(args.page) as temporary:
            temporary.write_text(with_stages(page, text), encoding="utf-8")


if __name__ == "__main__":
    main()
