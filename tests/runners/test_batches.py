from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, strategies as st

from runners.engine import batches as module
from runners.engine.batches import batches, default_tokens_per_batch
from tests.runners.families import random_items

LENGTHS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 2)), max_size=30)


@given(LENGTHS, st.integers(1, 200))
def test_every_item_once_within_the_budget_and_alike(lengths, budget):
    items = random_items(*zip(*lengths, strict=True)) if lengths else []
    cut = batches(items, budget)
    assert sorted(i for batch in cut for i in batch) == list(range(len(items)))
    for batch in cut:
        longest = max(items[i].decision + 1 for i in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
        assert len({len(items[i].shared) for i in batch}) == 1
    keys = [(len(items[i].shared), items[i].decision, i) for batch in cut for i in batch]
    assert keys == sorted(keys)


def test_batches_are_as_large_as_the_budget_allows():
    items = random_items([10] * 7, [0] * 7)
    assert batches(items, 30) == [[0, 1, 2], [3, 4, 5], [6]]
    assert batches(items, 1) == [[i] for i in range(7)]


@pytest.mark.parametrize(("free", "expected"), [(0, 128), (2**22, 1024), (2**40, 2048)])
def test_budget_on_a_cpu_follows_its_free_memory(monkeypatch, free, expected):
    monkeypatch.setattr(module, "free_memory", lambda _device: free)
    loaded = SimpleNamespace(
        device=torch.device("cpu"), dtype=torch.float32, n_layers=32, d_model=8
    )
    assert default_tokens_per_batch(loaded) == expected


@pytest.mark.parametrize(("free", "expected"), [(0, 1024), (2**30, 8192), (2**40, 65536)])
def test_budget_on_a_gpu_follows_its_free_memory(monkeypatch, free, expected):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free, 2**40))
    loaded = SimpleNamespace(
        device=torch.device("cuda"), dtype=torch.bfloat16, n_layers=4, d_model=512
    )
    assert default_tokens_per_batch(loaded) == expected
