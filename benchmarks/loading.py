"""Which share of every step that runs the model goes into imports and loading it.

Reads what a run has written:  python benchmarks/loading.py results/embedded
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from fimscope.report.timings import timing_numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="the folder of one study's results")
    folder = parser.parse_args().results
    steps = timing_numbers([folder / "benchmarks"], [folder / "logs"])["steps"]
    print("| job | all of it, s | loading, s | share |\n|---|---|---|---|")
    for step in sorted(steps, key=lambda step: -step["wall_s"]):
        whole, loading = step["wall_s"], step["loading_s"]
        if loading is not None:
            print(f"| `{step['step']}` | {whole:.0f} | {loading:.1f} | {loading / whole:.0%} |")


if __name__ == "__main__":
    main()
