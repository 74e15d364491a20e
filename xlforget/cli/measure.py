"""``xlforget measure``: what a model knows of a request, and whether a model that somebody changed would pass the gate."""

from typing import Annotated

import typer

from xlforget.cli import machine_options, question_options
from xlforget.cli.console import tables, write_json

EPILOG = """Examples:

  xlforget measure request.jsonl --model ./model --languages en,fr,hi

  xlforget measure request.jsonl --model ./model --unseen other.jsonl --json knows.json

  xlforget measure request.jsonl --model ./changed --base ./model --gate --retain keep.jsonl
"""


def measure(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request, JSON Lines; - reads standard input.")],
    model: Annotated[str, typer.Option("--model", help="Folder of the model to measure, or a hub repository.")],
    base: Annotated[str | None, typer.Option("--base", metavar="MODEL", help="For --gate: the model as it was before.")] = None,
    gate: Annotated[bool, typer.Option("--gate", help="Judge the model as `apply` would; needs --base.")] = False,
    languages: question_options.Languages = "auto",
    leave_out: question_options.LeaveOut = "",
    translator: machine_options.Name = "",
    translations: machine_options.Files = None,
    paraphrases: machine_options.Paraphrases = 2,
    translator_model: machine_options.Model = "",
    endpoint: machine_options.Endpoint = "",
    licence: machine_options.Licence = "",
    remote: machine_options.Remote = False,
    parallel: machine_options.Parallel = None,
    skip_unreviewed: machine_options.SkipUnreviewed = False,
    retain: Annotated[
        str | None, typer.Option(help="For --gate: text that must have stayed, as JSONL, parquet or a datasets id.")
    ] = None,
    unseen: Annotated[str | None, typer.Option(help="Text of the facts' form that no model here saw, for thresholds.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="For --gate: how hard the model is tested: quick, standard (default) or full.")
    ] = None,
    policy: question_options.Policy = None,
    seed: question_options.Seed = 0,
    device: question_options.Device = "auto",
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON; - is stdout.")] = None,
) -> None:
    """Tell what a model knows of REQUEST, in each language, and whether it needs unlearning. Changes and writes no model.

    With --base and --gate: judge MODEL, whoever made it, signed or not, as `apply` judges its own.

    Exit 0: measured; with --gate, the model passes. 1: it does not.
    """
    from xlforget import asked, pipeline
    from xlforget.cli import showing
    from xlforget.cli.watching import Watching
    from xlforget.errors import UsageError
    from xlforget.parallel.languages import parse_languages

    if gate != (base is not None):
        raise UsageError("--base and --gate belong together.", do="Give both to judge a model, or neither.", code="BASE_GATE")
    unused = [] if gate else [name for name, given in (("--retain", retain), ("--profile", profile)) if given is not None]
    if unused:
        raise UsageError(
            f"{' and '.join(unused)}: only the gate reads this.",
            do="Leave it out, or judge the model with --base and --gate.",
            code="GATE_ONLY",
        )
    console = tables(json)
    question = asked.Measure(
        requests=(request,),
        model=model,
        base=base,
        languages=parse_languages(languages),
        leave_out=parse_languages(leave_out),
        translator=translator,
        options=machine_options.engine_options(translator_model, endpoint, licence, remote, device),
        translations=tuple(translations or ()),
        paraphrases=paraphrases,
        parallel=parallel,
        skip_unreviewed=skip_unreviewed,
        retain=retain,
        unseen=unseen,
        profile=profile or "standard",
        policy=policy,
        seed=seed,
        device=device,
    )
    with Watching(console) as watch:
        verdict = pipeline.measure(question, watch)
    if gate:
        showing.show_verdict(console, verdict)
        showing.show_passed(console, verdict)
    else:
        showing.show_knowledge(console, verdict)
    if json:
        write_json(json, verdict if gate else showing.knowledge_document(verdict))
    raise typer.Exit(0 if verdict.passed or not gate else 1)
