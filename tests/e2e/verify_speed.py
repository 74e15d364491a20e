"""How long `verify` takes on a large folder, beside sha256sum on the same files.

    python tests/e2e/verify_speed.py FOLDER --gigabytes 2

Writes a model folder of that size into FOLDER, signs it, and prints both times: the best of three, from a warm cache.
"""

import argparse
import json
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from xlforget.artifact import audit_file, keys, papers  # noqa: E402
from xlforget.artifact.folder import digests, output_folder  # noqa: E402

GOLDEN = ROOT / "tests/golden/schema-2/passed"
CHUNK = 64 << 20


def write_folder(place: Path, gigabytes: float, shards: int) -> Path:
    """A folder with weights of that size (noise of a fixed pattern), signed with a key of its own."""
    pair = keys.keygen(place / "k.pem")
    audit = audit_file.read_audit((GOLDEN / "audit.json").read_bytes())
    assert audit.output
    with output_folder(place / "model") as staging:
        weight_map = {}
        for shard in range(1, shards + 1):
            name = f"model-{shard:05}-of-{shards:05}.safetensors"
            weight_map[f"t{shard}"] = name
            write_weights(staging / name, f"t{shard}", int(gigabytes * (1 << 30)) // shards // 4)
        (staging / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        (staging / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
        output = audit.output.model_copy(update={"files": digests(staging)})
        papers.write_papers(staging, audit.model_copy(update={"output": output}), pair.private)
    return place / "model"


def write_weights(path: Path, name: str, numbers: int) -> None:
    header = json.dumps({name: {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}).encode()
    pattern = bytes(range(256)) * (CHUNK // 256)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        left = 4 * numbers
        while left:
            left -= file.write(pattern[: min(left, CHUNK)])


def best(command: list[str], say: Callable[[str], None]) -> float:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        times.append(time.perf_counter() - begun)
    say(f"{' '.join(command[:3])} ...: " + ", ".join(f"{t:.2f} s" for t in times))
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--shards", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    folder = write_folder(given.folder.absolute(), given.gigabytes, given.shards)
    summed = best(["sha256sum", *sorted(str(path) for path in folder.iterdir())], print)
    verified = best([sys.executable, "-m", "xlforget", "verify", str(folder), "--key", str(folder.parent / "k.pub")], print)
    allowed = 1.1 * summed + 1
    print(f"sha256sum {summed:.2f} s, verify {verified:.2f} s, allowed (1.1 x + 1 s) {allowed:.2f} s")
    sys.exit(verified > allowed)


if __name__ == "__main__":
    main()
