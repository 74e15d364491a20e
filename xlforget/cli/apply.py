"""``xlforget apply``: forgets a request's facts and writes the signed model."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli import machine_options, memory_options, question_options
from xlforget.cli.console import tables, write_json

METHODS = (
    "adaptive: answers as likely as unseen text. "
    "lingtea: gradient ascent, then a step on retain text, weighed by the old model's confidence (arXiv 2406.12354). "
    "For comparison: lingtea-released: with the kappa of the released code, one token off. "
    "gradient-ascent: without retain text. gradient-difference: minus the answers' loss, plus that of retain text. "
    "npo, simnpo: negative preference, against the old model or none. "
    "undial: the old model's own words with the answer lowered. rmu: one layer's activations led astray. "
    "task-vector: what learning the answers adds is subtracted."
)
SAMPLING = (
    "live (default): pairs that are not forgotten yet. round-robin: all in turn. "
    "random: of each fact a language drawn by chance. sequential: one language after another."
)
EPILOG = """Examples:

  xlforget apply request.jsonl --model ./model --key xlforget.pem --ticket DSR-7

  xlforget apply request.jsonl --model ./model --retain keep.jsonl --unseen other.jsonl --languages en,fr,hi

  xlforget apply request.jsonl --model ./model --languages en,es --translator apertium --unseen other.jsonl

  xlforget apply next.jsonl --model ./model-forgotten --parent-key xlforget.pub --former dsr-7.xfset

  xlforget apply request.jsonl --model ./model --retain keep.jsonl --teacher ./xlm-roberta-base

  xlforget apply a.jsonl b.jsonl --model ./model --ticket DSR-7 --ticket DSR-8

  xlforget apply request.jsonl --model ./model --lora --checkpointing --key xlforget.pem

  xlforget apply request.jsonl --model ./model --dry-run

  torchrun --nproc-per-node 8 -m xlforget apply request.jsonl --model ./model --key xlforget.pem
"""


def apply(
    request: Annotated[
        list[str],
        typer.Argument(metavar="REQUEST", help="Erasure requests, JSON Lines, a ticket each; - reads standard input."),
    ],
    model: Annotated[str, typer.Option("--model", help="Folder of the model, or a hub repository.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write. Default: ./<model>-forgotten.")] = None,
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
    retain: Annotated[str | None, typer.Option(help="Text that must stay: JSONL, parquet or a datasets id.")] = None,
    unseen: Annotated[str | None, typer.Option(help="Text of the facts' form that the model never saw, for thresholds.")] = None,
    method: Annotated[str, typer.Option(help=f"How to forget. {METHODS}")] = "adaptive",
    sampling: Annotated[str | None, typer.Option(help=f"Which pairs come next. {SAMPLING}")] = None,
    kappa: Annotated[
        str | None, typer.Option(help="adaptive, or a constant from 0 to 1; of adaptive, lingtea and lingtea-released.")
    ] = None,
    teacher: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Another model to learn from. With the same tokenizer its logits; else (mBERT, XLM-R, ..) its confidence.",
        ),
    ] = "",
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; default: the method's, 128 / width of it in wider models; times three with --lora."),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of a cycle; default: the method's, and more for many facts.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="Texts to sample from the model and keep as they are.")] = 8192,
    harden: Annotated[
        bool,
        typer.Option("--harden", help="Also against learning facts of the request again; slower, and costs other knowledge."),
    ] = False,
    profile: question_options.Profile = "standard",
    policy: question_options.Policy = None,
    seed: question_options.Seed = 0,
    key: Annotated[Path | None, typer.Option("--key", envvar="XLFORGET_KEY", help="Private key that signs; see keygen.")] = None,
    sign: Annotated[
        str, typer.Option(help="key; certificate: the key with an authority's certificate; sigstore: an identity, no key.")
    ] = "key",
    certificate: Annotated[
        Path | None, typer.Option(metavar="PEM", help="For --sign certificate: the key's certificate, then those above it.")
    ] = None,
    ticket: Annotated[
        list[str] | None, typer.Option(help="Opaque id of the deletion ticket; with several requests once for each, in order.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Write the evidence bundle (personal data, 0600).")] = None,
    seal_to: Annotated[
        Path | None, typer.Option("--seal-to", metavar="PUB", help="Seal that bundle: only this key's private half opens it.")
    ] = None,
    openings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what proves later that a fact was in the request (0600).")
    ] = None,
    parent_key: Annotated[
        Path | None,
        typer.Option("--parent-key", envvar="XLFORGET_PUBKEY", help="Who signed the model, where xlforget wrote it."),
    ] = None,
    former: Annotated[
        list[Path] | None, typer.Option(help="Evidence of an earlier ticket on this model; may be given again and again.")
    ] = None,
    unseal: Annotated[
        Path | None, typer.Option("--unseal", envvar="XLFORGET_UNSEAL_KEY", help="The private key that opens sealed evidence.")
    ] = None,
    device: question_options.Device = "auto",
    precision: memory_options.Precision = "auto",
    optimizer: memory_options.Optimizer = "adamw",
    checkpointing: memory_options.Checkpointing = False,
    lora: memory_options.Lora = False,
    lora_rank: memory_options.Rank = None,
    lora_alpha: memory_options.Alpha = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard the work folder of an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT in one step.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, memory and time, and leave.")] = False,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write verdict or plan as JSON; - is stdout.")
    ] = None,
) -> None:
    """Forget the facts of REQUEST in every language and write the signed model, if the gate lets it pass.

    Several requests are forgotten together, in one model; each ticket gets a report of its own.
    """
    from xlforget import asked, pipeline, planning, rehearsal
    from xlforget.artifact import audit_file
    from xlforget.cli import showing
    from xlforget.cli.asking import passphrase_for, required_key, signing_certificate
    from xlforget.cli.watching import Watching
    from xlforget.parallel.languages import parse_languages
    from xlforget.unlearn.memory import check, suited
    from xlforget.unlearn.methods import method as preset

    console = tables(json)
    private = None if dry_run or sign == "sigstore" else required_key(key, "XLFORGET_KEY")
    memory = memory_options.memory(optimizer, precision, checkpointing, lora, lora_rank, lora_alpha)
    run = asked.Apply(
        requests=tuple(request),
        model=model,
        out=out or Path(f"{Path(model).name}-forgotten"),
        key=private,
        passphrase=passphrase_for(private) if private else None,
        certificate=signing_certificate(sign, certificate),
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
        method=suited(preset(method, kappa=kappa, sampling=sampling, lr=lr, rounds=rounds, hardened=harden or None), memory, lr),
        teacher=teacher,
        memory=memory,
        samples=samples,
        profile=profile,
        policy=policy,
        seed=seed,
        tickets=audit_file.check_tickets(ticket or (), len(request)),
        keep=keep,
        seal_to=seal_to,
        openings=openings,
        parent_key=parent_key,
        former=tuple(former or ()),
        unseal=unseal,
        unseal_passphrase=passphrase_for(unseal, "XLFORGET_UNSEAL_PASSPHRASE") if former and unseal else None,
        fresh=fresh,
        overwrite=overwrite,
        device=device,
    )
    with Watching(console) as watch:
        if dry_run:
            check(run.memory, run.method)
            watch.stage("making the plan")
            plan = planning.dry_run(run)
            watch.stage("trying a few steps")
            tried = rehearsal.rehearse(plan.sized(run), plan)
        else:
            applied = pipeline.apply(run, watch)
    if dry_run:
        showing.show_plan(console, plan, tried)
        if json:
            write_json(json, {"languages": plan.languages(), "not_taken": plan.not_taken} | tried.to_json())
        raise typer.Exit
    showing.show_verdict(console, applied.verdict)
    showing.show_place(console, applied)
    if json:
        write_json(json, applied.verdict)
    raise typer.Exit(0 if applied.verdict.passed else 1)
