"""All text of a run in tokens: facts, controls, retain rows, bystanders, unseen text."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from xlforget.corpus import controls as controls_room
from xlforget.corpus.controls import SPLITS, Split, group_of, split_of
from xlforget.corpus.encode import Encoded, Encoder, Unencodable
from xlforget.corpus.others import identifies
from xlforget.corpus.probes import FIRST, RIVALS, Probe, Refused, encode_pairs
from xlforget.corpus.texts import neutral
from xlforget.corpus.withheld import withheld
from xlforget.errors import UsageError
from xlforget.parallel.parallel_set import Pair, ParallelSet
from xlforget.parallel.translators import get_translator
from xlforget.request import phrasebook
from xlforget.request.fact import ErasureRequest, Fact, Statement, Structured
from xlforget.request.phrasebook import MissingWording

CONTROL_ROWS = 300
ALTERNATIVES = 3


@dataclass(frozen=True)
class Text:
    """A row of retain or unseen text in one language, in tokens."""

    row: str
    lang: str
    text: Encoded


@dataclass(frozen=True)
class Corpus:
    """What a run reads. ``pairs``: the control pairs as text, for the evidence bundle; ``groups``: form of each row; ``context``:
    how many tokens the model reads at most."""

    langs: tuple[str, ...]
    facts: tuple[Probe, ...]
    controls: dict[Split, tuple[Probe, ...]]
    control_pairs: tuple[Pair, ...]
    groups: dict[str, str]
    retain: tuple[Text, ...]
    bystanders: tuple[Text, ...]
    unseen: tuple[Text, ...]
    neighbours: tuple[Encoded, ...]
    neutral: tuple[Encoded, ...]
    refused: tuple[Refused, ...]
    context: int = field(compare=False)


def build(
    encoder: Encoder,
    request: ErasureRequest,
    parallel: ParallelSet,
    retain: Sequence[Fact],
    unseen: Sequence[Fact],
    seed: int,
) -> Corpus:
    """Encode everything; controls come from ``unseen`` and, for structured facts, from the phrasebook."""
    pairs = parallel.usable()
    langs = tuple(dict.fromkeys(pair.lang for pair in pairs))
    facts, refused = encode_pairs(encoder, pairs, ALTERNATIVES)
    made = make_controls(request, pairs, langs, retain, unseen, seed)
    probes = encode_controls(encoder, made)
    held = withheld(retain)
    rows = _texts(encoder, retain, langs)
    if retain and not rows:
        raise UsageError(
            "No row of --retain can be used: none is text that this model can hold.",
            do="Give texts, or form 4 rows in the languages of this run.",
            code="RETAIN_UNUSED",
        )
    return Corpus(
        langs=langs,
        facts=tuple(facts),
        controls=probes,
        control_pairs=made,
        groups={pair.fact: group_of(pair) for pair in (*pairs, *made)},
        retain=tuple(t for t in rows if t.row not in held),
        bystanders=tuple(t for t in rows if t.row in held),
        unseen=tuple(_texts(encoder, _never_trained_on(unseen) or neutral(langs)[1::2], langs)),
        neighbours=tuple(_neighbour(p) for p in probes["aim"] if p.serves("train")),
        neutral=tuple(t.text for t in _texts(encoder, neutral(langs)[::2], langs)),
        refused=tuple(refused),
        context=encoder.context,
    )


def make_controls(
    request: ErasureRequest,
    pairs: Sequence[Pair],
    langs: Sequence[str],
    retain: Sequence[Fact],
    unseen: Sequence[Fact],
    seed: int,
) -> tuple[Pair, ...]:
    """Control pairs of the forms that the facts have."""
    wanted = {group_of(pair) for pair in pairs} | {"others"}
    given = controls_room.from_unseen(unseen, langs, pairs, retain)
    book, structured = get_translator("phrasebook"), [fact for fact in request.facts if fact.structured]
    worded = tuple(dict.fromkeys(pair.lang for pair in pairs if pair.relation is not None))
    strangers = controls_room.from_structured(unseen, worded, book, seed) if structured else ()
    invented = controls_room.from_phrasebook(structured, worded, book, CONTROL_ROWS, seed)
    more = controls_room.to_ask_about(structured, worded, book, CONTROL_ROWS, seed)
    return tuple(pair for pair in (*given, *strangers, *invented, *more) if group_of(pair) in wanted)


def encode_controls(encoder: Encoder, pairs: Iterable[Pair]) -> dict[Split, tuple[Probe, ...]]:
    """Controls by split, each in the wordings that its split is read in. What the model cannot hold is left out."""
    by_split: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    for pair in pairs:
        by_split[split_of(pair.fact)].append(pair)
    found: dict[Split, tuple[Probe, ...]] = {}
    for split, own in by_split.items():
        roles, rivals = {"all", "train", split}, RIVALS if split == "aim" else FIRST
        found[split] = tuple(encode_pairs(encoder, own, ALTERNATIVES, roles, rivals)[0])
    return found


def _neighbour(probe: Probe) -> Encoded:
    """What a model must go on saying about others. What is one person's alone is left out: there it may say a fact's answer."""
    start = probe.text.answer[0] - probe.text.space
    if not identifies(probe.relation) or start < 2:
        return probe.text
    return Encoded(probe.text.ids[:start], tuple(range(1, start)))


def _never_trained_on(unseen: Sequence[Fact]) -> list[Fact]:
    """Unseen rows less those that training aims at, which it also imitates."""
    return [row for number, row in enumerate(unseen) if split_of(controls_room.unseen_row(number)) != "aim"]


def _texts(encoder: Encoder, rows: Sequence[Fact], langs: Sequence[str]) -> list[Text]:
    """All rows that the model can hold, in their own languages; those of form 4 in ``langs``, in the phrasebook's words."""
    told = [(row.id, lang, s.text, s.span) for row in rows for lang, s in row.statements.items()]
    told += [(row.id, lang, w.text, w.span) for row in rows if row.structured for lang, w in _worded(row.structured, langs)]
    encoded = encoder.encode_all([(text, span) for _, _, text, span in told])
    return [
        Text(row, lang, text) for (row, lang, _, _), text in zip(told, encoded, strict=True) if not isinstance(text, Unencodable)
    ]


def _worded(person: Structured, langs: Sequence[str]) -> Iterator[tuple[str, Statement]]:
    for lang in langs:
        with suppress(MissingWording):
            yield lang, phrasebook.wordings(person, lang)[0]


def per_language(items: Iterable[Probe | Text]) -> dict[str, int]:
    """How many items there are of each language."""
    return dict(Counter(item.lang for item in items))
