"""The first page of the gallery, in Markdown: a card for each study."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fimscope.explorer.study import Study, say_chosen
from fimscope.report.contents import Report
from fimscope.report.findings import Finding, finding_lines
from fimscope.report.format import points_changed, rate
from fimscope.report.markdown import code, table
from fimscope.report.sections import Section
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

HEAD = """\
# Gallery

Finished studies, each with its report and a small explorer: pages that open from the disk, with no
server and no network. On GitHub, clone the project or download a page to open it. `make gallery`
makes all of this from `results/`.
"""


@dataclass(frozen=True)
class Card:
    """What the first page says of one study.

    name       of its folder, beside the page
    numbers    of figures.json
    picture    (file in its folder, caption)
    explorer   what its explorer shows
    """

    name: str
    report: Report
    numbers: Numbers
    picture: tuple[str, str]
    explorer: Study


def gallery_page(cards: Iterable[Card]) -> str:
    """The page, in Markdown."""
    return "\n".join([HEAD, *(line for card in cards for line in card_lines(card))])


def card_lines(card: Card) -> list[str]:
    """Title, model, picture, how often it is right, and the first finding of every section."""
    report, (file, caption) = card.report, card.picture
    claims = [own for section in report.sections for own in section.findings]
    counts = [f"{sum(own.verdict is each for own in claims)} {each}" for each in Verdict]
    return [
        *(f"## {report.title}", "", report.model, ""),
        *((f"**{report.warning}**", "") if report.warning else ()),
        f"**[Report]({card.name}/report.html)** · **[Explorer]({card.name}/explorer.html)**",
        *("", f"![{caption.replace('`', '')}]({card.name}/{file})", "", caption, ""),
        *table(["prompts", "holes", "programs", "right", "change"], _accuracy(card.numbers)),
        f"The first claim of each section; of all {len(claims)}, {', '.join(counts)}:",
        "",
        *finding_lines(_led(section, card.name) for section in report.sections if section.findings),
        "",
        " ".join(filter(None, (say_chosen(card.explorer), _say_run(card.numbers)))),
        "",
    ]


def _led(section: Section, name: str) -> Finding:
    """The first finding of a section; its claim leads to the section."""
    first = section.findings[0]
    return replace(first, claim=f"[{first.claim}]({name}/report.html#{section.name})")


def _accuracy(numbers: Numbers) -> list[list[str]]:
    """A row an edit: how often the model is right, and how that is changed."""
    changes = {row["edit"]: row["difference"] for row in numbers["changes"]}
    rows = []
    for row in numbers["accuracy"]:
        difference = changes.get(row["edit"])
        change = f"{points_changed(difference)}, {difference['verdict']}" if difference else ""
        holes = [f"{row['n']:,}", f"{row['n_programs']:,}"]
        rows.append([code(row["edit"]), *holes, rate(row["right"]), change])
    return rows


def _say_run(numbers: Numbers) -> str:
    run, minutes = numbers["manifest"], numbers["timings"]["wall_s"] / 60
    version = f"{run['fimscope']}, commit {str(run['git'].get('commit'))[:12]}"
    return (
        f"Made by fimscope {version}; its steps, one after the other, take {minutes:,.0f} minutes."
    )
