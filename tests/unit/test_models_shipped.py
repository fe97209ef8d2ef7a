"""What the shipped model learned from: nothing but sets whose licence allows it, and those very files."""

import os
from pathlib import Path

import pytest

from streamwatch.inference.opening import SHIPPED
from streamwatch.models.manifest import file_sha256, read_manifest

PERMISSIVE = {
    "sentiment/twitter_financial_train.csv", "topic/twitter_financial_train.csv",  # MIT
    "sentiment/sentfin_train.csv", "sentiment/fiqa_train.csv",  # MIT
    "sentiment/semeval_tweets_train.csv",  # CC BY 3.0
    "sentiment/vader_tweets.csv", "sentiment/vader_product_reviews.csv",  # MIT
    "stream/stocknet_2014_2016.csv.gz",  # MIT; texts without labels
}  # fmt: skip
"""Files that a released model may learn from, with the licence that their source states."""
FOLDER = os.environ.get("STREAMWATCH_DATA", "")


def test_the_shipped_model_learned_from_permissive_sets_alone() -> None:
    learned = {file.file for file in read_manifest(SHIPPED).data}
    assert learned and learned <= PERMISSIVE


@pytest.mark.skipif(not FOLDER, reason="needs STREAMWATCH_DATA: the folder with sentiment/, topic/ and stream/")
def test_the_hashes_in_its_manifest_are_those_of_the_files() -> None:
    for file in read_manifest(SHIPPED).data:
        assert file_sha256(Path(FOLDER) / file.file) == file.sha256, file.file
