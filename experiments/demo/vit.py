"""A tiny vision transformer that computes exactly what Hugging Face's `CLIPVisionModelWithProjection` computes.

Module names are chosen so that `state_dict()` has the tensor names of a checkpoint on the hub (`pre_layrnorm` is spelled so there);
`position_ids` is not a parameter and is not saved.
"""
import json

import torch
from torch import nn
from torch.nn import functional as F

LOGIT_SCALE = 20.0
CONFIG = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "attention_dropout": 0.0,
    "dtype": "float16",
    "hidden_act": "quick_gelu",
    "hidden_size": 48,
    "image_size": 28,
    "initializer_factor": 1.0,
    "initializer_range": 0.02,
    "intermediate_size": 144,
    "layer_norm_eps": 1e-05,
    "model_type": "clip_vision_model",
    "num_attention_heads": 4,
    "num_channels": 1,
    "num_hidden_layers": 4,
    "patch_size": 7,
    "projection_dim": 32,
    "transformers_version": "5.23.0",
}
PREPROCESSOR = {
    "do_resize": False, "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.5], "image_std": [0.5], "size": {"height": 28, "width": 28},
}


class Embeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        patches = (c["image_size"] // c["patch_size"]) ** 2
        self.class_embedding = nn.Parameter(torch.randn(c["hidden_size"]) * c["hidden_size"] ** -0.5)
        self.patch_embedding = nn.Conv2d(c["num_channels"], c["hidden_size"], c["patch_size"], c["patch_size"], bias=False)
        self.position_embedding = nn.Embedding(patches + 1, c["hidden_size"])
        nn.init.normal_(self.position_embedding.weight, std=c["initializer_range"])

    def forward(self, pixels):
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        cls = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([cls, patches], dim=1) + self.position_embedding.weight


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c["num_attention_heads"]
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(c["hidden_size"], c["hidden_size"]))

    def forward(self, x):
        def split(y):
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1)
        return self.out_proj((weights @ v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1 = nn.Linear(c["hidden_size"], c["intermediate_size"])
        self.fc2 = nn.Linear(c["intermediate_size"], c["hidden_size"])

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.self_attn = Attention(c)
        self.layer_norm1 = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])
        self.mlp = MLP(c)
        self.layer_norm2 = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings = Embeddings(c)
        self.pre_layrnorm = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])
        self.encoder = Encoder(c)
        self.post_layernorm = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])

    def forward(self, pixels):
        return self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(pixels)))[:, 0])


class CLIPVision(nn.Module):
    """Pixels (n, 1, 28, 28), already normalised -> image embeddings (n, projection_dim), not normalised."""

    def __init__(self, c=CONFIG):
        super().__init__()
        self.vision_model = VisionModel(c)
        self.visual_projection = nn.Linear(c["hidden_size"], c["projection_dim"], bias=False)

    def forward(self, pixels):
        return self.visual_projection(self.vision_model(pixels))


def normalise(images):
    """uint8 (n, 28, 28) -> pixels (n, 1, 28, 28) in [-1, 1]."""
    return (torch.as_tensor(images).float().unsqueeze(1) / 255 - 0.5) / 0.5


def logits(model, pixels, head):
    """head: (classes, projection_dim); its rows are made unit length here, which changes nothing for a saved head."""
    return LOGIT_SCALE * F.normalize(model(pixels), dim=-1) @ F.normalize(head, dim=-1).T


def write_configs(folder):
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=1) + "\n")
