"""AdamW over master weights: what bf16 would lose is kept, and 8-bit moments end where fp32 ones do."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from xlforget.unlearn.memory import Optimizers
from xlforget.unlearn.optimizer import Optimizer


def made(weights: Mapping[str, Tensor], kind: Optimizers = "adamw", originals: Mapping[str, Tensor] | None = None) -> Optimizer:
    parameters = {name: Parameter(value) for name, value in weights.items()}
    known: dict[Tensor, Tensor] = {parameters[name]: value for name, value in (originals or {}).items()}
    return Optimizer(parameters, known, kind, lr=1e-2, beta2=0.99)


def weight(optimizer: Optimizer, name: str = "w") -> Parameter:
    return optimizer._weights[name]


def test_steps_on_fp32_weights_are_those_of_torchs_adamw_with_clipping() -> None:
    torch.manual_seed(0)
    begin = torch.randn(8, 8)
    ours, plain = made({"w": begin.clone()}), Parameter(begin.clone())
    reference = torch.optim.AdamW([plain], lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0)
    for step in range(5):
        for own in (weight(ours), plain):
            own.grad = None
            (own**2).sum().backward()
        reference.param_groups[0]["lr"] = 1e-2 / (1 + step)
        torch.nn.utils.clip_grad_norm_([plain], 1.0)
        reference.step()
        ours.step(1e-2 / (1 + step), 1.0)
    assert torch.equal(weight(ours), plain)


def test_steps_too_small_for_bf16_add_up_in_the_master() -> None:
    ours = made({"w": torch.ones(4, 4, dtype=torch.bfloat16)})
    for _ in range(40):
        ours.zero()
        weight(ours).sum().backward()
        ours.step(1e-4, 1e9)
    master = ours.masters["w"]
    torch.testing.assert_close(master, torch.full((4, 4), 1 - 40e-4), atol=1e-5, rtol=0)
    assert torch.equal(weight(ours), master.bfloat16())
    assert float(weight(ours).detach().mean()) < 1.0  # a step alone is half of what bf16 can tell from 1


def test_gradients_of_several_batches_are_added_up_in_fp32_and_a_weights_own_are_freed() -> None:
    ours = made({"w": torch.ones(4, dtype=torch.bfloat16)})
    for share in (1.0, *[1 / 256] * 64):
        (weight(ours) * share).sum().backward()
        assert weight(ours).grad is None
    assert ours.masters["w"].grad is not None
    assert ours.masters["w"].grad.tolist() == [1.25] * 4
    ours.zero()
    assert ours.masters["w"].grad is None


def test_a_master_starts_from_the_original_where_there_is_one() -> None:
    original = torch.full((4,), 1 + 2**-12)
    ours = made({"w": original.bfloat16()}, originals={"w": original})
    assert ours.masters["w"].tolist() == original.tolist()
    assert weight(ours).tolist() == [1.0] * 4
    assert [value.tolist() for value in ours.weights().values()] == [original.tolist()]


def test_frozen_weights_have_no_master_and_do_not_move() -> None:
    frozen = Parameter(torch.ones(4, dtype=torch.bfloat16), requires_grad=False)
    assert Optimizer({"w": frozen, "v": Parameter(torch.ones(4))}, {}, "adamw", lr=1e-2, beta2=0.99).masters.keys() == {"v"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_eight_bit_moments_take_a_third_of_the_room_and_end_nearby(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    begin, wanted = torch.randn(128, 128), torch.randn(128, 128)
    ends, sizes = [], []
    kinds: tuple[Optimizers, ...] = ("adamw", "adamw8bit")
    for kind in kinds:
        ours = made({"w": begin.clone().to(dtype)}, kind)
        for _ in range(60):
            ours.zero()
            ((weight(ours).float() - wanted) ** 2).sum().backward()
            ours.step(2e-2, 1e9)
        ends.append(float((ours.masters["w"].detach() - wanted).abs().mean()))
        moments = (t for part in ours.state() for key, t in part.items() if not key.endswith("master"))
        sizes.append(sum(t.numel() * t.element_size() for t in moments))
    before = float((begin - wanted).abs().mean())
    assert max(ends) < 0.5 * before
    assert abs(ends[0] - ends[1]) < 0.05 * before
    assert sizes[1] < sizes[0] / 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_leaning_goes_along_the_signs_of_gradients_and_is_undone_to_the_bit(dtype: torch.dtype) -> None:
    begin = torch.tensor([1.0, -2.0, 3.0, 0.5], dtype=dtype)
    size = float(begin.float().pow(2).mean().sqrt())
    ours = made({"w": begin.clone()})
    for _ in range(2):
        (weight(ours) * torch.tensor([2.0, -0.1, 0.0, 5.0], dtype=dtype)).sum().backward()
        ours.lean(0.25)
    moved = begin.float() + 0.5 * size * torch.tensor([-1.0, 1.0, 0.0, -1.0])
    torch.testing.assert_close(weight(ours).detach().float(), moved, atol=0.02 if dtype is torch.bfloat16 else 1e-6, rtol=0)
    weight(ours).sum().backward()
    ours.upright()
    assert torch.equal(weight(ours), begin)
    gradient = ours.masters["w"].grad
    assert gradient is not None
    assert gradient.tolist() == [1.0] * 4


def test_aside_others_can_train_the_weights_that_have_masters() -> None:
    """The attack that a run makes on itself takes its steps on the weights, and found none of their gradients."""
    weight = Parameter(torch.ones(8, 8, dtype=torch.bfloat16))
    optimizer = Optimizer({"w": weight}, {}, "adamw", lr=0.1, beta2=0.99)
    with optimizer.aside():
        weight.sum().backward()
        seen = [weight.grad is not None]
    seen.append(weight.grad is not None)
    weight.sum().backward()
    assert [*seen, weight.grad is not None, optimizer.masters["w"].grad is not None] == [True, False, False, True]
