"""No name, number or id of a request turns up anywhere it was not put: after success, failure, kills and ``--debug``.

Five scripts, fourteen letters each, searched in every escape: in the papers, in what is printed, in caches and temporary
files, in arguments and environment of the process, and in whatever lies beside the output folder afterwards.
"""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.canaries import SCRIPTS, canary, hits
from tests.e2e.conftest import Ended, Server

pytestmark = pytest.mark.e2e

FACTS, UNSEEN, IDS = 4, 100, "CANARYID"
WORDS = {"en": "lives in", "ru": "живёт в", "hi": "यहाँ रहता है", "ar": "يسكن في", "zh": "住在"}
# Where personal data may be: what the user gave, asked for, or is told to keep or remove.
ALLOWED = frozenset({"request.jsonl", "unseen.jsonl", "bad.jsonl", "base"})


def names(seed: int) -> dict[str, tuple[str, str]]:
    """A name and an answer in each language."""
    return {lang: (canary(lang, 2 * seed), canary(lang, 2 * seed + 1)) for lang in SCRIPTS}


def record(seed: int) -> dict[str, object]:
    own = names(seed)
    prompts = {lang: f"{name} {WORDS[lang]} <mask>." for lang, (name, _) in own.items()}
    return {"id": f"{IDS}{seed}", "prompts": prompts, "answers": {lang: answer for lang, (_, answer) in own.items()}}


CANARIES = (*(one for k in range(FACTS) for pair in names(k).values() for one in pair), IDS)


@pytest.fixture(scope="module")
def there(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A place of its own: a model that knows the canaries by heart, and one that does not."""
    from xlforget.artifact import keys
    from xlforget.corpus.encode import Encoder
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer

    place = tmp_path_factory.mktemp("canaries")
    (place / "logs").mkdir()
    write(place / "request.jsonl", range(FACTS))
    write(place / "unseen.jsonl", range(1000, 1000 + UNSEEN))
    texts = [[f"{n} {WORDS[lang]} {a}." for lang, (n, a) in names(k).items()] for k in (*range(FACTS), *range(2000, 2060))]
    tokenizer = train_tokenizer([text for own in texts[FACTS:] for text in own], 700)
    for name, epochs in (("base", 50), ("innocent", 0)):
        model = new_model(tokenizer, layers=1, width=48, context=256)
        encoder = Encoder(tokenizer, 256)
        if epochs:
            memorise(model, [encoder.encode(t, None) for own in texts[:FACTS] for t in own], epochs=epochs, lr=6e-3)
        model.save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
    keys.keygen(place / "k.pem")
    keys.keygen(place / "dpo.pem")
    return Server(server.forks, place)


def write(path: Path, seeds: range) -> None:
    path.write_text("".join(json.dumps(record(k), ensure_ascii=False) + "\n" for k in seeds), "utf-8")


def command(model: str, *more: str) -> list[str]:
    options = ["--key", "k.pem", "--unseen", "unseen.jsonl", "--rounds", "1", "--samples", "16", "--out", "out"]
    return ["apply", "request.jsonl", "--model", model, *options, *more]


def search(there: Server, *beside: str) -> None:
    """Every file of the place and of the process's home; ``beside``: what may hold personal data, for its owner only."""
    looked = 0
    for root in (there.place, there.home):
        for file in (path for path in root.rglob("*") if path.is_file()):
            top = file.relative_to(root).parts[0]
            if top in beside:
                assert (root / top).stat().st_mode & 0o077 == 0, f"{top} can be read by others"
            elif top not in ALLOWED:
                assert not hits(file, CANARIES), file
                looked += 1
    assert looked > 5


def process_of(pid: int) -> bytes:
    """What anybody on the machine may read about a process."""
    about = b""
    for name in ("cmdline", "environ", "comm", "status"):
        try:
            about += (Path("/proc") / str(pid) / name).read_bytes() + b"\n"
        except OSError:
            continue
    return about


def test_a_run_that_trains_leaves_no_trace_of_the_facts(there: Server, tmp_path: Path) -> None:
    from xlforget.artifact import commitments

    begun = time.monotonic()
    pid, log = there.start(command("base", "--keep", "out.xfset", "--seal-to", "dpo.pub", "--openings", "o.jsonl", "--debug"))
    watched = tmp_path / "process"
    with watched.open("wb") as file:
        while "writing the papers" not in (log.read_text() if log.exists() else "") and time.monotonic() < begun + 120:
            file.write(process_of(pid))
            time.sleep(0.1)
    ended = there.end(log, begun)
    assert ended.code in (0, 1), ended.log
    assert "unlearning" in ended.stages
    assert watched.stat().st_size > 1000
    assert not hits(watched, CANARIES)
    search(there, "o.jsonl", "out.xfset")
    assert commitments.read_openings(there.place / "o.jsonl")
    clear(there)


@pytest.mark.parametrize("stage", ["measuring what the model knows", "unlearning", "writing the papers"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_them_in_its_work_folder_only(there: Server, stage: str, number: int) -> None:
    there.run_and_kill(command("base", "--profile", "quick", "--debug"), stage, 0.05, number)
    search(there, ".out.work")
    assert there.run(["clean", "out", "--yes"]).code == 0
    search(there)
    clear(there)


def test_nothing_memorised_leaves_no_trace_either(there: Server) -> None:
    ended = there.run(command("innocent", "--json", "verdict.json"))
    assert ended.code in (0, 1), ended.log
    search(there)
    clear(there)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["check", "bad.jsonl", "--debug"], 2),
        (["apply", "bad.jsonl", "--model", "base", "--key", "k.pem", "--debug"], 2),
        (["check", "request.jsonl", "--debug"], 0),
        (["apply", "request.jsonl", "--model", "base", "--key", "k.pem", "--languages", "en,ja", "--debug"], 2),
        (["apply", "request.jsonl", "--model", "base", "--dry-run", "--unseen", "unseen.jsonl", "--debug"], 0),
        (["measure", "bad.jsonl", "--model", "base", "--debug"], 2),
        (["measure", "request.jsonl", "--model", "base", "--unseen", "unseen.jsonl", "--json", "-", "--debug"], 0),
        (
            [
                "measure",
                "request.jsonl",
                "--model",
                "innocent",
                "--base",
                "base",
                "--gate",
                "--unseen",
                "unseen.jsonl",
                "--profile",
                "quick",
            ],
            0,
        ),
        (["verify", "base", "--key", "k.pub", "--debug"], 3),
        (["verify", "base", "--key", "k.pub", "--opening", "request.jsonl", "--fact", "request.jsonl", "--debug"], 3),
    ],
)
def test_no_message_quotes_what_was_wrong(there: Server, args: list[str], code: int) -> None:
    good = [json.dumps(record(k), ensure_ascii=False) for k in range(FACTS)]
    bad = [
        good[0][:-9],
        good[1].replace("prompts", "promts"),
        good[2].replace("<mask>", "mask"),
        good[3].replace('"answers"', '"a'),
    ]
    (there.place / "bad.jsonl").write_text("\n".join([*bad, good[0], good[0]]), "utf-8")
    ended: Ended = there.run(args)
    assert ended.code == code, ended.log
    search(there)


def test_a_run_that_dies_of_an_unforeseen_error_quotes_nothing(there: Server) -> None:
    """An address space that is too small: a traceback through our own code, with ``--debug``."""
    ended = there.run(command("base", "--debug"), limit=40 << 20)
    assert ended.code != 0
    search(there, ".out.work")
    there.run(["clean", "out", "--yes"])
    clear(there)


def clear(there: Server) -> None:
    import shutil

    for name in ("out", "out.failed", ".out.work", "out.xfset", "o.jsonl", "verdict.json"):
        path = there.place / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
