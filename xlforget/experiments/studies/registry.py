"""All studies by name, and how one is run from end to end."""

from collections.abc import Sequence
from pathlib import Path

from xlforget.errors import UsageError
from xlforget.experiments import results
from xlforget.experiments.main import Bench
from xlforget.experiments.runs import Say
from xlforget.experiments.studies import (
    bed,
    kappa,
    long_term,
    low_resource,
    methods,
    order,
    plots,
    retain_source,
    sampling,
    tables,
    teacher,
    transfer,
    tuning,
)
from xlforget.experiments.studies.study import Cell, Done, Study, cells, run_cells

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        kappa.STUDY, transfer.STUDY, sampling.STUDY, methods.STUDY, teacher.STUDY, low_resource.STUDY, long_term.STUDY,
        retain_source.STUDY, order.STUDY,
    )
}  # fmt: skip


def run(
    name: str,
    dataset: str,
    data: Path | None,
    model: str | None,
    out: Path,
    *,
    quick: bool,
    seeds: int | None,
    jobs: int,
    say: Say,
) -> Bench:
    """The study ``name`` in ``out``/<set>/<study>: cells, results.json, results.md and the plot.

    Raises UsageError for a set that is none, without its data, or without matplotlib.
    """
    plots.check()
    study, commit = STUDIES[name], tables.commit()  # of what was loaded now, not of what stands there at the end
    _check(study, seeds, jobs)
    where = bed.prepare(dataset, data, model, out, quick=quick, say=say)
    with bed.alone(where.folder):
        study.prepare(where, say)

    def ran(own: Study, wanted: Sequence[Cell]) -> Sequence[Done]:
        return run_cells(own, where, wanted, say, jobs=jobs)

    if study.tunes and not quick:
        study = tuning.tuned(study, where, ran)
    done = ran(study, cells(study, where, quick=quick, seeds=seeds))
    document = tables.document(study, where, done, commit, quick=quick)
    markdown = tables.markdown(study, document)
    target = where.folder / study.name
    results.write(target, document, markdown)
    study.plot(document, target / f"{name}.svg")
    return Bench(True, document, markdown)


def _check(study: Study, seeds: int | None, jobs: int) -> None:
    if jobs < 1:
        raise UsageError("--jobs is 1 or more.", do="Leave it out to run one cell at a time.", code="JOBS")
    if seeds is not None and not 1 <= seeds <= len(study.seeds):
        raise UsageError(f"--seeds is 1 to {len(study.seeds)}.", do="Leave it out to run them all.", code="SEEDS")
