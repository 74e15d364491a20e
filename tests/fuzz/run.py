"""Fuzz the parsers, and print how many inputs each was given.

    python -m tests.fuzz.run --inputs 1000000                 # all targets, coverage-guided (needs atheris)
    python -m tests.fuzz.run --inputs 50000 --target bundle   # one of them

Every target runs in a process of its own. An exception that is not ours, an input that takes more than a second, and
memory beyond 200 MB above the start end it with the input in a file and exit 1.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOKENS = (
    *('"', "{", "}", "[", "]", ":", ",", "null", "true", "NaN", "1e999", "-1", "9" * 30, "\\ud800", "\\u0000", "[" * 200),
    *("../", "schemaVersion", "predicateType", "signatures", "payload", "keyid", "data_offsets", "shape", "weight_map"),
    *("auto_map", "<mask>", "texts", "answers", "candidates", "span", "-----BEGIN EC PRIVATE KEY-----", "ENCRYPTED", "PK"),
    *("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "rawBytes", "x509CertificateChain", "tlogEntries"),
    *("<tu>", "<hi>", "<!ENTITY", "encoding=", "xml:lang", "&a;", "license:", "language:", "choices", "batch", "parent"),
)
SECONDS, MEGABYTES = 1, 200


def one(name: str, runs: int, seed: int, folder: Path) -> None:
    """This process becomes libFuzzer; it does not come back."""
    import atheris

    with atheris.instrument_imports(include=["xlforget", "json", "zipfile", "jsonlines"]):
        from tests.fuzz.targets import feed, targets

    target = targets()[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, content in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(content)
        feed(target, content)
    escaped = ["".join(map("\\x{:02x}".format, word.encode())) for word in TOKENS]
    (folder / "words").write_text("".join(f'"{word}"\n' for word in escaped))
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    slowest = 0.0
    count = 0

    def run(content: bytes) -> None:
        nonlocal slowest, count
        begun = time.monotonic()
        feed(target, content)
        slowest = max(slowest, time.monotonic() - begun)
        count += 1
        if slowest > SECONDS:
            raise TimeoutError(f"an input took {slowest:.2f} s")
        if count == runs:
            used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10) - base
            print(f"{name:16} {count} inputs, slowest {slowest:.3f} s, memory {used} MB above the start", flush=True)

    options = [f"-runs={runs}", f"-seed={seed}", f"-dict={folder / 'words'}", "-max_len=40000", "-len_control=20"]
    options += [f"-rss_limit_mb={base + MEGABYTES}", "-timeout=5", f"-artifact_prefix={folder}/", "-print_final_stats=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], run)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="")
    parser.add_argument("--here", type=Path)
    given = parser.parse_args()
    if given.here:
        return one(given.target, given.inputs, given.seed, given.here)
    from tests.fuzz.targets import targets

    names = [given.target] if given.target else list(targets())
    runs = -(-given.inputs // len(names))
    print(f"seed {given.seed}, {runs} inputs for each of {len(names)} parsers")
    bad = 0
    for name in names:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        command = [sys.executable, "-m", "tests.fuzz.run", "--here", folder, "--target", name, "--inputs", runs]
        done = subprocess.run([*map(str, command), "--seed", str(given.seed)], stderr=subprocess.PIPE, check=False)
        if done.returncode:
            bad += 1
            print(f"{name}: FAILED, see {folder}\n{done.stderr.decode(errors='replace')[-3000:]}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
