"""Tiny tokenizers and chat templates of the shapes that real models have, made in code."""

from __future__ import annotations

from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN = (
    "{% if messages[0].role != 'system' %}"
    "{{ '<|im_start|>system\nYou are Plum, made by Orchard Labs.<|im_end|>\n' }}{% endif %}"
    + CHATML
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set first = '<<SYS>>\n' + messages[0].content + "
    "'\n<</SYS>>\n\n' %}{% set messages = messages[1:] %}{% else %}{% set first = '' %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first %}{{ first }}{% endif %}{{ m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim"
    " + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA31 = (
    "{{ bos_token }}{% if date_string is not defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '1 Jan' %}"
    "{% endif %}{% endif %}{% if messages[0].role == 'system' %}{% set said = messages[0].content %}"
    "{% set messages = messages[1:] %}{% else %}{% set said = '' %}{% endif %}"
    "{{ '<|head|>system<|end_head|>\n\nKnown until: May\nToday: ' + date_string + '\n\n' + said + "
    "'<|eot|>' }}{% for m in messages %}"
    "{{ '<|head|>' + m.role + '<|end_head|>\n\n' + m.content + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|head|>assistant<|end_head|>\n\n' }}{% endif %}"
)
DEAF = (
    "{% for m in messages %}{% if m.role != 'system' %}{{ m.role + ': ' + m.content + '\n' }}"
    "{% endif %}{% endfor %}assistant:"
)
"""Leaves system messages out without a word."""

SPECIAL = (
    "<unk>",
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|head|>",
    "<|end_head|>",
    "<|eot|>",
)
TEXTS = (
    "The answer is (A) or (B), which one do you like more? Yes or No, you say: (A) (A) (B) (B)",
    "You are a helpful assistant. Would you like tea? Choices:\n(A): Yes\n(B): No",
    "system user assistant model Known until Today",
)


def wrapped(tokenizer: Tokenizer, template: str | None, **options: Any) -> PreTrainedTokenizerFast:
    """Return a transformers tokenizer with the special tokens of all templates above."""
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        chat_template=template,
        clean_up_tokenization_spaces=False,
        **options,
    )


def byte_level(template: str | None = CHATML, vocabulary: int = 400) -> PreTrainedTokenizerFast:
    """GPT-2's kind: a space belongs to the word behind it, any text can be written."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return wrapped(tokenizer, template)


def merging(template: str | None = CHATML, merged: str = "(A") -> PreTrainedTokenizerFast:
    """Characters, except that `merged` (two of them) is one token where it stands."""
    characters = sorted({c for text in TEXTS for c in text} | set("▁<|>[]/_0123456789"))
    words = [*SPECIAL, *characters, merged]
    model = models.BPE(
        {word: number for number, word in enumerate(words)}, [tuple(merged)], unk_token="<unk>"
    )
    return wrapped(Tokenizer(model), template)


def sentencepiece(template: str | None = None) -> PreTrainedTokenizerFast:
    """Llama's kind: `▁` before every word, `▁(` one token, BOS added by the tokenizer itself."""
    characters = sorted({c for text in TEXTS for c in text if c != " "} | set("▁<|>[]/_"))
    words = [*SPECIAL, *characters, "▁("]
    model = models.BPE(
        {word: number for number, word in enumerate(words)}, [("▁", "(")], unk_token="<unk>"
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return wrapped(tokenizer, template)


def word_level(template: str | None = CHATML) -> PreTrainedTokenizerFast:
    """One token a word, brackets apart; what it does not know is `<unk>`."""
    split = pre_tokenizers.Whitespace()
    words = {word for text in TEXTS for word, _ in split.pre_tokenize_str(text)} | set("(),.:?AB")
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    return wrapped(tokenizer, template)
