"""Put the results of the benchmarks into the pages that show them, each between its marks."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "docs/faults.md", ROOT / "docs/method.md"]
MARKED = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_results(page: str) -> str:
    """The page with today's results, but for their titles, a level of headings deeper."""

    def results(match: re.Match) -> str:
        text = (ROOT / match[2]).read_text(encoding="utf-8").split("\n", 2)[2]
        text = re.sub(r"^#", "##", text, flags=re.MULTILINE)
        return f"{match[1]}\n{text.rstrip()}\n\n{match[3]}"

    return MARKED.sub(results, page)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_results(page.read_text(encoding="utf-8")), encoding="utf-8")
