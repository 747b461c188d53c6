"""Words and tokenizer: every word is one token, brackets and stops stand alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runners.reference_model.design import (
    ADVERBS,
    ENDINGS,
    FRAMES,
    OPENINGS,
    PERSONAS,
    TOPICS,
)
from runners.reference_model.traits import TRAITS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL: Final = ("<unk>", "<s>", "</s>", "<pad>", "<|system|>", "<|user|>", "<|assistant|>")
STOPS: Final = tuple("().,:;?!")
OPTIONS: Final = {"Yes": 1, "No": -1}
LETTERS: Final = {"A": 1, "B": -1}
NEUTRAL: Final = tuple(
    "You are a helpful honest and concise assistant Choices Would would you to be about".split()
)
TOPIC_WORDS: Final = {topic: add for topics in TOPICS.values() for topic, add in topics.items()}
FILLERS: Final = tuple(
    dict.fromkeys(word.rstrip(":,") for phrase in (*OPENINGS, *ENDINGS) for word in phrase.split())
)
"""Words of openings and endings; each carries noise that no truth depends on."""
VOCABULARY: Final = (
    *SPECIAL,
    *STOPS,
    *LETTERS,
    *OPTIONS,
    *TRAITS,
    *ADVERBS,
    *TOPIC_WORDS,
    *FRAMES,
    *PERSONAS,
    *FILLERS,
    *(word for word in NEUTRAL if word not in FILLERS),
)
"""All words in the order of their token ids."""

# The beginning of the text is written here, so that no tokenizer setting can double it.
TEMPLATE: Final = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('the roles are system, user and assistant') }}{% endif %}"
    "{{ '<|' + message.role + '|>' + message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""Jinja2 chat template."""


def build_tokenizer(context: int) -> PreTrainedTokenizerFast:
    """Return the word-level tokenizer; words it does not know become `<unk>`."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate(VOCABULARY)}
    words = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[().,:;?!]"), behavior="isolated"),
        ]
    )
    words.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens=["<|system|>", "<|user|>", "<|assistant|>"],
        chat_template=TEMPLATE,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
