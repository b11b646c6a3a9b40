"""What a lifter knows of time: modules from a window of features to a code of the answered frame.

Every trunk takes ``features`` float32 [B, 27, 55] and answers float32 [B, 1, width]. Frames in which nobody was seen
are all zero; no trunk needs a frame other than the answered one. Shapes are static but for the batch, and no value
decides what is computed, so that every compiler can take them as they are. The axis of time is kept to the end, at
length 1: OpenVINO 2026.4 crashes while it fuses residual blocks of up to 256 channels in row over [B, channels].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from stream3d.nets.lifter_shape import FEATURES, WINDOW, LifterShape

# Added to the scores of what must not be attended to; within half precision, and nothing after the exponential.
_NEVER = 1e4
_STEP = 51  # column of the features that holds the time since the frame before


class Block(nn.Module):
    """Pre-norm residual MLP."""

    def __init__(self, width: int, inner: int | None = None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, inner or width)
        self.outer = nn.Linear(inner or width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Float [..., width] to the same shape."""
        out: Tensor = x + self.outer(relu(self.inner(self.norm(x))))
        return out


class Trunk(nn.Module):
    """The answered frame's own way, a way through time added to it, and a residual MLP over both.

    Without a way through time it is the residual MLP of Martinez et al. 2017, "A simple yet effective baseline for 3d
    human pose estimation", section 3.2, with the norm before the layers.
    """

    def __init__(self, shape: LifterShape, past: nn.Module | None) -> None:
        super().__init__()
        self._answered = shape.answered
        self.past = past
        self.now = nn.Linear(FEATURES, shape.width)
        self.blocks = nn.Sequential(*(Block(shape.width) for _ in range(shape.blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """See the module."""
        x: Tensor = self.now(features[:, self._answered : self._answered + 1])
        if self.past is not None:
            x = self.past(features) + x
        out: Tensor = self.blocks(x)
        return out


class Tcn(nn.Module):
    """Strided convolutions over time.

    In the manner of Pavllo et al. 2019, "3D human pose estimation in video with temporal convolutions and
    semi-supervised training", section 3.2, written as matrix products because the strides equal the widths; 27 frames
    become 9, 3, 1.
    """

    def __init__(self, shape: LifterShape) -> None:
        super().__init__()
        channels = self._channels = shape.channels
        self.stem = nn.Linear(3 * FEATURES, channels)
        self.nines = Block(channels)
        self.to_three = nn.Linear(3 * channels, channels)
        self.threes = Block(channels)
        self.to_one = nn.Linear(3 * channels, shape.width)

    def forward(self, features: Tensor) -> Tensor:
        """See the module."""
        nine = self.nines(self.stem(features.reshape(-1, 9, 3 * FEATURES)))
        three = self.threes(self.to_three(nine.reshape(-1, 3, 3 * self._channels)))
        out: Tensor = self.to_one(three.reshape(-1, 1, 3 * self._channels))
        return out


class EncoderDecoder(nn.Module):
    """A U-Net in time (Ronneberger et al. 2015, "U-Net", section 2) of 27, 9, 3 and 1 steps.

    The encoder squeezes the window into a code of a quarter of the channels; of the decoder only the answered frame's
    way up is computed, with a skip from the step of each level that holds it.
    """

    def __init__(self, shape: LifterShape) -> None:
        super().__init__()
        channels, code = shape.channels, max(1, shape.channels // 4)
        self._channels = channels
        self._steps = (shape.answered, shape.answered // 3, shape.answered // 9)
        self.stem = nn.Linear(FEATURES, channels)
        self.encode = nn.ModuleList(Block(channels) for _ in range(3))
        self.down = nn.ModuleList(nn.Linear(3 * channels, size) for size in (channels, channels, code))
        self.up = nn.ModuleList(nn.Linear(size, channels) for size in (channels, channels, code))
        self.decode = nn.ModuleList(Block(channels) for _ in range(3))
        self.out = nn.Linear(channels, shape.width)

    def forward(self, features: Tensor) -> Tensor:
        """See the module."""
        x, skips = self.stem(features), []
        for level, (encode, down) in enumerate(zip(self.encode, self.down, strict=True)):
            x = encode(x)
            skips.append(x[:, self._steps[level] : self._steps[level] + 1])
            x = down(x.reshape(-1, 9 // 3**level, 3 * self._channels))
        for level in (2, 1, 0):
            x = self.decode[level](self.up[level](x) + skips[level])
        out: Tensor = self.out(x)
        return out


class Attention(nn.Module):
    """Pre-norm multi-head attention with a residual (Vaswani et al. 2017, section 3.2.2)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self._heads, self._size = heads, channels // heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, bias: Tensor, row: int | None = None) -> Tensor:
        """The tokens of ``x`` [B, 27, channels], or the one of ``row`` [B, 1, channels], after attending to all.

        ``bias`` float [B, 1, 27, 27] is added to the scores. Written out, because not every compiler knows all that the
        fused operator is made of.
        """
        normed = asking = self.norm(x)
        if row is not None:
            x, asking, bias = x[:, row : row + 1], normed[:, row : row + 1], bias[:, :, row : row + 1]
        query = self._split(self.query(asking)) * self._size**-0.5
        scores = query @ self._split(self.key(normed)).transpose(2, 3) + bias
        mixed = torch.softmax(scores, -1) @ self._split(self.value(normed))
        out: Tensor = x + self.out(mixed.transpose(1, 2).reshape(-1, x.shape[1], self._heads * self._size))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(-1, x.shape[1], self._heads, self._size).transpose(1, 2)


class Transformer(nn.Module):
    """Frames as tokens, each attending to those up to ``lookahead`` frames after itself.

    A token's place is its true distance in time from the answered frame, from the feature that holds time steps,
    through a small learned net; frames in which nobody was seen are masked. Of the last layer only the answered
    token is computed.
    """

    causal: Tensor
    until: Tensor

    def __init__(self, shape: LifterShape) -> None:
        super().__init__()
        channels = shape.channels
        self._answered = shape.answered
        self.stem = nn.Linear(FEATURES, channels)
        self.clock = nn.Sequential(nn.Linear(1, channels), nn.ReLU(), nn.Linear(channels, channels))
        self.mix = nn.ModuleList(Attention(channels, shape.heads) for _ in range(shape.layers))
        self.think = nn.ModuleList(Block(channels, 2 * channels) for _ in range(shape.layers))
        self.out = nn.Linear(channels, shape.width)
        row, column = torch.arange(WINDOW)[:, None], torch.arange(WINDOW)[None]
        late = (column > row + shape.lookahead).float() * -_NEVER
        self.register_buffer("causal", late[None, None], persistent=False)
        # seconds from the answered frame = sums of steps, as one matrix product
        sums = (row <= column).float() - (row <= shape.answered).float()
        self.register_buffer("until", sums, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """See the module."""
        age = features[:, :, _STEP] @ self.until
        x = self.stem(features) + self.clock(age[:, :, None])
        absent = features[:, :, 2:_STEP:3].sum(-1) <= 0
        bias = self.causal.masked_fill(absent[:, None, None], -_NEVER)
        for layer, (mix, think) in enumerate(zip(self.mix, self.think, strict=True), 1):
            x = think(mix(x, bias, self._answered if layer == len(self.mix) else None))
        out: Tensor = self.out(x)
        return out


def make_trunk(shape: LifterShape) -> Trunk:
    """The trunk of ``shape.kind``."""
    kinds = {"tcn": Tcn, "encoder-decoder": EncoderDecoder, "transformer": Transformer}
    return Trunk(shape, kinds[shape.kind](shape) if shape.kind in kinds else None)
