"""Build an explorer of a large made-up study, open it in Chromium, write sizes and times."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from explorer_study import MadeStudy, Size
from fimscope.errors import UserError
from fimscope.steps.frame import log, positive, run_step, step_parser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MEBIBYTE = 2**20
PATIENCE_MS = 120_000


def read_programs(folder: Path, most_bytes: int = 40_000) -> list[str]:
    """The TypeScript of the installed packages, as programs of the usual lengths."""
    paths = sorted(folder.glob("*/src/**/*.ts"))
    if not paths:
        raise UserError(f"{folder}: no package with TypeScript in it; run `npm ci`")
    texts = [path.read_text(encoding="utf-8") for path in paths if path.stat().st_size < most_bytes]
    return [text for text in texts if ": string" in text or ": number" in text]


def size_of(path: Path) -> float:
    """Mebibytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / MEBIBYTE


def time_views(
    browser: Any, page_path: Path, n_examples: int, n_opened: int
) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of the first view, of examples, of a search: (on the wall, of the page's core).

    A view ends with the frame in which its rows, or its example's source and answers, stand. The
    core's time is that of the page's main thread: it also counts on a busy machine.
    """
    found: dict[str, list[tuple[float, float]]] = {"first view": [], "example": [], "search": []}
    for _ in range(3):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        clock = _Clock(page)
        page.goto(page_path.as_uri(), wait_until="commit")
        page.wait_for_selector(".tabulator-row")
        found["first view"].append(clock.lap())
        for i in range(n_opened):
            example = f"{(i * 7919 + 13) % n_examples:016x}"
            clock.lap()
            page.evaluate(f"location.hash = '#/example/{example}?edit=rename_vars'")
            page.wait_for_function(
                "id => document.querySelector('#panel-source .code')"
                " && document.querySelector('.example').textContent.includes(id)",
                arg=example,
            )
            found["example"].append(clock.lap())
        page.evaluate("location.hash = '#/'")
        page.wait_for_selector(".tabulator-row")
        shown = page.locator(".count").inner_text()
        clock.lap()
        page.locator("#search").fill("number")
        page.wait_for_function(
            "shown => document.querySelector('.count').textContent !== shown", arg=shown
        )
        found["search"].append(clock.lap())
        page.close()
    return found


class _Clock:
    """Milliseconds between laps: on the wall, and of the core that the page's main thread had."""

    def __init__(self, page: Any):
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.last = self._now()

    def lap(self) -> tuple[float, float]:
        before, self.last = self.last, self._now()
        return 1000 * (self.last[0] - before[0]), 1000 * (self.last[1] - before[1])

    def _now(self) -> tuple[float, float]:
        found = self.session.send("Performance.getMetrics")["metrics"]
        busy = next(metric["value"] for metric in found if metric["name"] == "TaskDuration")
        return time.perf_counter(), busy


def measure(work: Path, n_examples: int, size: Size, n_opened: int) -> list[str]:
    """Markdown lines: what was built, how large it is, how long its views take."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise UserError("no Chromium on the PATH; install one (Debian: apt install chromium)")
    study = MadeStudy(work, read_programs(ROOT / "node_modules"), n_examples, size)
    _timed("tables", study.write)
    folder, single = work / "explorer", work / "explorer.html"
    words = [*study.options(), "--out", str(folder), "--out-single", str(single)]
    step = [sys.executable, str(ROOT / "scripts/build_explorer.py"), *words]
    seconds = _timed("build", lambda: subprocess.run(step, check=True))
    rows = [
        ("build", f"{seconds:.0f} s"),
        ("folder", f"{size_of(folder):.1f} MiB"),
        ("one file", f"{size_of(single):.1f} MiB"),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name, path in (("folder", folder / "index.html"), ("one file", single)):
            for view, times in time_views(browser, path, n_examples, n_opened).items():
                wall, core = ([pair[i] for pair in times] for i in (0, 1))
                rows.append((f"{view}, {name}", f"{_spread(wall)}; {_spread(core)}"))
        version = browser.version
        browser.close()
    return [
        "# The explorer",
        "",
        f"{n_examples} examples of two variants, lens at {size.n_points} points and 2 positions, "
        f"{size.n_points - 1} blocks of {size.n_heads} heads, prompts of {size.n_tokens} tokens, "
        f"patch curves of 2 conditions with their controls. Chromium {version}, headless.",
        "",
        "Times: median (greatest), on the wall; of the page's main thread alone. "
        f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        "| | |",
        "|---|---:|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]


def _spread(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} ({max(times):.0f}) ms"


def _timed(what: str, run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    log.info("%s: %.0f s", what, seconds)
    return seconds


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--n-examples", type=positive, default=5000)
    parser.add_argument("--n-points", type=positive, default=25)
    parser.add_argument("--n-heads", type=positive, default=4)
    parser.add_argument("--n-tokens", type=positive, default=256)
    parser.add_argument("--n-opened", type=positive, default=10, help="examples to open, each time")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/explorer.md")
    with run_step(parser) as args, tempfile.TemporaryDirectory() as work:
        size = Size(args.n_points, args.n_heads, args.n_tokens)
        lines = measure(Path(work) / "study", args.n_examples, size, args.n_opened)
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
