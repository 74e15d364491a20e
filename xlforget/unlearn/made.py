"""Text that no user has to bring: samples of the model, neighbours of the facts, the neutral corpus."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.samples import Ids, Stated, go_on, sample
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair
from xlforget.unlearn.told import Told, beginnings, told_in

SHORTEST, LONGEST = 24, 192
HELD_OUT = 16
# So many are drawn in any case, if so many may be: what is held out of them is to be enough for a verdict on damage.
FEWEST = 40 * HELD_OUT
# Texts go on with what the model is rather sure of: what it knows and must keep, or must forget, stands in more of them.
TEMPERATURE = 0.5


@dataclass(frozen=True)
class Made:
    """``train``: imitated at every step; ``held_out``: samples that training never sees, measured as bystanders.

    ``drawn``, ``stating``: how many samples there were, and how many of them state a fact or hold an answer that is one person's
    alone. ``told``: those that state one, and what the model says when it goes on from the facts' beginnings: forgotten as well.
    """

    train: tuple[Encoded, ...]
    held_out: tuple[Encoded, ...]
    drawn: int
    stating: int
    told: tuple[Told, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "train": [t.ids for t in self.train],
                "held_out": [t.ids for t in self.held_out],
                "drawn": self.drawn,
                "stating": self.stating,
                "told": [(one.row, one.lang, *astuple(one.text)) for one in self.told],
            }
        ).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Made":
        data = json.loads(content)
        train, held_out = (tuple(_whole(ids) for ids in data[key]) for key in ("train", "held_out"))
        told = tuple(
            Told(row, lang, Encoded(tuple(ids), tuple(answer), *rest)) for row, lang, ids, answer, *rest in data.get("told", ())
        )
        return cls(train, held_out, data["drawn"], data["stating"], told)


def make(
    lm: Lm,
    encoder: Encoder,
    corpus: Corpus,
    pairs: Sequence[Pair],
    samples: int,
    tokens: int,
    begun: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> Made:
    """Draw ``samples`` texts from the model, throw out those that state a fact or hold an answer that is one person's alone, add
    neighbours and neutral sentences.

    No more than `FEWEST` are drawn once they hold ``tokens`` tokens: what training will never read need not be made. From
    ``begun`` beginnings of each of the facts' texts the model goes on, and from no more in all than ``samples``, to find the
    facts in other words.
    """
    decode, start, end = _ends(encoder.tokenizer)
    longest = longest_of(corpus)
    how: Any = {"end": end, "longest": longest, "seed": seed, "temperature": TEMPERATURE}
    drawn = sample(lm, start, samples, tokens=tokens, fewest=FEWEST, progress=progress, **how)
    texts = [decode(ids, skip_special_tokens=True) for ids in drawn]
    states = Stated(pairs, texts)
    stating = [bool(states(text)) or states.tells(text) for text in texts]
    good = [_whole(ids) for ids, fact in zip(drawn, stating, strict=True) if len(ids) > len(start) + 2 and not fact]
    held = good[: len(good) // HELD_OUT]
    more = go_on(lm, _begun(corpus, begun, samples, seed), most=encoder.context, **how)
    told = told_in((*texts, *(decode(ids, skip_special_tokens=True) for ids in more)), states, encoder) if begun else ()
    seen_nowhere = frozenset(held)  # what the model knows by heart it says again and again
    train = [text for text in good[len(held) :] if text not in seen_nowhere]
    return Made((*train, *corpus.neighbours, *corpus.neutral), tuple(held), len(drawn), len(drawn) - len(good), told)


def _begun(corpus: Corpus, each: int, most: int, seed: int) -> list[Ids]:
    """Beginnings of the facts' texts: ``each`` of every one, or fewer, so that there are no more than ``most``."""
    probes = [probe for probe in corpus.facts if probe.serves("train")]
    return beginnings(probes, min(each, most // max(1, len(probes))), seed)


def said(lm: Lm, tokenizer: Any, corpus: Corpus, count: int, seed: int) -> tuple[Encoded, ...]:
    """So many texts that the model says of itself, facts or not: what it must still be able to say after an attack."""
    _, start, end = _ends(tokenizer)
    drawn = sample(lm, start, count, end=end, longest=longest_of(corpus), seed=seed)
    return tuple(_whole(ids) for ids in drawn if len(ids) > len(start) + 2)


def _ends(tokenizer: Any) -> tuple[Callable[..., str], list[int], int | None]:
    """How a text begins and ends for this tokenizer: with what it puts in front (XGLM's is not its BOS), else with the end of
    the text before."""
    told = tokenizer("a", return_special_tokens_mask=True, verbose=False)
    front = told["input_ids"][: told["special_tokens_mask"].index(0)]
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    return tokenizer.decode, front or [eos if eos is not None else bos if bos is not None else 0], eos


def longest_of(corpus: Corpus) -> int:
    """Samples are as long as the texts at hand: nine in ten of these are shorter."""
    texts = [*(p.text for p in corpus.facts), *(t.text for t in (*corpus.retain, *corpus.unseen))]
    lengths = sorted(len(text.ids) for text in texts)
    return min(LONGEST, max(SHORTEST, lengths[len(lengths) * 9 // 10] + 2))


def _whole(ids: Sequence[int]) -> Encoded:
    return Encoded(tuple(ids), tuple(range(1, len(ids))))
