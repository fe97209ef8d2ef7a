"""How good a model is on labelled texts: the file, what its labels mean, the answers, and the figures made of them.

    labelled_file ─ labels ─ scoring (cleaning, engine) ─ Tally ─ figures ─ table or JSON

It measures through the same door as the worker (`streamwatch.inference`), hence any engine. Of a row only some bytes are
kept, so that a million of them need no more memory than the model does.
"""
