"""Scorer `classifier`: the probability of some labels under a text classification model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.models.device import choose_device
from runners.models.folder_faults import read_json
from runners.models.model_files import ModelFiles, about, locate
from runners.prompts.chat import first_line
from runners.prompts.speaker import quiet
from runners.scoring.rollouts import Rollout, Said, Scored, read_text
from specs.faults import Refused
from specs.reader import place
from specs.schema import Model
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from specs.schema import Classifier
    from specs.settings import Settings

MOST = 512
"""Tokens that are read where neither tokenizer nor configuration names a limit."""
BEYOND = 1e9
"""Limits of this many tokens and more are none."""
EMPTY = "the classifier's tokenizer leaves nothing of the text"
MULTI_LABEL = "multi_label_classification"


@dataclass
class ClassifierScorer:
    """A classifier in memory, float32, without gradients."""

    spec: Classifier
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    columns: list[int]
    """Outputs of the labels that are asked about."""
    stopped: str | None = None
    n_cut: int = 0
    """Texts of which only the beginning was read."""

    def scores(self, rollouts: Sequence[Rollout]) -> Said:
        """Yield each rollout with its score, texts of like length read together."""
        texts = {one.rollout_id: read_text(one, self.spec.reads) for one in rollouts}
        ids = self.tokenizer(list(texts.values()), truncation=False)["input_ids"]
        lengths = dict(zip(texts, map(len, ids), strict=True))
        self.n_cut += sum(length > self._most() for length in lengths.values())
        ordered = sorted(rollouts, key=lambda one: (lengths[one.rollout_id], one.rollout_id))
        full = [one for one in ordered if lengths[one.rollout_id]]
        yield from ((one, Scored(None, EMPTY)) for one in ordered if not lengths[one.rollout_id])
        for start in range(0, len(full), self.spec.batch):
            batch = full[start : start + self.spec.batch]
            found = self._probabilities([texts[one.rollout_id] for one in batch])
            yield from ((one, Scored(score)) for one, score in zip(batch, found, strict=True))

    def _probabilities(self, texts: Sequence[str]) -> list[float]:
        import torch

        encoded = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._most(),
            return_tensors="pt",
        ).to(self.device)
        with torch.inference_mode():
            logits = self.model(**encoded).logits.float()
        if self.model.config.problem_type == MULTI_LABEL:
            found = logits.sigmoid()[:, self.columns].amax(-1)
        else:
            found = logits.softmax(-1)[:, self.columns].sum(-1)
        return [float(value) for value in found.clamp(0, 1).cpu()]

    def _most(self) -> int:
        """Return how many tokens of a text are read."""
        named = getattr(self.model.config, "max_position_embeddings", None)
        # A tokenizer without a limit says a number beyond any context.
        limits = (limit for limit in (self.tokenizer.model_max_length, named) if limit)
        return min((int(limit) for limit in limits if limit < BEYOND), default=MOST)


def files_of(spec: Classifier, settings: Settings, download: bool = True) -> ModelFiles:
    """Return where a classifier's files lie, as a model's.

    Raises:
        Refused: they are not there, a label is unknown, or the weights are no safetensors.
    """
    model = as_model(spec)
    files = locate(model, settings, download)
    known = labels(read_json(model, files.folder))
    for label in spec.labels:
        if label not in known:
            hint = did_you_mean(label, known) or ";"
            raise Refused(
                f"{place(spec)}: labels: {files.source} has no label {label!r}{hint} it has "
                f"{', '.join(known)}"
            )
    if not list(files.folder.glob("*.safetensors")):
        raise Refused(
            f"{place(spec)}: {files.source} has no safetensors weights, and others are not loaded"
        )
    return files


def as_model(spec: Classifier) -> Model:
    """Return the classifier as a model spec, by which its files are found and named."""
    given = {"hub": spec.hub, "folder": spec.folder}
    model = Model(name=spec.name, revision=spec.revision, **given)  # type: ignore[arg-type]
    model._path, model._places = spec._path, spec._places
    return model


def labels(config: dict[str, Any]) -> list[str]:
    """Return the labels that a `config.json` names, in the order of its outputs."""
    named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [str(named[key]) for key in sorted(named, key=int)]


def parameters(spec: Classifier, settings: Settings) -> dict[str, Any]:
    """Return what a classifier's scores follow from: its files or Hub commit, labels, what is read.

    Raises:
        Refused: as `files_of`.
    """
    files = files_of(spec, settings)
    return {**about(files, settings), "labels": sorted(spec.labels), "reads": spec.reads}


def open_classifier(spec: Classifier, settings: Settings) -> ClassifierScorer:
    """Return a classifier in memory, on the device that models run on.

    Raises:
        Refused: transformers cannot load it, or its weights lack a tensor.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    files = files_of(spec, settings)
    device, _ = choose_device(as_model(spec))
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(files.folder), local_files_only=True)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                str(files.folder),
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise Refused(
            f"{place(spec)}: transformers cannot load {files.source} as a text classifier: "
            f"{first_line(error)}"
        ) from None
    if lacking := sorted(str(key) for key in report["missing_keys"]):
        raise Refused(
            f"{place(spec)}: the weights of {files.source} lack {len(lacking)} of the classifier's "
            f"tensors (e.g. {lacking[0]}); it was not trained to classify texts"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
    columns = [model.config.label2id[label] for label in spec.labels]
    return ClassifierScorer(spec, model.eval().to(device), tokenizer, device, columns)
