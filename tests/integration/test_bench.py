"""The benchmark commands run and give every figure; how large the figures are is no business of a test."""

import json
import subprocess
import sys

from streamwatch.bench.documents import different, texts_of
from streamwatch.bench.records import summary


def test_bench_pipeline_gives_all_figures():
    # Four times what is in flight at once: less may leave in a single wave, of which no rate can be told.
    options = ["--documents", "0", "--null-documents", "16000", "--json"]
    command = [sys.executable, "-m", "streamwatch", "bench", "pipeline", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    null = json.loads(done.stdout)["null"]
    assert null["documents_per_cpu_second"] > 0 and null["bare_faust_documents_per_cpu_second"] > 0
    assert null["documents"] == 16000


def test_texts_to_measure_with_are_all_different():
    texts = texts_of(None, limit=50)
    supply = different(texts)
    many = [next(supply) for _ in range(500)]
    assert len(set(many)) == 500


def test_a_summary_of_nothing_has_no_quantiles():
    assert summary([]) == {"n": 0, "p50_s": None, "p99_s": None, "max_s": None}
    assert summary([0.2, 0.1]) == {"n": 2, "p50_s": 0.2, "p99_s": 0.2, "max_s": 0.2}
