import torch

from runners.models import free_memory as module
from runners.models.free_memory import free_memory

CPU = torch.device("cpu")


def test_of_this_machine():
    assert 2**20 < free_memory(CPU) < 2**50


def test_a_container_may_have_less_than_its_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 50\n")
    assert free_memory(CPU) == 650
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(CPU) > 2**20


def test_where_the_system_does_not_say(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    monkeypatch.setattr(
        module.os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__
    )
    assert free_memory(CPU) == 2_048_000
