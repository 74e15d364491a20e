"""Plots as SVG, the same bytes for the same figures; colours that all eyes can tell apart, and markers beside them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlforget.errors import UsageError

# Okabe and Ito's palette.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vPX*<>"
FIXED: Any = {"svg.hashsalt": "xlforget", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
NAMED = {"base": "black", "gold": "#B8860B"}


def check() -> None:
    """Raises UsageError NO_MATPLOTLIB: before a long run, not behind it."""
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise UsageError(
            "This experiment draws its plot with matplotlib, which is not installed.",
            do="Install it: pip install 'xlforget[bench]'.",
            code="NO_MATPLOTLIB",
        ) from None


@contextmanager
def drawn(target: Path, width: float = 7.0, height: float = 4.5) -> Iterator[Any]:
    """Axes, saved to ``target`` at the end."""
    check()
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(FIXED):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure.add_subplot()
        figure.savefig(target, format="svg", metadata={"Date": None})


@dataclass(frozen=True)
class Axis:
    """A figure of the document and how it is called; ``better``: which way is the good one."""

    key: str
    title: str
    better: str = ""

    @property
    def label(self) -> str:
        return f"{self.title} ({self.better} is better)" if self.better else self.title


def _named(axes: Any, found: Mapping[str, Any], across: Axis, up: Axis) -> None:
    axes.set(xlabel=across.label, ylabel=up.label, title=f"{found['experiment']}: {found['set']}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


@dataclass(frozen=True)
class Pareto:
    """Each arm as a point with its intervals; ``across`` is led down, ``up`` is led up, and arms that none beats are joined."""

    across: Axis
    up: Axis

    def __call__(self, found: Mapping[str, Any], target: Path) -> None:
        with drawn(target) as axes:
            points = self._points(found)
            for number, (name, (x, y)) in enumerate(points.items()):
                given, colour = found["arms"][name]["given"], NAMED.get(name, COLOURS[number % len(COLOURS)])
                axes.errorbar(
                    x["mean"], y["mean"], xerr=x["half"], yerr=y["half"], fmt="*" if given else MARKERS[number % len(MARKERS)],
                    color=colour, label=name, capsize=2, markersize=10 if given else 7,
                )  # fmt: skip
            front = self.front({n: (x["mean"], y["mean"]) for n, (x, y) in points.items() if not found["arms"][n]["given"]})
            axes.plot(
                *zip(*front, strict=True), color="grey", linewidth=1, linestyle="--", zorder=0, label="none is better in both"
            )
            _named(axes, found, self.across, self.up)

    def _points(self, found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        both = {
            name: (own["figures"].get(self.across.key), own["figures"].get(self.up.key)) for name, own in found["arms"].items()
        }
        return {name: (x, y) for name, (x, y) in both.items() if x and y}

    @staticmethod
    def front(points: Mapping[str, tuple[float, float]]) -> list[tuple[float, float]]:
        """The points to which no other is better in one figure and at least as good in the other, from left to right."""
        return sorted(
            (x, y) for x, y in set(points.values()) if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in points.values())
        )


@dataclass(frozen=True)
class Heat:
    """Arms down, languages across, one figure of each in the cell."""

    key: str
    title: str

    def __call__(self, found: Mapping[str, Any], target: Path) -> None:
        arms = list(found["arms"])
        langs: Sequence[str] = list(found["arms"][arms[0]]["languages"])
        values = [[found["arms"][arm]["languages"][lang][self.key] for lang in langs] for arm in arms]
        with drawn(target, 2.5 + 0.9 * len(langs), 1.5 + 0.45 * len(arms)) as axes:
            image = axes.imshow(values, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
            for row, own in enumerate(values):
                for column, value in enumerate(own):
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.5 else "black")
            axes.set_xticks(range(len(langs)), langs)
            axes.set_yticks(range(len(arms)), arms)
            axes.set(xlabel="measured in", title=f"{found['experiment']}: {found['set']}")
            axes.figure.colorbar(image, label=self.title)


@dataclass(frozen=True)
class Lines:
    """One line for each arm over the values of "series", a list of points in its figures: x and y by ``across`` and ``up``."""

    across: Axis
    up: Axis

    def __call__(self, found: Mapping[str, Any], target: Path) -> None:
        with drawn(target) as axes:
            for number, (name, points) in enumerate(found["series"].items()):
                x, y = ([point[key] for point in points] for key in (self.across.key, self.up.key))
                style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
                axes.plot(x, y, label=name, **style)
            _named(axes, found, self.across, self.up)
