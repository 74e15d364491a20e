"""Greedy continuations of prompts of different lengths by a causal model, with their scores."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria


@torch.inference_mode()
def generate(
    model: Any, prompts: Sequence[Sequence[int]], bound: int, ends: Sequence[int], stop: Callable[[int], bool] | None
) -> list[tuple[list[int], float]]:
    """For each prompt up to ``bound`` new ids, the last of them one of ``ends`` or one that ``stop`` holds for, and their
    mean log-probability (nats). The model is left in the mode that it was in.
    """
    longest = max(map(len, prompts))
    pad = ends[0] if ends else 0
    ids = torch.tensor([[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    attention = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    scores, training = _Scores(), model.training
    model.eval()
    try:
        out = model.generate(
            input_ids=ids,
            attention_mask=attention,
            generation_config=_settings(bound, ends, pad),
            logits_processor=[scores],
            stopping_criteria=[_Stop(stop)] if stop else [],
        )
    finally:
        model.train(training)
    return [_cut(new, logp, ends, stop) for new, logp in zip(out[:, longest:].tolist(), scores.best().tolist(), strict=True)]


def _settings(bound: int, ends: Sequence[int], pad: int) -> GenerationConfig:
    """Every setting is given: one that is not would be taken from the model's own."""
    return GenerationConfig(
        max_new_tokens=bound,
        eos_token_id=list(ends) or None,
        pad_token_id=pad,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        use_cache=True,
    )


class _Scores(LogitsProcessor):
    """Keeps the log-probability of each step's first token, which is the one that greedy search takes."""

    def __init__(self) -> None:
        self._steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._steps.append(torch.log_softmax(scores.float(), -1).amax(-1))
        return scores

    def best(self) -> Tensor:
        """[B, steps]"""
        return torch.stack(self._steps, 1)


class _Stop(StoppingCriteria):
    def __init__(self, stop: Callable[[int], bool]) -> None:
        self._stop = stop

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        return torch.tensor([self._stop(token) for token in input_ids[:, -1].tolist()], device=input_ids.device)


def _cut(new: list[int], logp: list[float], ends: Sequence[int], stop: Callable[[int], bool] | None) -> tuple[list[int], float]:
    """Without the padding behind the end."""
    last = next((at for at, token in enumerate(new) if token in ends or (stop is not None and stop(token))), len(new) - 1)
    return new[: last + 1], sum(logp[: last + 1]) / (last + 1)
