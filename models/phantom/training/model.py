"""The published architecture at a small size. Modules are named like the tensors of the published checkpoint (transformers
4.39), so that `state_dict` is the checkpoint."""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Spec:
    """The sizes. Both encoders have the same hidden size, since they share a LayerNorm."""

    side: int = 224
    patch: int = 14
    hidden: int = 128
    heads: int = 4
    mlp: int = 4
    vision_layers: int = 4
    align_layers: int = 2
    text_layers: int = 2
    text_intermediate: int = 256
    text_positions: int = 66  # the first two serve no token, see Text
    vocabulary: int = 0
    mean: float = 0.5307  # of X-rays, as in the preprocessing of DINOv2 for chest radiographs
    std: float = 0.2583

    @property
    def grid(self):
        return self.side // self.patch


class Scale(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lambda1 = nn.Parameter(torch.full((hidden,), 0.5))

    def forward(self, x):
        return x * self.lambda1


class Named(nn.Module):
    """A module that only groups others under a name."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


def attend(x, parts, heads, bias=None):
    """Multi-head attention of x [B, L, D] up to the output projection; `parts` are the query, key and value layers."""
    batch, length, hidden = x.shape
    weight = torch.cat([part.weight for part in parts])
    bias_qkv = torch.cat([part.bias for part in parts])
    qkv = F.linear(x, weight, bias_qkv).view(batch, length, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
    out = F.scaled_dot_product_attention(*qkv.unbind(0), attn_mask=bias)
    return out.transpose(1, 2).reshape(batch, length, hidden)


class Block(nn.Module):
    """The block of DINOv2: pre-norm, with LayerScale."""

    def __init__(self, spec):
        super().__init__()
        hidden, self.heads = spec.hidden, spec.heads
        self.norm1 = nn.LayerNorm(hidden, eps=1e-6)
        qkv = Named(query=nn.Linear(hidden, hidden), key=nn.Linear(hidden, hidden), value=nn.Linear(hidden, hidden))
        self.attention = Named(attention=qkv, output=Named(dense=nn.Linear(hidden, hidden)))
        self.layer_scale1 = Scale(hidden)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-6)
        self.mlp = Named(fc1=nn.Linear(hidden, spec.mlp * hidden), fc2=nn.Linear(spec.mlp * hidden, hidden))
        self.layer_scale2 = Scale(hidden)

    def forward(self, x):
        qkv = self.attention.attention
        attended = attend(self.norm1(x), (qkv.query, qkv.key, qkv.value), self.heads)
        x = x + self.layer_scale1(self.attention.output.dense(attended))
        return x + self.layer_scale2(self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x)))))


def sine_positions(grid, hidden):
    """[1, 1 + grid^2, hidden]: sines and cosines of row and column, 0 for the class token."""
    frequencies = 1 / 100 ** (torch.arange(hidden // 4) / (hidden // 4))
    angles = torch.arange(grid)[:, None] * frequencies
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = waves[:, None].expand(grid, grid, -1)
    columns = waves[None].expand(grid, grid, -1)
    table = torch.cat([rows, columns], dim=-1).reshape(1, grid * grid, hidden)
    return 0.2 * torch.cat([torch.zeros(1, 1, hidden), table], dim=1)


class Embeddings(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.hidden))
        self.position_embeddings = nn.Parameter(sine_positions(spec.grid, spec.hidden))
        # One input channel, since phantoms are grey. The checkpoint has three, each with a third of the weights.
        projection = nn.Conv2d(1, spec.hidden, spec.patch, spec.patch)
        self.patch_embeddings = Named(projection=projection)

    def forward(self, levels):
        """u8 or f32 [B, side, side] of levels 0..255 -> [B, 1 + N, D]."""
        grid, patch = self.spec.grid, self.spec.patch
        pixels = (levels.float() / 255 - self.spec.mean) / self.spec.std
        patches = pixels.view(-1, grid, patch, grid, patch).transpose(2, 3).reshape(-1, grid * grid, patch * patch)
        projection = self.patch_embeddings.projection
        patches = F.linear(patches, projection.weight.flatten(1), projection.bias)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        return tokens + self.position_embeddings


class Blocks(nn.Module):
    def __init__(self, spec, layers):
        super().__init__()
        self.layer = nn.ModuleList([Block(spec) for _ in range(layers)])

    def forward(self, x):
        for block in self.layer:
            x = block(x)
        return x


class Vision(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.embeddings = Embeddings(spec)
        self.encoder = Blocks(spec, spec.vision_layers)
        self.layernorm = nn.LayerNorm(spec.hidden, eps=1e-6)

    def forward(self, levels):
        return self.layernorm(self.encoder(self.embeddings(levels)))


class TextBlock(nn.Module):
    """The block of MPNet: post-norm."""

    def __init__(self, spec):
        super().__init__()
        hidden, self.heads = spec.hidden, spec.heads
        attn = Named(**{name: nn.Linear(hidden, hidden) for name in "qkvo"})
        self.attention = Named(attn=attn, LayerNorm=nn.LayerNorm(hidden, eps=1e-5))
        self.intermediate = Named(dense=nn.Linear(hidden, spec.text_intermediate))
        self.output = Named(dense=nn.Linear(spec.text_intermediate, hidden), LayerNorm=nn.LayerNorm(hidden, eps=1e-5))

    def forward(self, x, bias):
        attn = self.attention.attn
        x = self.attention.LayerNorm(x + attn.o(attend(x, (attn.q, attn.k, attn.v), self.heads, bias)))
        return self.output.LayerNorm(x + self.output.dense(F.gelu(self.intermediate.dense(x))))


def buckets(length, count=32, longest=128):
    """[length, length]: MPNet's bucket of each distance between query (row) and key (column)."""
    places = torch.arange(length)
    back = places[:, None] - places[None]  # positive: the key comes earlier
    count //= 2
    exact = count // 2
    distance = back.abs()
    far = exact + (torch.log(distance.clamp(min=1) / exact) / math.log(longest / exact) * (count - exact)).long()
    return (back < 0).long() * count + torch.where(distance < exact, distance, far.clamp(max=count - 1))


class Text(nn.Module):
    """MPNet with mean pooling. Positions count from 2: those of padding and the id before it are unused."""

    def __init__(self, spec):
        super().__init__()
        hidden = spec.hidden
        self.embeddings = Named(
            word_embeddings=nn.Embedding(spec.vocabulary, hidden),
            position_embeddings=nn.Embedding(spec.text_positions, hidden),
            LayerNorm=nn.LayerNorm(hidden, eps=1e-5),
        )
        self.encoder = Named(
            layer=nn.ModuleList([TextBlock(spec) for _ in range(spec.text_layers)]),
            relative_attention_bias=nn.Embedding(32, spec.heads),
        )

    def forward(self, ids, mask):
        """ids [n, L], mask [n, L] of 0 and 1 -> [n, D]."""
        length = ids.shape[1]
        positions = torch.arange(2, 2 + length)
        embeddings = self.embeddings
        x = embeddings.LayerNorm(embeddings.word_embeddings(ids) + embeddings.position_embeddings(positions))
        bias = self.encoder.relative_attention_bias(buckets(length)).permute(2, 0, 1)[None]
        bias = bias + torch.where(mask[:, None, None] > 0, 0.0, -1e9)
        for block in self.encoder.layer:
            x = block(x, bias.to(x.dtype))
        mask = mask[..., None].to(x.dtype)
        return (x * mask).sum(1) / mask.sum(1)


class Model(nn.Module):
    """RadZero: both encoders and the parameters of the loss."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.vision_model = Vision(spec)
        self.align_transformer = Named(transformer_layers=Blocks(spec, spec.align_layers))
        self.text_model = Text(spec)
        loss = Named(layer_norm=nn.LayerNorm(spec.hidden, eps=1e-5))
        loss.loss_temperature = nn.Parameter(torch.tensor([math.log(0.07)]))
        self.loss_fns = Named(RadZeroLoss=loss)
        self.apply(initialise)
        nn.init.normal_(self.vision_model.embeddings.cls_token, std=0.02)

    def normalised(self, features):
        """Applies the shared LayerNorm and scales to unit length."""
        return F.normalize(self.loss_fns.RadZeroLoss.layer_norm(features.float()), dim=-1)

    def tokens(self, levels):
        """[B, 1 + N, D] of unit length, the class token first."""
        return self.normalised(self.align_transformer.transformer_layers(self.vision_model(levels)))

    def sentences(self, ids, mask):
        """[n, D] of unit length."""
        return self.normalised(self.text_model(ids, mask))

    def similarity(self, tokens, sentences):
        """VL-CABS (arXiv 2504.07416, section 3.2): logits [B, n] and scores [B, n, 1 + N]."""
        temperature = self.loss_fns.RadZeroLoss.loss_temperature.exp()
        scores = torch.einsum("nd,bjd->bnj", sentences, tokens) / temperature
        pooled = F.normalize(scores.softmax(-1) @ tokens, dim=-1)
        return (pooled * sentences).sum(-1) / temperature, scores


def initialise(module):
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=1 / math.sqrt(module.weight[0].numel()))
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.05)
