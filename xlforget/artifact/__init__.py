"""The model folder and its papers: folder policy, atomic write, audit, signatures, report. No torch here."""
