"""How fast texts are classified here, beside what a user would otherwise pick: same texts, same cores, one run.

    texts ─┬─ ours (fp32, bf16, int8, with cascade and cache)  ┐
           └─ peers (pipelines, ONNX Runtime, OpenVINO, …)     ┴─ rounds ─ figures

Each round gives every variant the same slice of a real stream, so that whatever else the machine does hits all alike.
"""
