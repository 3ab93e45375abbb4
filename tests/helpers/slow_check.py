"""A check within all limits that keeps the compilers at work for a while."""

FUNCTION = "export function f{}(a: number, b: string): string {{ return {}b; }}\n"
TERNARIES = "a > 0 ? b : " * 400


def slow_check(n: int = 20) -> dict:
    """The request `check` of a program of n functions, each of which takes about half a second."""
    text = "".join(FUNCTION.format(index, TERNARIES) for index in range(n))
    prefix, suffix = text.split("number", 1)
    original = {"prefix": prefix, "gold": "number", "suffix": suffix}
    return {
        "command": "check",
        "original": original,
        "variant": {**original, "suffix": suffix + " "},
        "renames": [],
    }
