"""Two `transformers` pipelines, one for each task, and sentence-transformers with our heads.

An ordinary classifier has a `[CLS]` pooler and one linear layer. Ours takes the mean and may mix two readings; so that a
peer says what we say, each pipeline runs the whole merged encoder, mean pooling and one of our heads, which costs no more
than the ordinary one (its pooler is a layer of 384 × 384 that ours does not have).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, TextClassificationPipeline
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.bert import BertConfig, BertPreTrainedModel
from transformers.utils import logging

from streamwatch.bench.inference.peer_model import TASKS, PeerModel, need
from streamwatch.bench.inference.search import fastest, seconds_for
from streamwatch.bench.inference.variant import Opened, Said
from streamwatch.models.network import mean_pool
from streamwatch.models.tokens import spell_emoji

PIPELINE_BATCH = 32
SENTENCE_BATCHES = (16, 32, 64)


class OneTaskClassifier(BertPreTrainedModel):
    """Our encoder, mean pooling and one head, as a pipeline wants a classifier."""

    def __init__(self, config: BertConfig, model: PeerModel, task: str) -> None:
        super().__init__(config)
        self.encoder, self.head = model.network.encoder, model.network.heads[task]

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SequenceClassifierOutput:
        """Logits `(n, k)`."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return SequenceClassifierOutput(logits=self.head(mean_pool(states, attention_mask)))


def one_task_pipeline(model: PeerModel, task: str) -> TextClassificationPipeline:
    """A pipeline for one task."""
    encoder: Any = model.network.encoder
    config = BertConfig(**encoder.config.to_dict())
    config.id2label = dict(enumerate(model.labels(task)))
    config.label2id = {label: i for i, label in config.id2label.items()}
    logging.set_verbosity(logging.CRITICAL)  # it warns that it does not know the class of the model, and runs it
    classifier = OneTaskClassifier(config, model, task).eval()
    return TextClassificationPipeline(model=classifier, tokenizer=fast_tokenizer(model), device=-1)


def fast_tokenizer(model: PeerModel) -> PreTrainedTokenizerFast:
    """Our tokenizer as transformers wraps it."""
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(
        tokenizer_file=str(model.base / "tokenizer.json"), model_max_length=model.manifest.max_tokens,
        model_input_names=["input_ids", "attention_mask"], **special,
    )  # fmt: skip


class TwoPipelines:
    """Both pipelines over the texts as they come: one after the other on all cores, or side by side.

    Args:
        workers: pipelines that run at once.
        threads: of torch in each.
    """

    def __init__(self, model: PeerModel, workers: int, threads: int) -> None:
        self._pipelines = {task: one_task_pipeline(model, task) for task in TASKS}
        self._threads = threads
        self._pool = ThreadPoolExecutor(workers)

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        spelled = [spell_emoji(text) for text in texts]
        found = self._pool.map(lambda task: self._run(task, spelled), TASKS)
        return dict(zip(TASKS, found, strict=True))

    def _run(self, task: str, texts: list[str]) -> list[str]:
        torch.set_num_threads(self._threads)
        answers = self._pipelines[task](texts, batch_size=PIPELINE_BATCH, truncation=True)
        return [answer["label"] for answer in answers]


def open_pipelines(model: PeerModel, texts: Sequence[str], cores: int) -> Opened:
    """The two pipelines, in turn or side by side, whichever ran `texts` sooner."""
    settings = [(1, cores), (2, max(1, cores // 2))]
    made = {setting: TwoPipelines(model, *setting) for setting in settings}
    best = fastest(settings, lambda setting: seconds_for(made[setting], texts))
    how = "one after the other" if best[0] == 1 else "side by side"
    return Opened("peers", "two pipelines", made[best], f"{how}, {best[1]} threads each, batches of {PIPELINE_BATCH}")


class SentenceEncoder:
    """sentence-transformers' `encode` (it sorts by length itself), then both heads on its embeddings."""

    def __init__(self, model: PeerModel, batch: int, threads: int) -> None:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer

        folder = _written(model)
        transformer = Transformer(str(folder), max_seq_length=model.manifest.max_tokens)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        self._encoder = SentenceTransformer(modules=[transformer, pooling], device="cpu")
        self._model, self._batch, self._threads = model, batch, threads

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        torch.set_num_threads(self._threads)
        spelled = [spell_emoji(text) for text in texts]
        pooled = self._encoder.encode(spelled, batch_size=self._batch, convert_to_tensor=True, show_progress_bar=False)
        with torch.inference_mode():
            logits = self._model.network.says(pooled.float())
        return self._model.named({task: logits[task].numpy() for task in TASKS})


def open_sentence(model: PeerModel, texts: Sequence[str], cores: int) -> Opened:
    """The encoder with the batch that ran `texts` fastest."""
    need("sentence_transformers")
    made = {batch: SentenceEncoder(model, batch, cores) for batch in SENTENCE_BATCHES}
    best = fastest(SENTENCE_BATCHES, lambda batch: seconds_for(made[batch], texts))
    return Opened("peers", "sentence-transformers", made[best], f"{cores} threads, batches of {best}, sorted")


def _written(model: PeerModel) -> Path:
    """The merged encoder and its tokenizer as a folder of transformers."""
    folder = model.work / "encoder"
    logging.disable_progress_bar()
    if not folder.exists():
        encoder: Any = model.network.encoder
        encoder.save_pretrained(folder)
        fast_tokenizer(model).save_pretrained(folder)
    return folder
