"""`modelspec completion`: TAB in a shell."""

from __future__ import annotations

import os

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), required=False)
def command(shell: str | None) -> None:
    """Print the script by which a shell completes commands on TAB.

    Also options, layers, codes, and the names in a spec. SHELL is the one that is running, unless
    it is named. In ~/.bashrc: `eval "$(modelspec completion bash)"`; in ~/.zshrc, after compinit:
    `eval "$(modelspec completion zsh)"`; in ~/.config/fish/config.fish:
    `modelspec completion fish | source`.
    """
    from modelspec.cli.shell import modelspec
    from modelspec.cli.tab import SHELLS, script

    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    if name not in SHELLS:
        listed = " or ".join(f"`modelspec completion {one}`" for one in SHELLS)
        raise click.UsageError(f"say for which shell: {listed}")
    click.echo(script(name, modelspec), nl=False)
