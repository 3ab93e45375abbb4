"""Wrong variants by syntax: replacements that each make another program of a text."""

import json
import subprocess
from pathlib import Path

GENERATOR = Path(__file__).with_suffix(".mjs")


def planted(text: str) -> list[dict]:
    """Replacements that each make another program of a text, by UTF-16 units."""
    assert all(ord(letter) < 0x10000 for letter in text)  # so units are code points
    node = ["node", str(GENERATOR)]
    done = subprocess.run(node, input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
