"""A model without its weights: tokenizer, template and limits, enough to tokenise and to show."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.models.folder_faults import folder_faults
from runners.models.limits import context
from runners.models.model_files import ModelFiles, locate
from runners.prompts.chat import first_line
from runners.prompts.template_faults import template_faults
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from specs.schema import Model
    from specs.settings import Settings


@dataclass(frozen=True)
class Speaker:
    """What `runners.prompts.positions` needs of a model."""

    spec: Model
    tokenizer: PreTrainedTokenizerBase
    context: int
    vocabulary: int
    """Number of token embeddings."""


def speaker(spec: Model, settings: Settings) -> Speaker:
    """Return tokenizer and limits of a model; of a Hub model without mirror all files are fetched.

    Raises:
        Refused: its files, template or context are not usable.
    """
    if spec.builtin:
        from runners.reference_model import build

        model, tokenizer = build()
        config: Any = model.config
    else:
        files = locate(spec, settings)
        refuse(folder_faults(spec, files.folder))
        tokenizer, config = read_tokenizer(spec, files), read_config(spec, files)
    refuse(template_faults(tokenizer, spec))
    text = config.get_text_config()
    return Speaker(spec, tokenizer, context(spec, text), text.vocab_size)


def refuse(faults: list[str]) -> None:
    """Raise Refused where there are faults."""
    if faults:
        raise Refused(*faults)


def read_tokenizer(spec: Model, files: ModelFiles) -> PreTrainedTokenizerBase:
    """Return the tokenizer in a model's folder; what transformers cannot read is a Refused."""
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(
                str(files.folder), trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # tokenizers raises bare Exceptions for broken files
        raise Refused(
            f"{place(spec)}: the tokenizer in {files.source} cannot be read: {first_line(error)}; "
            "put tokenizer.json and tokenizer_config.json as saved by transformers there"
        ) from None


def read_config(spec: Model, files: ModelFiles) -> PreTrainedConfig:
    """Return the configuration in a model's folder; an unknown kind of model is a Refused."""
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(
                str(files.folder), trust_remote_code=False, local_files_only=True
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{place(spec)}: config.json of {files.source} is not usable: {first_line(error)}; "
            "name a model that transformers knows without code of its own"
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' notes off stderr, and its bars where nobody watches."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
