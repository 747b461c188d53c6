"""Batches that do not fit are halved, said, and remembered; nothing is left out or done wrong."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, strategies as st

from runners.engine.budget import Budget, out_of_memory
from runners.engine.measure import Cell, measure_block
from runners.engine.reference_sweep import reference_sweep
from runners.fitting.extraction import read_activations
from specs.faults import Refused
from tests.runners.families import MIXED, random_items, tiny

torch.set_num_threads(1)
CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 1099511627776 bytes. Error code 12 (Cannot allocate memory)"
)
WINDOWS = "DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."


@pytest.fixture
def said():
    return []


def tokens(items, batch):
    return len(batch) * max(items[i].decision + 1 for i in batch)


def until_it_fits(budget, items, do):
    while not budget.fits(items, do):
        pass


class Small:
    """Does batches of at most `room` tokens, and runs out of memory at others."""

    def __init__(self, items, room, error):
        self.items, self.room, self.error = items, room, error
        self.done = []

    def __call__(self, batch):
        if tokens(self.items, batch) > self.room:
            raise self.error
        self.done += batch


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), RuntimeError(CPU),
     RuntimeError(WINDOWS), MemoryError()],
)  # fmt: skip
def test_halves_says_so_and_goes_on(said, error):
    items = random_items([10] * 8, [0] * 8)
    budget, small = Budget(80, said.append), Small(items, 25, error)
    until_it_fits(budget, items, small)
    assert small.done == list(range(8))
    assert budget.tokens == 20
    assert [line.split(":")[0] for line in said] == [
        "out of memory in a batch of 8 prompts, 80 tokens",
        "out of memory in a batch of 4 prompts, 40 tokens",
    ]
    assert "going on with 20 tokens a batch" in said[1]


def test_torch_really_raises_what_is_recognised():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(raised.value)


def test_other_errors_are_not_taken_for_it(said):
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        Budget(80, said.append).fits(MIXED, Small(MIXED, 0, error))
    assert not said


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), min_size=1, max_size=12),
    st.integers(32, 400),
    st.integers(32, 400),
)
def test_every_item_once_at_the_last_budget(shape, room, start):
    items, said = random_items(*zip(*shape, strict=True)), []
    budget, small = Budget(start, said.append), Small(items, room, MemoryError())
    until_it_fits(budget, items, small)
    assert set(small.done) == set(range(len(items)))
    # As if it had begun there: the last items that were done are all, in the order of a fresh run.
    fresh = Small(items, room, MemoryError())
    assert Budget(budget.tokens, said.append).fits(items, fresh)
    assert small.done[-len(items) :] == fresh.done
    assert budget.tokens <= start


def test_the_longest_prompts_go_first():
    items, done = random_items([5, 30, 9, 30, 7], [0, 0, 2, 0, 1]), []
    assert Budget(60).fits(items, done.append)
    longest = [max(items[i].decision for i in batch) for batch in done]
    assert longest == sorted(longest, reverse=True)
    assert len(longest) > 2


def test_an_item_that_does_not_fit_alone_is_named(said):
    items = random_items([10, 40], [0, 0])
    with pytest.raises(Refused, match="item item1: its 40 tokens alone do not fit"):
        until_it_fits(Budget(400, said.append), items, Small(items, 30, MemoryError()))


def test_a_block_is_measured_in_smaller_batches_and_the_budget_remembered(said):
    loaded, sizes = tiny("llama"), []

    def sweep(model, items, births, scope):
        sizes.append(len(items))
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return reference_sweep(model, items, births, scope)

    items = random_items([10] * 6, [0] * 6)
    budget = Budget(60, said.append)
    measured = measure_block(loaded, items, [], sweep, budget)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]
    assert budget.tokens == 15
    whole = measure_block(loaded, items, [], reference_sweep, 60)
    assert measured.unsteered == whole.unsteered


def test_a_block_holds_one_budget_in_all_of_its_scopes(said):
    loaded, sizes = tiny("llama"), []

    def sweep(model, items, births, scope):
        sizes.append((scope, len(items)))
        if scope == "decision" and len(items) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return reference_sweep(model, items, births, scope)

    vector = SimpleNamespace(directions={2: torch.ones(48)})
    cells = [
        Cell(SimpleNamespace(run_id=scope, scope=scope, operator="add", vector=vector), 2, 1.0)
        for scope in ("answer", "decision")
    ]
    measure_block(loaded, random_items([10] * 6, [0] * 6), cells, sweep, Budget(60, said.append))
    whole, half = [("answer", 6), ("decision", 6)], [("answer", 3)] * 2 + [("decision", 3)] * 2
    assert sizes == whole + half


def test_extraction_reads_all_anew_and_counts_once(said, monkeypatch):
    from runners.fitting import extraction

    whole = read_activations(tiny("llama"), MIXED, 1000)
    own, heard = extraction._read_batch, []

    def small(loaded, items, *rest):
        if len(items) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return own(loaded, items, *rest)

    monkeypatch.setattr(extraction, "_read_batch", small)
    read = read_activations(tiny("llama"), MIXED, Budget(1000, said.append), heard.append)
    torch.testing.assert_close(read.positive, whole.positive, rtol=1e-4, atol=1e-4)
    assert sum(heard) == len(MIXED)
    assert said
