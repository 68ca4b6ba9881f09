"""A plain Qwen3 in torch: grouped-query attention with query and key norms, rotary positions, SwiGLU, tied embeddings."""
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 3072
    width: int = 256
    layers: int = 7
    heads: int = 8
    key_heads: int = 4
    head_width: int = 32
    feed_forward: int = 768
    context: int = 1024
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-6

    def as_dict(self) -> dict:
        return asdict(self)


class RmsNorm(nn.Module):
    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        x32 = x.float()
        scale = torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (x32 * scale * self.weight).to(x.dtype)


def rotary_table(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (context, head_width), for the half-rotation form of rotary positions."""
    steps = torch.arange(0, shape.head_width, 2).float() / shape.head_width
    angles = torch.outer(torch.arange(shape.context).float(), shape.rope_base ** -steps)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.sizes = [shape.heads * shape.head_width] + [shape.key_heads * shape.head_width] * 2
        self.qkv = nn.Linear(shape.width, sum(self.sizes), bias=False)
        self.out = nn.Linear(self.sizes[0], shape.width, bias=False)
        self.q_norm = RmsNorm(shape.head_width, shape.norm_epsilon)
        self.k_norm = RmsNorm(shape.head_width, shape.norm_epsilon)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: list | None) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            part.view(batch, length, -1, self.shape.head_width).transpose(1, 2)
            for part in self.qkv(x).split(self.sizes, dim=-1)
        )
        q = rotate(self.q_norm(q), cos, sin).to(v.dtype)
        k = rotate(self.k_norm(k), cos, sin).to(v.dtype)
        causal = mask is None
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
                causal = False
            cache[:] = [k, v]
        groups = self.shape.heads // self.shape.key_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1))


class Block(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.attention_norm = RmsNorm(shape.width, shape.norm_epsilon)
        self.attention = Attention(shape)
        self.feed_norm = RmsNorm(shape.width, shape.norm_epsilon)
        self.gate_up = nn.Linear(shape.width, 2 * shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: list | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin, mask, cache)
        gate, up = self.gate_up(self.feed_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class DemoModel(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.norm_epsilon)
        cos, sin = rotary_table(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._start)

    def _start(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.03)

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, caches: list[list] | None = None) -> Tensor:
        start = caches[0][0].shape[2] if caches and caches[0] else 0
        positions = slice(start, start + tokens.shape[1])
        cos, sin = self.cos[positions], self.sin[positions]
        x = self.embedding(tokens)
        for index, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, caches[index] if caches is not None else None)
        return self.norm(x)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, caches: list[list] | None = None) -> Tensor:
        return F.linear(self.hidden(tokens, mask, caches), self.embedding.weight)

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())
