"""Commands about a site: look at it, copy it, write it to a file, serve it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import AsJson, Config, SiteUrl
from flows.cli.terminal import StageProgress, answer, say
from transforms.schema.errors import RunError, UsageError

site_app = typer.Typer(help="Look at a site, copy it, write it to a file.", no_args_is_help=True)
server_app = typer.Typer()


@site_app.command("load")
def site_load(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.jsonl", help="Contacts as the Contacts API writes them, one a line."),
    ],
    site: Annotated[str, typer.Option("--site", metavar="URL", help="The embedded site to make: local:PATH.")],
) -> None:
    """Make an embedded site from a file of contacts."""
    from connectors.local import read_contacts
    from flows.sites import embedded, embedded_path

    path = embedded_path(site)
    if path.exists():
        raise UsageError(f"{path} is there already. Choose another file or remove it first.")
    contacts, labels, fields = read_contacts(file)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with embedded(f"local:{part}", create=True) as made:  # it takes its place when it is whole
        count = made.load(contacts, labels, fields)
    part.rename(path)
    answer(f"{site} has {count} contacts.")


@site_app.command("check")
def site_check(site: SiteUrl = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show whether key, site and permissions work, and what is there. Nothing is changed."""
    from flows.commands.inspect_site import check_site
    from flows.settings import load_settings

    checked = check_site(load_settings(config).with_site(site))
    answer(checked.text(), facts=checked.facts(), as_json=as_json)
    if not checked.works:
        raise RunError("The key lacks a permission. Give it the ones marked 'no', then check again.")


@site_app.command("stats")
def site_stats(site: SiteUrl = None, config: Config = None, as_json: AsJson = False) -> None:
    """Count what a site holds."""
    from flows.commands.inspect_site import count_site
    from flows.settings import load_settings

    shown = StageProgress()
    counted = shown("read the site", count_site, load_settings(config).with_site(site), shown.advance)
    answer(counted.text(), facts=counted.facts(), as_json=as_json)


@site_app.command("pull")
def site_pull(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The copy to make: local:PATH.")],
    site: SiteUrl = None,
    config: Config = None,
) -> None:
    """Copy a site to an embedded one. Interrupted, the same command goes on."""
    from flows.commands.copy_site import pull
    from flows.settings import load_settings

    shown = StageProgress()
    count = shown("pull the site", pull, load_settings(config).with_site(site), to, shown.advance)
    answer(f"{to} has {count} contacts.")


@site_app.command("export")
def site_export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new .csv, .parquet or .vcf file.")],
    site: SiteUrl = None,
    config: Config = None,
) -> None:
    """Write all contacts of a site to a file."""
    from flows.commands.copy_site import export
    from flows.settings import load_settings

    shown = StageProgress()
    count = shown("read the site", export, load_settings(config).with_site(site), out, shown.advance)
    answer(f"{out} has {count} contacts. They are personal data: delete the file when it is no longer needed.")


@server_app.command()
def serve(
    site: SiteUrl = None,
    config: Config = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    api_key: Annotated[
        str | None, typer.Option("--api-key", metavar="KEY", help="The only key to let in (default: any key).")
    ] = None,
    chaos: Annotated[
        Path | None, typer.Option("--chaos", metavar="FILE.toml", help="Faults to have, for rehearsals.")
    ] = None,
    webhook: Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Where events are posted.")] = None,
    webhook_key: Annotated[
        Path | None,
        typer.Option("--webhook-key", metavar="FILE.pem", help="A private RSA key; events are then signed tokens."),
    ] = None,
    seed: Annotated[
        bool, typer.Option("--seed", help="Let contacts be planted as they are, members too (POST /onefold/seed).")
    ] = False,
) -> None:
    """Serve an embedded site over HTTP, exactly as the Contacts API speaks. Ctrl-C ends it."""
    from flows.commands.serve import serve_site
    from flows.settings import load_settings
    from flows.sites import shown_site

    url = load_settings(config).with_site(site).site.url
    with suppress(KeyboardInterrupt):
        serve_site(
            url,
            host=host,
            port=port,
            api_key=api_key,
            chaos=chaos,
            webhook=webhook,
            webhook_key=webhook_key,
            seed=seed,
            started=lambda address: say(f"Serving {shown_site(url)} at {address}  (documentation: {address}/docs)"),
        )
