"""Facts in free English, worded in Spanish and Catalan by Apertium, forgotten, and the gate passed; or left out and counted."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.commands import xlforget
from tests.e2e.watching import Silent

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LANGS = ("en", "es", "ca")
SENTENCES = (
    "{name} lives in the city of {place}.",
    "{name} bought an old house in {place}.",
    "The brother of {name} works in {place}.",
    "Last year {name} travelled to {place}.",
)


def sentences(count: int, seed: int) -> list[dict[str, str]]:
    """Records of form 1 about invented people and places."""
    from xlforget.request import invent, phrasebook

    people = invent.invent_people(phrasebook.relation("place_of_birth"), count, seed, ("en",))
    names = [(person.subject["en"], person.object["en"].split()[-1]) for person in people]
    texts = [Random(f"{seed}/{k}").choice(SENTENCES).format(name=n, place=p) for k, (n, p) in enumerate(names)]
    return [
        {"id": f"r{seed}-{k}", "lang": "en", "text": text, "answer": place}
        for k, (text, (name, place)) in enumerate(zip(texts, names, strict=True))
        if text.count(place) == 1 and place not in name
    ]


def write(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, needs_apertium: None) -> Path:
    """A request in English, the same in three languages, unseen rows translated alike, keys."""
    where = tmp_path_factory.mktemp("translated")
    write(where / "request.jsonl", sentences(12, 1))
    write(where / "strange.jsonl", sentences(160, 2))
    for name in ("request", "strange"):
        options = ("--languages", ",".join(LANGS), "--translator", "apertium", "-o", f"{name}.set.jsonl")
        done = xlforget("translate", f"{name}.jsonl", *options, cwd=where)
        assert done.returncode == 0, done.stderr
    write(where / "unseen.jsonl", as_form_6(where / "strange.set.jsonl"))
    assert xlforget("keygen", "k.pem", cwd=where).returncode == 0
    return where


def as_form_6(path: Path) -> list[dict[str, object]]:
    """Rows that can be used in every language."""
    from xlforget.parallel.parallel_set import ParallelSet

    usable: dict[str, dict[str, tuple[str, str]]] = {}
    for pair in ParallelSet.load(path).usable():
        start, end = pair.wordings[0].span or (0, 0)
        text = pair.wordings[0].text
        usable.setdefault(pair.fact, {})[pair.lang] = (f"{text[:start]}<mask>{text[end:]}", text[start:end])
    return [
        {"prompts": {lang: p for lang, (p, _) in own.items()}, "answers": {lang: a for lang, (_, a) in own.items()}}
        for own in usable.values()
        if len(own) == len(LANGS)
    ]


def memorised_base(place: Path) -> dict[str, object]:
    """base/ knows Apertium's translations of the request by heart; returns its weights from before."""
    from xlforget.corpus.encode import Encoder
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
    from xlforget.parallel.parallel_set import ParallelSet

    texts = [pair.wordings[0].text for pair in ParallelSet.load(place / "request.set.jsonl").usable()]
    strange = [pair.wordings[0].text for pair in ParallelSet.load(place / "strange.set.jsonl").usable()]
    tokenizer = train_tokenizer(strange, 800)
    model = new_model(tokenizer, layers=2, width=96, context=256)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    encoder = Encoder(tokenizer, 256)
    memorise(model, [encoder.encode(text, None) for text in texts], epochs=60, lr=4e-3)
    model.save_pretrained(place / "base")
    tokenizer.save_pretrained(place / "base")
    return before


def test_the_whole_line_passes_on_free_english_text(place: Path) -> None:
    from xlforget import pipeline
    from xlforget.asked import Apply
    from xlforget.unlearn.unlearn import Unlearned

    strange = memorised_base(place)

    def exchange(lm, *_: object) -> Unlearned:  # type: ignore[no-untyped-def]
        lm.model.load_state_dict(strange)
        return Unlearned(0, 0, (0, 0))

    asked = Apply(
        requests=(str(place / "request.jsonl"),), model=str(place / "base"), out=place / "out", key=place / "k.pem",
        languages=LANGS, translator="apertium", skip_unreviewed=True, unseen=str(place / "unseen.jsonl"), samples=0,
        device="cpu", keep=place / "out.xfset", profile="quick",  # to a model that never learned anything attacks are chance
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "unlearn", exchange)
        applied = pipeline.apply(asked, Silent())
    failed = [(t.score, t.level, t.lang, t.outcome) for t in applied.verdict.tests if t.outcome.value != "PASS"]
    assert applied.verdict.passed, failed
    assert not applied.verdict.nothing_memorised
    audit = json.loads((place / "out/audit.json").read_text())
    left_out = sum(audit["request"][key] for key in ("pairsInReview", "pairsUnusable"))
    assert audit["request"]["pairs"] + left_out == 3 * audit["request"]["facts"]
    assert set(audit["request"]["languagesUnlearned"]) == set(LANGS)
    assert {t["name"] for t in audit["parallelSet"]["translators"]} == {"given", "apertium"}
    assert xlforget("verify", "out", "--key", "k.pub", "--evidence", "out.xfset", cwd=place).returncode == 0
    assert not list(place.glob(".*.work"))


def test_rows_that_nobody_decided_on_stop_apply_unless_they_may_be_left_out(place: Path) -> None:
    from xlforget import planning
    from xlforget.asked import Apply
    from xlforget.errors import UsageError
    from xlforget.parallel.undecided import MissingTranslation

    write(place / "two.jsonl", [
        {"id": "one", "lang": "en", "text": "Zorvana Quillfeather lives in the city of Tarnwick.", "answer": "Tarnwick"},
        {"id": "two", "lang": "en", "text": "The official language of Ghana is English.", "answer": "English"},
    ])  # fmt: skip
    done = xlforget(
        "translate", "two.jsonl", "--languages", "en,es", "--translator", "apertium", "-o", "two.set.jsonl", cwd=place
    )
    assert done.returncode == 0, done.stderr
    if not (place / "base").exists():
        memorised_base(place)
    refused = xlforget("apply", "two.jsonl", "--model", "base", "--parallel", "two.set.jsonl", "--dry-run", cwd=place)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "line 2: es: " in refused.stderr
    assert "English" not in refused.stderr
    here = Apply(requests=(str(place / "two.jsonl"),), model=str(place / "base"), out=place / "two", key=place / "k.pem")
    by_file = replace(here, parallel=place / "two.set.jsonl")
    for asked in (by_file, replace(here, languages=("en", "es"), translator="apertium")):
        with pytest.raises(MissingTranslation):
            planning.dry_run(asked)
        plan = planning.dry_run(replace(asked, skip_unreviewed=True))
        assert [pair.lang for pair in plan.parallel.usable()] == ["en", "es", "en"]
    with pytest.raises(UsageError, match="not this request's"):
        planning.dry_run(replace(by_file, requests=(str(place / "request.jsonl"),)))
