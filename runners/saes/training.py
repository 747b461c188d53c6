"""A small autoencoder trained by sae-lens on a model's own activations, and kept for later runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

from runners.console import say
from runners.saes.activations import activations
from runners.saes.files import FILES
from specs.identity import identity
from warehouse.whole_file import temporary

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from runners.damage.texts import TokenisedTexts
    from runners.models.load import LoadedModel
    from specs.schema import Sae, SaeTraining as Training

LAST = 5
"""One step in so many, at the end, brings the learning rate to 0."""


def folder_of(spec: Sae, loaded: LoadedModel, text_set_id: str, home: Path) -> Path:
    """Return where the autoencoder of these parameters, model and texts lies, or will lie."""
    training = _training(spec)
    about = training.model_dump(exclude={"text_set"})
    about |= {"model_id": loaded.model_id, "text_set_id": text_set_id, "layer": spec.layer}
    return home / "saes" / identity("sae_training", **about)


def trained(spec: Sae, loaded: LoadedModel, texts: TokenisedTexts, home: Path) -> Path:
    """Return the folder of a trained autoencoder in sae-lens's format; what is there stays.

    Same spec, model and machine, same bytes. It is written whole or not at all: an interrupted
    training (of seconds) begins again.
    """
    folder = folder_of(spec, loaded, texts.read.text_set_id, home)
    if all((folder / name).is_file() for name in FILES):
        return folder
    training, layer = _training(spec), spec.layer
    assert layer is not None, "the spec asks for a layer where it trains"
    say(
        f"SAE {spec.name}: training {training.d_sae:,} features on layer {layer} of "
        f"{loaded.spec.name}, {training.steps:,} steps"
    )
    tokens = [text.prompt[: training.context] for text in texts.texts]
    unfinished = temporary(folder)
    unfinished.mkdir(parents=True, exist_ok=True)
    _train(training, layer, loaded, tokens).save_inference_model(str(unfinished))
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)
    return folder


def _training(spec: Sae) -> Training:
    assert spec.source.train is not None
    return spec.source.train


def _train(
    training: Training, layer: int, loaded: LoadedModel, tokens: list[tuple[int, ...]]
) -> Any:
    """Return sae-lens's trained autoencoder, its activations' scale folded into the weights."""
    import torch
    from sae_lens import StandardTrainingSAE
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    rows = torch.cat([read[layer] for read in activations(loaded, [layer], tokens)])
    devices = [loaded.device] if loaded.device.type == "cuda" else []
    with torch.random.fork_rng(devices), _silent():
        torch.manual_seed(training.seed)
        sae = StandardTrainingSAE(_config(training, layer, loaded))
        config = SAETrainerConfig(
            total_training_samples=training.steps * training.batch,
            train_batch_size_samples=training.batch,
            device=str(loaded.device),
            lr=training.learning_rate,
            lr_end=0.0,
            lr_scheduler_name="constant",
            lr_warm_up_steps=0,
            lr_decay_steps=training.steps // LAST,
            n_checkpoints=0,
            checkpoint_path=None,
            save_final_checkpoint=False,
            logger=LoggingConfig(log_to_wandb=False),
        )
        return SAETrainer(config, sae, _batches(rows, training)).fit()


def _config(training: Training, layer: int, loaded: LoadedModel) -> Any:
    from sae_lens import StandardTrainingSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    return StandardTrainingSAEConfig(
        d_in=loaded.d_model,
        d_sae=training.d_sae,
        dtype="float32",
        device=str(loaded.device),
        l1_coefficient=training.l1,
        l1_warm_up_steps=training.steps // 10,
        normalize_activations="expected_average_only_in",
        metadata=SAEMetadata(
            model_name=loaded.spec.name,
            hook_name=f"blocks.{layer}.hook_resid_post",
            context_size=training.context,
            prepend_bos=True,
            model_from_pretrained_kwargs={},
        ),
    )


def _batches(rows: Tensor, training: Training) -> Iterator[Tensor]:
    """Yield batches without end, each row once before any twice: same seed, same batches."""
    import torch

    generator = torch.Generator().manual_seed(training.seed)
    left = torch.empty(0, dtype=torch.long)
    while True:
        while len(left) < training.batch:
            left = torch.cat([left, torch.randperm(len(rows), generator=generator)])
        now, left = left[: training.batch], left[training.batch :]
        yield rows[now.to(rows.device)]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep sae-lens's own progress bar off the terminal, where ours stands."""
    with redirect_stderr(StringIO()):
        yield
