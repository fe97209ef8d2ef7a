"""The encoder's pass, once for each format of numbers, behind one door: `Trunk`.

    rows of ids ─ packing (no padding) ─ embeddings ─ layers ─ mean of each text ─ (n, width) float32

`trunk` is the door, `opening` opens one for a precision and a device. `packed` is the pass on the CPU, the same for all
precisions; `float_linear` and `int8_linear` are the multiplications that it is made of, and `calibration` finds the
numbers that int8 needs. `cuda` is the pass on a GPU.
"""
