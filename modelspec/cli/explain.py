"""`modelspec explain`: what an error means."""

from __future__ import annotations

import click

from modelspec.cli.completers import codes


@click.command("explain")
@click.argument("code", required=False, shell_complete=codes)
def command(code: str | None) -> None:
    """Say what a code means, by a spec that has it.

    The same spec follows, mended. Without CODE, all are listed.
    """
    from modelspec.source.codes import CODES
    from modelspec.source.explained import explanations

    if code is None:
        room = max(map(len, CODES))
        click.echo("\n".join(f"{name.ljust(room)}  {text}" for name, text in CODES.items()))
    elif code in CODES:
        click.echo(f"{code}\n\n{CODES[code]}\n\n{explanations()[code].text}")
    else:
        from modelspec.source.suggest import did_you_mean

        near = "; ".join(did_you_mean(code, CODES)) or "`modelspec explain` lists them all"
        raise click.BadParameter(f"no error has the code `{code}`; {near}", param_hint="CODE")
