"""The models side by side, as a page in Markdown."""

from collections.abc import Mapping

from fimscope.report.format import rate_or_count
from fimscope.report.markdown import code, table
from fimscope.statistics.numbers import Numbers

MEASURES = ("original", "edited", "broken")


def comparison_text(models: Mapping[str, Numbers], edit: str) -> str:
    """The comparison as Markdown."""
    lines = ["# The models side by side", ""]
    if len(models) == 1:
        lines += [say_only_one(next(iter(models))), ""]
    for title, which in (
        ("On the examples that every model answered", "common"),
        ("On all examples that each model answered", "own"),
    ):
        lines += [f"## {title}", ""]
        header = ["model", "family", "blocks", "parameters", "n (programs)"]
        header += ["original", code(edit), "broken, of the right"]
        lines += table(header, [_cells(*item, which) for item in models.items()], n_left=2)
    lines += say_asked({name: row["asked"] for name, row in models.items()})
    lines += [
        "Intervals hold 95%, clustered by program. An example counts where the model "
        f"answered both its original and its variant under {code(edit)}. Models differ in which "
        "examples they can be asked, as their tokenizers and windows do: compare them by the first "
        "table.",
        "",
    ]
    return "\n".join(lines)


def say_asked(asked: Mapping[str, Numbers]) -> list[str]:
    """In what the models were asked otherwise than one another; nothing where in nothing."""
    differing = [
        option
        for option in next(iter(asked.values()))
        if len({options[option] for options in asked.values()}) > 1
    ]
    if not differing:
        return []
    told = [
        f"{code(name)} with " + ", ".join(f"`prompt.{o}` {options[o]}" for o in differing)
        for name, options in asked.items()
    ]
    return [f"The models were not asked alike: {'; '.join(told)}.", ""]


def say_only_one(name: str) -> str:
    return (
        f"Only {code(name)} has been run, so there is nothing to compare it with. Run another: "
        "`snakemake --configfile config/<model>.yaml -- predictions`, then `snakemake compare`."
    )


def _cells(name: str, row: Numbers, which: str) -> list[str]:
    numbers = row[which]
    return [
        code(name),
        code(row["family"]),
        str(row["n_blocks"]),
        f"{row['n_parameters'] / 1e6:,.1f} M" if row["n_parameters"] else "not counted",
        f"{numbers['n']} ({numbers['n_programs']})",
        *(rate_or_count(numbers[m]) if numbers[m] else "none" for m in MEASURES),
    ]
