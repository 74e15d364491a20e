"""Token log-probabilities of answers as training sees them, and the levels drawn from unseen ones."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn.objective import token_logp

BATCH_TOKENS = 2048
CHUNK = 512


def flat(positions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Row and position of every token, as index tensors [N]."""
    rows = [k for k, at in enumerate(positions) for _ in at]
    return torch.tensor(rows, dtype=torch.long), torch.tensor([p for at in positions for p in at], dtype=torch.long)


@torch.inference_mode()
def answer_logp(lm: Lm, texts: Sequence[Encoded]) -> list[NDArray[np.float32]]:
    """Log-probabilities of every text's answer tokens, one teacher-forced pass."""
    lm.model.eval()
    head = lm.head
    found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(texts)
    for batch in by_length(texts, BATCH_TOKENS):
        positions = [texts[r].answer for r in batch.rows]
        rows, at = flat(positions)
        hidden = lm.hidden(batch)[rows, at - 1]
        targets = batch.ids.to(hidden.device)[rows, at]
        parts = zip(hidden.split(CHUNK), targets.split(CHUNK), strict=True)
        logp = torch.cat([token_logp(head(h), t) for h, t in parts]).cpu().numpy()
        for r, part in zip(batch.rows, np.split(logp, np.cumsum([len(p) for p in positions])[:-1]), strict=True):
            found[r] = part
    return found


def draw(pairs: Sequence[Probe], unseen: Sequence[Probe], lm: Lm, seed: int) -> list[NDArray[np.float32]]:
    """Tau for each pair: the token log-probabilities of one unseen answer of its language, [answer tokens] each.

    Drawn without replacement while the language's unseen answers last, each time the one of the same relation (where
    there is one) and nearest length; a shorter one is filled up from its own tokens.
    Raises UsageError where a language has no unseen answer.
    """
    rng = np.random.default_rng(seed)
    logps = answer_logp(lm, [probe.text for probe in unseen])
    of_lang = {lang: [k for k, probe in enumerate(unseen) if probe.lang == lang] for lang in {p.lang for p in pairs}}
    missing = sorted(lang for lang, own in of_lang.items() if not own)
    if missing:
        raise UsageError(
            f"No unseen text in {', '.join(missing)}: nothing says how an unknown answer scores there.",
            do="Give --unseen text of the facts' form in these languages.",
            code="NO_UNSEEN",
        )
    levels: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(pairs)
    left: dict[str, list[int]] = {lang: [] for lang in of_lang}
    for i in (int(k) for k in rng.permutation(len(pairs))):
        lang, relation, length = pairs[i].lang, pairs[i].relation, len(pairs[i].text.answer)
        left[lang] = left[lang] or [int(k) for k in rng.permutation(of_lang[lang])]
        nearest = min(left[lang], key=lambda k: (unseen[k].relation != relation, abs(len(logps[k]) - length)))
        left[lang].remove(nearest)
        tokens = logps[nearest]
        levels[i] = np.concatenate([tokens[:length], rng.choice(tokens, max(0, length - len(tokens)))]).astype(np.float32)
    return levels
