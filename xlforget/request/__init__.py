"""What must be forgotten: records, facts, the request reader and the phrasebook. No torch here."""
