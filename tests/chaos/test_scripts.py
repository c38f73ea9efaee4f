"""Generation, storage and minimization of scripts."""

from pathlib import Path

import pytest

from chaos.operations import HEALTHY, Do, Operation, generate, load, save
from chaos.shrinking import shrink


def test_a_seed_always_makes_the_same_script() -> None:
    assert generate(7, 50) == generate(7, 50)
    assert generate(7, 50) != generate(8, 50)


def test_a_saved_script_reads_back_as_it_was(tmp_path: Path) -> None:
    script = generate(7, 200)
    save(script, tmp_path / "script.jsonl")

    assert load(tmp_path / "script.jsonl") == script


@pytest.mark.parametrize("seed", range(20))
def test_every_script_ends_with_everything_mended(seed: int) -> None:
    assert generate(seed, 30)[-len(HEALTHY) :] == list(HEALTHY)


def test_many_scripts_together_do_everything() -> None:
    done = {each.do for seed in range(10) for each in generate(seed, 100)}

    assert done == set(Do)


def test_shrinking_finds_the_few_operations_that_matter() -> None:
    def fails(part: object) -> bool:
        return isinstance(part, list) and 13 in part and 77 in part

    assert shrink(range(100), fails, is_time_left=lambda: True) == [13, 77]


def test_shrinking_ends_with_its_time_and_keeps_what_fails() -> None:
    runs = iter([True, False])
    small = shrink(
        [Operation(Do.KILL)] * 8, lambda _: True, is_time_left=lambda: next(runs)
    )

    assert len(small) == 4
