"""What people decided: silences, acknowledgements, verdicts, changes of rules. The channel `decisions` keeps them all."""
