"""An example of which much may distract the model."""

PREFIX = """const first = 1;
// A note that stands alone.
export function other(): number { return first; }
/* what pad does */
export function pad(text: """


SUFFIX = """, width: number = 2): string {
  const filled: string = text.padEnd(width); // to the right
  return filled;
}
export const last = other();
"""


ROW = {
    "example_id": "e",
    "edit": "original",
    "kind": "parameter",
    "name": "text",
    "prefix": PREFIX,
    "gold": "string",
    "suffix": SUFFIX,
    "name_start": PREFIX.rindex("text"),
}
