"""A tiny Llama whose residual stream at one layer is a known sparse code, and the SAE that reads it.

Every content word brings its topic's feature and a silent one; block 0 adds how dense the text is.
The output reads topics (words of a topic become likelier with its feature, and those of another one
where it leaks), never silent features. So of every vector it is known which words it makes
likelier, and which features those words excite. Nothing is trained; built in milliseconds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

TOPICS: Final = {
    "rain": ("drizzle", "umbrella", "puddle"),
    "bread": ("loaf", "oven", "flour"),
    "music": ("violin", "melody", "choir"),
    "sea": ("harbour", "anchor", "tide"),
    "garden": ("rose", "spade", "hedge"),
    "money": ("coin", "purse", "debt"),
    "winter": ("snow", "frost", "sledge"),
    "school": ("pupil", "desk", "chalk"),
}
"""Feature i is topic i; its words bring it, and it makes them likelier."""
SILENT: Final = ("long", "old", "bright")
"""Features 8 to 10: words of topic i bring number i modulo 3, and the output never reads them."""
DENSITY: Final = 11
"""The feature that is the share of content words so far; `<s>` and the word itself count."""
DEAD: Final = (12, 13, 14, 15)
"""Features that never fire; their decoder rows are directions that nothing reads."""
LEAKS: Final = {("rain", "bread"): 0.8, ("music", "sea"): 0.5}
"""(from, to) -> share of a topic's pull on its own words by which it pulls on another's."""
FILLERS: Final = ("the", "and", "of", "a", "near", "with")
SPECIAL: Final = ("<unk>", "<s>", "</s>", "<pad>")
CONTENT: Final = tuple(word for words in TOPICS.values() for word in words)
VOCABULARY: Final = (*SPECIAL, *FILLERS, *CONTENT)
STRENGTHS: Final = (1.5, 2.0, 2.5)
"""By how much a topic's three words bring its feature."""
LOUD: Final = 3.0
"""By how much every content word brings its silent feature: more than its topic."""
GAIN: Final = 1.0
"""Logits of a topic's words per unit of its feature at that position."""
ECHO: Final = 0.5
"""Logits of a topic's words per unit of its feature's mean over all positions so far."""
FILLER_BIAS: Final = 1.0
NEVER: Final = -30.0
"""Logit of the special tokens."""
LAYER: Final = 1
"""The layer of the code: before it and after it something else lies in the residual stream."""
N_LAYERS: Final = 3
D_MODEL: Final = 32
D_SAE: Final = 16
THRESHOLD: Final = 0.005
"""A feature below it is 0 (JumpReLU): rounding is not a feature."""

_LIVE = 12
_CONSTANT = 256.0
_UNIT = D_MODEL**0.5 / _CONSTANT
"""What RMSNorm multiplies by: the constant dwarfs all features."""
_ONE, _MARK, _FLAG = 0, (1, 2), 3
_CODE = slice(4, 4 + _LIVE)
_ECHO = slice(16, 16 + len(TOPICS))
_MARKED = 8.0
_HEAD, _HEADS, _UNITS = 8, 4, 4


def code_of(word: str) -> Tensor:
    """Return what a word brings, float32 [D_SAE]; `density` comes from the whole text."""
    code = torch.zeros(D_SAE)
    for topic, words in enumerate(TOPICS.values()):
        if word in words:
            code[topic] = STRENGTHS[words.index(word)]
            code[len(TOPICS) + topic % len(SILENT)] = LOUD
    return code


def codes(words: list[str]) -> Tensor:
    """Return the planted features of a text that starts with `<s>`, float32 [words, D_SAE]."""
    found = torch.stack([code_of(word) for word in words])
    content = torch.tensor([float(word in CONTENT) for word in words])
    found[:, DENSITY] = content.cumsum(0) / torch.arange(1, len(words) + 1)
    return found


def pull() -> Tensor:
    """Return logits of a topic's words per unit of a feature, float32 [topics, D_SAE]."""
    table = torch.zeros(len(TOPICS), D_SAE)
    table[:, : len(TOPICS)] = GAIN * torch.eye(len(TOPICS))
    names = list(TOPICS)
    for (source, target), share in LEAKS.items():
        table[names.index(target), names.index(source)] = GAIN * share
    return table


@dataclass(frozen=True)
class PlantedSae:
    """The autoencoder that reads the code exactly (a `LoadedSae`; JumpReLU, without training)."""

    encoder: Tensor
    decoder: Tensor
    b_enc: Tensor
    b_dec: Tensor
    sae_id: str = "0123456789abcdef"
    layer: int = LAYER
    d_model: int = D_MODEL
    d_sae: int = D_SAE

    def encode(self, hidden: Tensor) -> Tensor:
        before = hidden.float() @ self.encoder.T + self.b_enc
        return torch.where(before > THRESHOLD, before, torch.zeros_like(before))

    def decode(self, features: Tensor) -> Tensor:
        return features.float() @ self.decoder + self.b_dec


def _rotation() -> Tensor:
    draws = torch.randn(D_MODEL, D_MODEL, generator=torch.Generator().manual_seed(7)).double()
    return torch.linalg.qr(draws).Q


def _rows() -> Tensor:
    """Return decoder rows of the live features in the basis of axes: neighbours share a part."""
    own = torch.eye(_LIVE).double()
    mixed = own + 0.6 * own.roll(1, dims=1)
    rows = torch.zeros(_LIVE, D_MODEL).double()
    rows[:, _CODE] = mixed / mixed.norm(dim=1, keepdim=True)
    return rows


def _readers() -> Tensor:
    """Return what reads each live feature and no other, float64 [12, D_MODEL]."""
    readers = torch.zeros(_LIVE, D_MODEL).double()
    readers[:, _CODE] = torch.linalg.inv(_rows()[:, _CODE]).T
    return readers


def build_sae() -> PlantedSae:
    """Return the SAE of the planted code at layer `LAYER`."""
    turn, decoder, encoder = _rotation(), torch.zeros(D_SAE, D_MODEL), torch.zeros(D_SAE, D_MODEL)
    unread = torch.eye(D_MODEL).double()[24 : 24 + len(DEAD)]
    decoder[:_LIVE], decoder[_LIVE:] = (_rows() @ turn.T).float(), (unread @ turn.T).float()
    encoder[:_LIVE], encoder[_LIVE:] = (_readers() @ turn.T).float(), decoder[_LIVE:]
    b_enc = torch.zeros(D_SAE)
    b_enc[_LIVE:] = -1000.0
    start = torch.zeros(D_MODEL).double()
    start[_ONE], start[_MARK[0]] = _CONSTANT, _MARKED
    return PlantedSae(encoder, decoder, b_enc, (start @ turn.T).float())


def _embedding() -> Tensor:
    table = torch.zeros(len(VOCABULARY), D_MODEL).double()
    table[:, _ONE] = _CONSTANT
    for place, word in enumerate(VOCABULARY):
        table[place] += code_of(word)[:_LIVE].double() @ _rows()
        table[place, _FLAG] = 0.0
    return table


def _unembedding() -> Tensor:
    """Return float64 [words, D_MODEL]: biases on the constant, topics on code and echo."""
    table = torch.zeros(len(VOCABULARY), D_MODEL).double()
    table[: len(SPECIAL), _ONE] = NEVER / _CONSTANT
    table[len(SPECIAL) : len(SPECIAL) + len(FILLERS), _ONE] = FILLER_BIAS / _CONSTANT
    topic_pull = pull()[:, :_LIVE].double() @ _readers()
    for topic, words in enumerate(TOPICS.values()):
        for word in words:
            table[VOCABULARY.index(word)] += topic_pull[topic]
            table[VOCABULARY.index(word), _ECHO.start + topic] += ECHO
    return table / _UNIT


def _mean_of(read: Tensor, write: Tensor) -> dict[str, Tensor]:
    """Return attention that writes the mean of linear read-outs over all positions so far."""
    values, mixer = (torch.zeros(D_MODEL, D_MODEL).double() for _ in range(2))
    values[: len(read)] = read / _UNIT
    mixer[:, : len(write)] = write.T
    return {"v_proj": values, "o_proj": mixer}


def _block(number: int) -> dict[str, Tensor]:
    """Return the weights of a block that are not 0, in the basis of axes."""
    found = {}
    silent = _readers()[len(TOPICS) : len(TOPICS) + len(SILENT)].sum(0, keepdim=True)
    if number == 0:  # density: every content word has one silent feature, and all are as loud
        found = _mean_of(silent / LOUD, _rows()[DENSITY : DENSITY + 1])
    if number == 2:
        echo = torch.eye(D_MODEL).double()[_ECHO]
        found = _mean_of(_readers()[: len(TOPICS)], echo)
    if number > 0:  # a constant of its own: no layer can be taken for another
        gate, down = (torch.zeros(_UNITS, D_MODEL).double() for _ in range(2))
        gate[0, _ONE] = 1.0 / _CONSTANT / _UNIT
        silu = torch.nn.functional.silu(torch.ones(1).double())
        down[0, _MARK[number - 1]] = _MARKED / silu.item()
        found |= {"gate_proj": gate, "up_proj": gate, "down_proj": down.T}
    return found


def _weights() -> dict[str, Tensor]:
    turn = _rotation()
    found = {
        "model.embed_tokens.weight": _embedding() @ turn.T,
        "lm_head.weight": _unembedding() @ turn.T,
    }
    for number in range(N_LAYERS):
        for name, weight in _block(number).items():
            part = "mlp" if name in ("gate_proj", "up_proj", "down_proj") else "self_attn"
            turned = turn @ weight if name in ("o_proj", "down_proj") else weight @ turn.T
            found[f"model.layers.{number}.{part}.{name}.weight"] = turned
    return {name: weight.float() for name, weight in found.items()}


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return the word-level tokenizer, which puts `<s>` before every text."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate(VOCABULARY)}
    words = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", VOCABULARY.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def build_model() -> LlamaForCausalLM:
    """Return the model, float32 on the CPU, in eval mode; the global random state stays."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=D_MODEL,
        intermediate_size=_UNITS,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=_HEADS,
        head_dim=_HEAD,
        max_position_embeddings=512,
        bos_token_id=VOCABULARY.index("<s>"),
        eos_token_id=VOCABULARY.index("</s>"),
        pad_token_id=VOCABULARY.index("<pad>"),
        tie_word_embeddings=False,
        dtype=torch.float32,
    )
    with torch.random.fork_rng(devices=[]):
        model = LlamaForCausalLM(config)
    planted = _weights()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in planted:
                parameter.copy_(planted[name])
            elif "norm" not in name:
                parameter.zero_()
    return model.eval()


def save(folder: Path) -> Path:
    """Write model and tokenizer as transformers reads them, and return the folder."""
    build_model().save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder


def save_sae(folder: Path, **about: object) -> Path:
    """Write the SAE as sae-lens does, its metadata changed by `about` (None: left out)."""
    from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    known = {
        "model_name": "planted",
        "hook_name": f"blocks.{LAYER}.hook_resid_post",
        "prepend_bos": True,
        "model_from_pretrained_kwargs": {},
    }
    kept = {key: value for key, value in {**known, **about}.items() if value is not None}
    config = JumpReLUSAEConfig(
        d_in=D_MODEL,
        d_sae=D_SAE,
        dtype="float32",
        device="cpu",
        apply_b_dec_to_input=False,
        metadata=SAEMetadata(**kept),
    )
    with warnings.catch_warnings(action="ignore"):
        sae, planted = JumpReLUSAE(config), build_sae()
    weights = {
        "W_enc": planted.encoder.T.contiguous(),
        "W_dec": planted.decoder,
        "b_enc": planted.b_enc,
        "b_dec": planted.b_dec,
        "threshold": torch.full((D_SAE,), THRESHOLD),
    }
    sae.load_state_dict(weights)
    sae.save_model(str(folder))
    return folder
