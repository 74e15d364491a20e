"""The processes of one run: rank 0 says what all of them do next, and gets what each of them found.

Orders and what comes back travel through a group of their own (gloo), beside the groups that move shards. An order names a
function of this package and holds each rank's arguments. Objects of which every rank has its own (a model, an optimizer) are
`Twin`: in an order they stand for the receiver's own.
"""

import os
import time
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from datetime import timedelta
from functools import wraps
from typing import Any, NoReturn, ParamSpec, Self, TypeVar

import torch
import torch.distributed as dist
from accelerate.utils.memory import should_reduce_batch_size

from xlforget.errors import MachineError, XlforgetError
from xlforget.fleet import launch

P = ParamSpec("P")
T = TypeVar("T")

# Between two orders rank 0 may translate for hours; that it has ended is noticed by its closed connection.
IDLE = timedelta(days=30)
START = timedelta(minutes=10)
GRACE = 2.0  # seconds

_joined: "list[Fleet]" = []


def current() -> "Fleet | None":
    """The fleet that this process belongs to."""
    return _joined[0] if _joined else None


def join() -> "Fleet":
    """Find the other processes. Raises MachineError where that takes too long."""
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(local_device("cuda"))
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=START)
        _joined.append(Fleet())
    except (RuntimeError, ValueError) as error:
        raise MachineError(
            f"The {launch.world()} processes of this run did not find each other ({type(error).__name__}).",
            do="Launch with torchrun or `accelerate launch`, with the same number of processes everywhere.",
            code="FLEET",
        ) from None
    return _joined[0]


def local_device(kind: str) -> torch.device:
    """The device of this rank: each process of a machine has one accelerator to itself."""
    if kind == "cpu":
        return torch.device(kind)
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")) % torch.accelerator.device_count())


class Fleet:
    """All processes. ``busy``: an operation is under way; what is called within it runs on this rank alone."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.busy = False
        self.twins: MutableMapping[int, Twin] = {} if self.rank else weakref.WeakValueDictionary()
        self._made = 0
        self._orders = dist.new_group(backend="gloo", timeout=IDLE)

    def call(self, work: Callable[..., T], parts: Sequence[tuple[Any, ...]]) -> list[T]:
        """Run ``work`` on every rank with its own arguments; what each returned, by rank.

        ``work`` is a function of a module. Rank 0's part does not leave it, nor does what it returns there. Raises MachineError
        where a process is lost: no other operation can follow then.
        """
        if self.busy:
            raise _lost()
        self.busy = True
        try:
            live = list(self.twins)
            self._deal([None, *((work, part, live) for part in parts[1:])])
            found: list[Any] = [None] * self.size
            own = work(*parts[0])
            dist.gather_object(None, found, dst=0, group=self._orders)
        except RuntimeError as error:
            raise _explained(error) from None
        self.busy = False
        return [own, *found[1:]]

    def vote(self, working: bool) -> bool:
        """Whether any rank still works. Every rank must vote."""
        votes = torch.tensor([int(working)])
        dist.all_reduce(votes, group=self._orders)
        return bool(votes.item())

    def number(self, twin: "Twin") -> int:
        """A number for a twin that is being made: the same on every rank, for all make them in the same order."""
        self._made += 1
        self.twins[self._made] = twin
        return self._made

    def serve(self) -> NoReturn:
        """Do what rank 0 says until it ends; then end as it does."""
        code = MachineError.exit_code
        try:
            while order := self._deal(None):
                self._obey(*order)
            code = int(self._deal(None))
            dist.destroy_process_group()
        except XlforgetError as error:
            code = error.exit_code
            time.sleep(GRACE)  # rank 0 has met the same, and must have the time to say it
        finally:
            os._exit(code)

    def end(self, code: int) -> bool:
        """Let the other ranks go, with this exit code; False where they are in the middle of an operation."""
        _joined.clear()
        if self.busy:
            return False
        try:
            for last in (None, code):
                self._deal([last] * self.size)
            dist.destroy_process_group()
        except RuntimeError:
            return False  # one is gone already
        return True

    def _obey(self, work: Callable[..., Any], part: tuple[Any, ...], live: Sequence[int]) -> None:
        for gone in set(self.twins) - set(live):
            del self.twins[gone]
        self.busy = True
        dist.gather_object(work(*part), dst=0, group=self._orders)
        self.busy = False

    def _deal(self, parts: Sequence[Any] | None) -> Any:
        """Each rank's own of what rank 0 deals out."""
        own: list[Any] = [None]
        dist.scatter_object_list(own, parts, src=0, group=self._orders)  # type: ignore[arg-type]
        return own[0]


class Twin:
    """An object that each rank makes in the same operation, and keeps as long as rank 0 does. Made otherwise it is no twin."""

    fleet: Fleet | None = None
    _number = 0

    def __new__(cls, *_: Any, **__: Any) -> Self:
        made = super().__new__(cls)
        fleet = current()
        if fleet and fleet.busy:
            made.fleet, made._number = fleet, fleet.number(made)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_twin, (self._number,)) if self.fleet else super().__reduce_ex__(protocol)


def _twin(number: int) -> Twin:
    return _joined[0].twins[number]


def together(work: Callable[P, T]) -> Callable[P, T]:
    """For a method of a twin, or a function that is given one first: called on rank 0 it runs on every rank.

    The other ranks get the same arguments; what they return is dropped.
    """

    @wraps(work)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        fleet = fleet_of(args[0])
        if fleet is None:
            return work(*args, **kwargs)
        return fleet.call(_run, [(call, args, kwargs)] * fleet.size)[0]  # type: ignore[no-any-return]

    return call


def fleet_of(value: Any) -> Fleet | None:
    """The fleet whose ranks all have a twin of ``value``; None for any other object, and within an operation."""
    return value.fleet if isinstance(value, Twin) and value.fleet and not value.fleet.busy else None


def _run(work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return work(*args, **kwargs)


def _explained(error: RuntimeError) -> Exception:
    if should_reduce_batch_size(error):
        return MachineError(
            "Out of memory on one of the processes.",
            do="Add --checkpointing, or launch more processes: each of them then holds less of the model.",
            code="OUT_OF_MEMORY",
        )
    return _lost() if isinstance(error, dist.DistError) or "gloo" in str(error).lower() else error


def _lost() -> MachineError:
    return MachineError(
        "Another process of this run has ended, most likely killed or out of memory.",
        do="Run the same command again to go on; with more processes each of them needs less memory.",
        code="PROCESS_LOST",
    )
