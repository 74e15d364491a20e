"""Any chat model behind an OpenAI-compatible endpoint (vLLM, llama.cpp, Ollama, a hosted one), as a translator."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from xlforget.errors import MachineError
from xlforget.parallel.parallel_set import TranslatorInfo
from xlforget.parallel.translators import prompts
from xlforget.parallel.translators.endpoint import Endpoint, Limits, check_address
from xlforget.parallel.translators.engine import EngineOptions, Translation

KEY = "XLFORGET_TRANSLATOR_KEY"
SEED = 0
TOKENS = 2048  # an answer may be, what it thinks before included
WORKERS = 4  # requests at once

Item = TypeVar("Item")


def open_engine(url: str, model: str, *, allow_remote: bool = False, limits: Limits | None = None) -> "Chat":
    """``url``: the base, as in http://localhost:8000/v1. ``model``: the name that the endpoint knows it by.

    The key, if the endpoint wants one, is in the environment variable XLFORGET_TRANSLATOR_KEY. Raises UsageError ENDPOINT
    or REMOTE_ENDPOINT; asks the endpoint nothing yet.
    """
    address = check_address(url, allow_remote=allow_remote)
    return Chat(Endpoint(address, limits or Limits(), os.environ.get(KEY, "")), model)


def with_options(options: EngineOptions) -> "Chat":
    """As `open_engine`, by what the user said. Raises UsageError where an endpoint or a model was not named."""
    url, model = options.required("endpoint", "--translator-endpoint"), options.required("model", "--translator-model")
    return open_engine(url, model, allow_remote=options.allow_remote)


class Chat:
    """Temperature 0 and a fixed seed: the same call gives the same sentences as far as the endpoint keeps to them."""

    name = "chat"

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model

    def info(self) -> TranslatorInfo:
        """The version says where the sentences were sent: to this machine or to which host."""
        where = "this machine" if self._endpoint.address.local else self._endpoint.address.host
        version = f"prompt {prompts.VERSION}, {where}"
        return TranslatorInfo(name=self.name, model=self._model, version=version, licence="not stated by the endpoint")

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Nothing: what a chat model speaks is not written anywhere, and the checks see what it writes."""
        return ()

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        """Each text in the target language, in order; empty and not ended where the answer is not one clean sentence.

        Raises MachineError ENDPOINT_...
        """
        return self._each(texts, lambda text: self._translation(text, source, target, marked=marked))

    def reword(self, texts: Sequence[str], lang: str, count: int, *, marked: bool = False) -> list[tuple[Translation, ...]]:
        """Up to ``count`` other ways to say each text in its own language, none where the answer is not clean.

        ``marked`` as in `translate`. Raises MachineError ENDPOINT_...
        """
        return self._each(texts, lambda text: self._rewordings(text, lang, count, marked=marked))

    def _translation(self, text: str, source: str, target: str, *, marked: bool) -> Translation:
        answer = self._ask(prompts.to_translate(text, source, target, marked=marked))
        return prompts.NOTHING if answer is None else prompts.read_translation(answer, text, marked=marked)

    def _rewordings(self, text: str, lang: str, count: int, *, marked: bool) -> tuple[Translation, ...]:
        answer = self._ask(prompts.to_reword(text, lang, count, marked=marked))
        return () if answer is None else prompts.read_rewordings(answer, text, count, marked=marked)

    def _each(self, texts: Sequence[str], answer: Callable[[str], Item]) -> list[Item]:
        """Equal texts are asked once. An error stops the requests that have not begun."""
        distinct = list(dict.fromkeys(texts))
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                found = dict(zip(distinct, pool.map(answer, distinct), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [found[text] for text in texts]

    def _ask(self, prompt: str) -> str | None:
        """The answer, None where it was cut off or withheld."""
        body = {
            "model": self._model,
            "messages": [{"role": "system", "content": prompts.SYSTEM}, {"role": "user", "content": prompt}],
            "temperature": 0,
            "seed": SEED,
            "max_tokens": TOKENS,
            "stream": False,
        }
        return _content(self._endpoint.post("/chat/completions", body))


def _content(answer: Any) -> str | None:
    try:
        (choice,) = answer["choices"]
        reason, content = choice.get("finish_reason"), choice["message"]["content"]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise MachineError(
            "The translation endpoint answered with JSON that is no chat completion.",
            do="Check that the base URL ends where /chat/completions begins, as in http://localhost:8000/v1.",
            code="ENDPOINT_ANSWER",
        ) from None
    return content if reason == "stop" and isinstance(content, str) else None
