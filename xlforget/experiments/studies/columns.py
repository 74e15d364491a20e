"""Figures that several studies show."""

from xlforget.experiments.studies.plots import Axis, Pareto
from xlforget.experiments.studies.study import Column

GATE = Column("gate", "passes the gate", 2)
FORGET = Column("forget_ma", "forget MA")
WORST_FORGET = Column("forget_ma_worst", "forget MA, worst language")
LOGP = Column("forget_logp", "log p of answers", 2)
KS = Column("ks", "KS to gold", best=min)
RETAIN = Column("retain_ma", "retain MA", best=max)
BYSTANDERS = Column("bystanders_ma", "bystanders MA", best=max)
WORST_BYSTANDERS = Column("bystanders_ma_worst", "bystanders MA, worst language")
KEPT = Column("bystanders_ppl", "bystanders perplexity", best=min)
RELEARNED = Column("relearned_ma", "relearned MA")
RELEARNED_KS = Column("relearned_ks", "KS to gold, relearned", best=min)
UNSEEN = Column("unseen_ppl", "unseen perplexity", 1)
PA = Column("pa", "PA")
STEPS = Column("steps", "steps", 0)
SECONDS = Column("unlearning", "unlearning, s", 1)

OF_RETAIN = (GATE, FORGET, LOGP, KS, RETAIN, BYSTANDERS, WORST_BYSTANDERS, KEPT, UNSEEN, STEPS, SECONDS)

FORGET_AGAINST_RETAIN = Pareto(
    Axis("forget_ma", "forget MA, mean over languages", "lower"),
    Axis("bystanders_ma", "bystanders MA, mean over languages", "higher"),
)
