"""Results from when all studies shared one source, refused with the command that moves them."""

import shlex
from pathlib import Path

from fimscope.errors import UserError


def check_layout(results: Path, study: str, model: str) -> None:
    """Refuse a study whose tables are there, but whose source is where it was for all studies.

    results   the folder of all studies
    study     the name of the one that is asked for; its folder once had its model's name
    raises    UserError with the commands that move the study to where it belongs
    """
    own, shared = results / study, results / "source"
    old = own if own.is_dir() else results / model
    if not (shared / "programs.parquet").is_file() or (old / "source").is_dir():
        return
    if not (old / "predictions").is_dir():
        return
    # Snakemake's records are of the old places; what the results say of themselves is enough.
    commands = [["mv", str(old), str(own)]] if old != own else []
    commands += [["mv", str(shared), str(own / "source")], ["rm", "-rf", ".snakemake"]]
    raise UserError(
        f"{old}: from before a study had its source in its own folder; move it there, and nothing "
        f"is lost: {' && '.join(map(shlex.join, commands))}"
    )
