"""The kinds of lifter: what each sees of time, what it bears, and what it is when it comes back from its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from stream3d.errors import ModelError, SettingsError
from stream3d.nets.lifter import describe_lifter
from stream3d.nets.lifter_shape import KINDS, Kind, LifterShape, standard_shape
from stream3d.nets.lifter_torch import Lifter, load_lifter, save_lifter

LOOKAHEADS = (0, 1, 4, 8)
BOTH = pytest.mark.parametrize(("kind", "lookahead"), [(kind, ahead) for kind in KINDS for ahead in LOOKAHEADS])


def small(kind: Kind, lookahead: int = 0) -> Lifter:
    torch.manual_seed(1)
    shape = LifterShape(kind=kind, channels=16, width=32, blocks=1, lookahead=lookahead)
    return Lifter(shape).eval()


def windows(count: int = 3, *, absent: slice = slice(0, 0)) -> Tensor:
    """Noise in which every joint is seen, but for the frames ``absent``."""
    x = torch.randn(count, 27, 55, generator=torch.Generator().manual_seed(2))
    x[:, :, 2:51:3] = 0.9
    x[:, :, 51] = 0.4
    x[:, absent] = 0
    return x


@BOTH
def test_every_kind_answers_a_pose_and_a_sigma(kind: Kind, lookahead: int) -> None:
    net = small(kind, lookahead)
    joints, log_sigma = net(windows())
    assert (joints.shape, log_sigma.shape, net.lookahead) == ((3, 17, 3), (3, 17), lookahead)
    assert (joints[:, 0] == 0).all()
    assert torch.isfinite(joints).all()


@BOTH
def test_every_frame_of_the_window_counts(kind: Kind, lookahead: int) -> None:
    x = windows(1).requires_grad_()
    small(kind, lookahead)(x)[0].square().sum().backward()
    heard = (x.grad.abs().sum(-1) > 0)[0]
    answered = torch.arange(27) == 26 - lookahead
    assert torch.equal(heard, answered if kind == "mlp" else torch.ones(27, dtype=torch.bool))


@BOTH
def test_the_rays_that_pass_through_are_the_answered_frames(kind: Kind, lookahead: int) -> None:
    net = small(kind, lookahead)
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.zero_()
    x = windows()
    rays = x[:, 26 - lookahead, :51].reshape(3, 17, 3)[..., :2].clamp(-1.5, 1.5)
    torch.testing.assert_close(net(x)[0][..., :2], rays - rays[:, :1])


@BOTH
def test_a_lone_frame_and_an_empty_row_are_borne(kind: Kind, lookahead: int) -> None:
    net, x = small(kind, lookahead), windows()
    alone = torch.zeros_like(x)
    alone[:2, 26 - lookahead] = x[:2, 26 - lookahead]
    joints, log_sigma = net(alone)
    assert torch.isfinite(joints).all()
    assert torch.isfinite(log_sigma).all()
    assert not torch.equal(joints[0], joints[2])


@BOTH
def test_rows_of_a_batch_do_not_touch_each_other(kind: Kind, lookahead: int) -> None:
    net, x = small(kind, lookahead), windows(4, absent=slice(0, 9))
    alone = torch.cat([net(x[i : i + 1])[0] for i in range(4)])
    torch.testing.assert_close(net(x)[0], alone)


@pytest.mark.parametrize("absent", [slice(0, 11), slice(24, 27), slice(5, 6)])
def test_a_transformer_does_not_attend_to_frames_without_anybody(absent: slice) -> None:
    net, x = small("transformer", 4), windows(absent=absent)
    haunted = x.clone()
    haunted[:, absent, :2] = 3.0  # rays without confidence are nobody's
    torch.testing.assert_close(net(haunted), net(x), rtol=0, atol=0)
    haunted[:, absent, 2] = 0.5
    assert not torch.equal(net(haunted)[0], net(x)[0])


def test_a_transformer_knows_true_times_and_not_only_the_order() -> None:
    net, x = small("transformer"), windows()
    slow = x.clone()
    slow[:, 1:, 51] *= 2
    torch.testing.assert_close(net.trunk.past.until[:, 3].sum(), torch.tensor(-23.0))
    assert not torch.allclose(net(slow)[0], net(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_usual_sizes_are_alike(kind: Kind) -> None:
    count = sum(p.numel() for p in Lifter(standard_shape(kind)).parameters())
    assert 1.8e6 < count < 2.2e6


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_its_file(kind: Kind, tmp_path: Path) -> None:
    net, path = small(kind, 2), tmp_path / "net.safetensors"
    save_lifter(net, path, {"note": "test"})
    assert (describe_lifter(path).shape, describe_lifter(path).notes["note"]) == (net.shape, "test")
    torch.testing.assert_close(load_lifter(path)(windows())[0], net(windows())[0], atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "lstm"}, {"channels": 0}, {"lookahead": 27}, {"lookahead": -1}, {"kind": "transformer", "heads": 3}],
)
def test_shapes_that_cannot_be_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=str(list(wrong.values())[-1])):
        LifterShape(**wrong)  # type: ignore[arg-type]
    save_file({"x": torch.zeros(1)}, tmp_path / "net.safetensors", {"shape": json.dumps(wrong)})
    with pytest.raises(ModelError, match="holds no lifter"):
        describe_lifter(tmp_path / "net.safetensors")
