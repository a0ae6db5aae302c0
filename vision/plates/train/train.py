"""Trains the recogniser's neck and head on cached features of drawn crops.

The neck begins as PP-OCRv4's own (its weights are read from text-read.onnx, so
what it learnt from photographs is kept), the head as PP-OCR's rows for the 36
letters and digits. Beside it a second, plain path of convolutions begins at
nothing and adds what plates need. A last small part says what a crop shows:
nothing, or a plate of which kind.

train.py train FEATURES MODEL.pt [minutes [rate]]   (any time again: goes on from MODEL.pt)
train.py test FEATURES MODEL.pt              exact match on the validation split
train.py export MODEL.pt OUT.onnx
"""

import glob
import os
import sys
import time

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn as nn
import torch.nn.functional as F

CHARS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # class 0 is none, then these
KINDS = ("none", "us", "eu", "br")
STEPS, CHANNELS = 26, 480

torch.set_num_threads(1)


class Block(nn.Module):
    """A transformer block of SVTR (global mixing)."""

    def __init__(self, dim=120, heads=8):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-5), nn.LayerNorm(dim, eps=1e-5)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = F.softmax(q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5, -1)
        x = x + self.proj((a @ v).transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.silu(self.up(self.norm2(x))))


def conv(i, o, k):
    return nn.Sequential(nn.Conv1d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm1d(o), nn.SiLU())


class Reader(nn.Module):
    """Features [n, 480, 26] to logits [n, 26, 37] and kinds [n, 4]."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = conv(CHANNELS, 60, 3), conv(60, 120, 1)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(120, eps=1e-6)
        self.conv3, self.conv4, self.conv5 = conv(120, CHANNELS, 1), conv(2 * CHANNELS, 60, 3), conv(60, 120, 1)
        self.head = nn.Linear(120, 1 + len(CHARS))
        self.beside = nn.Sequential(conv(CHANNELS, 160, 3), nn.Dropout(0.1))
        self.more = nn.ModuleList([conv(160, 160, 5), conv(160, 160, 5)])
        self.head2 = nn.Linear(160, 1 + len(CHARS))
        self.kind = nn.Linear(2 * 280, len(KINDS))
        self.drop = nn.Dropout(0.1)
        nn.init.zeros_(self.head2.weight)
        nn.init.zeros_(self.head2.bias)

    def forward(self, x):
        z = self.conv2(self.conv1(x)).transpose(1, 2)
        for b in self.blocks:
            z = b(z)
        z = self.conv3(self.norm(z).transpose(1, 2))
        z = self.conv5(self.conv4(torch.cat([x, z], 1))).transpose(1, 2)
        y = self.beside(x)
        for m in self.more:
            y = y + m(y)
        y = y.transpose(1, 2)
        both = torch.cat([z, y], 2)
        kind = self.kind(torch.cat([both.mean(1), both.max(1)[0]], 1))
        return self.head(self.drop(z)) + self.head2(self.drop(y)), kind

    def begin(self, model, letters):
        """Takes over PP-OCR's neck and the rows of its head for our characters."""
        graph = onnx.load(model).graph
        w = {i.name: i for i in graph.initializer}
        w |= {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant"}
        w = {k: torch.tensor(onnx.numpy_helper.to_array(v).astype(np.float32)) for k, v in w.items() if "linear" in k or "norm" in k or "conv2d" in k}
        for i, c in enumerate((self.conv1, self.conv2, self.conv3, self.conv4, self.conv5)):
            c[0].weight.data = w[f"conv2d_{142 + i}.w_0"].squeeze(2)
            bn = f"batch_norm2d_{148 + i}"
            c[1].weight.data, c[1].bias.data = w[bn + ".w_0"], w[bn + ".b_0"]
            c[1].running_mean.data, c[1].running_var.data = w[bn + ".w_1"], w[bn + ".w_2"]
        for i, b in enumerate(self.blocks):
            for j, part in enumerate((b.qkv, b.proj, b.up, b.down)):
                part.weight.data = w[f"linear_{77 + 4 * i + j}.w_0"].T.contiguous()
                part.bias.data = w[f"linear_{77 + 4 * i + j}.b_0"]
            for j, part in enumerate((b.norm1, b.norm2)):
                part.weight.data, part.bias.data = w[f"layer_norm_{43 + 2 * i + j}.w_0"], w[f"layer_norm_{43 + 2 * i + j}.b_0"]
        self.norm.weight.data, self.norm.bias.data = w["layer_norm_47.w_0"], w["layer_norm_47.b_0"]
        keys = open(letters, encoding="utf8").read().split("\n")
        rows = [0] + [keys.index(c) + 1 for c in CHARS]
        self.head.weight.data = w["linear_85.w_0"].T[rows].contiguous()
        self.head.bias.data = w["linear_85.b_0"][rows].contiguous()


class Shards:
    """Features and labels of a split, as they lie on disk."""

    def __init__(self, folder, split):
        self.x, self.text, self.kind = [], [], []
        for f in sorted(glob.glob(os.path.join(folder, split + "-*.f16"))):
            labels = [l.rstrip("\n").split("\t") for l in open(f[:-4] + ".tsv")]
            if os.path.getsize(f) != len(labels) * CHANNELS * STEPS * 2:
                continue  # still being written
            self.x.append(np.memmap(f, np.float16, "r", shape=(len(labels), CHANNELS, STEPS)))
            self.text += [l[0] for l in labels]
            self.kind += [KINDS.index(l[1]) for l in labels]
        self.start = np.cumsum([0] + [len(x) for x in self.x])
        self.codes = [torch.tensor([CHARS.index(c) + 1 for c in t]) for t in self.text]
        self.kinds = torch.tensor(self.kind)

    def __len__(self):
        return len(self.text)

    def batch(self, ids):
        shard = np.searchsorted(self.start, ids, "right") - 1
        x = np.stack([self.x[s][i - self.start[s]] for s, i in zip(shard, ids)]).astype(np.float32)
        return torch.from_numpy(x)


def loss_of(model, data, ids):
    logits, kind = model(data.batch(ids))
    kinds = data.kinds[ids]
    plates = [i for i in range(len(ids)) if kinds[i] > 0]
    target = [data.codes[ids[i]] for i in plates]
    logp = F.log_softmax(logits[plates], 2).transpose(0, 1)
    ctc = F.ctc_loss(logp, torch.cat(target), torch.full((len(plates),), STEPS, dtype=torch.long), torch.tensor([len(t) for t in target]), zero_infinity=True)
    return ctc, F.cross_entropy(kind, kinds)


def greedy(logits):
    best = logits.argmax(2)
    out = []
    for row in best.tolist():
        s, last = "", 0
        for c in row:
            if c and c != last:
                s += CHARS[c - 1]
            last = c
        out.append(s)
    return out


def test(model, data, most=4000):
    model.eval()
    right, count, kinds_right = np.zeros(4), np.zeros(4), 0
    n = min(most, len(data))
    with torch.no_grad():
        for i in range(0, n, 200):
            ids = np.arange(i, min(n, i + 200))
            logits, kind = model(data.batch(ids))
            kinds_right += int((kind.argmax(1) == data.kinds[ids]).sum())
            for j, s in zip(ids, greedy(logits)):
                count[data.kind[j]] += 1
                right[data.kind[j]] += s == data.text[j]
    model.train()
    return " ".join(f"{k} {right[i] / max(1, count[i]):.4f}" for i, k in enumerate(KINDS) if i) + f" all {right[1:].sum() / max(1, count[1:].sum()):.4f} kinds {kinds_right / max(1, n):.4f}"


def train(folder, path, minutes, peak):
    models = os.environ.get("PORCHLIGHT_MODELS", os.path.expanduser("~/.cache/porchlight/models"))
    torch.manual_seed(1)
    model = Reader()
    if os.path.exists(path):
        model.load_state_dict(torch.load(path))
    else:
        model.begin(os.path.join(models, "text-read.onnx"), os.path.join(models, "text-letters.txt"))
    val = Shards(folder, "val")
    data = Shards(folder, "train")
    print(len(data), "to train on,", len(val), "to validate with; at first", test(model, val), flush=True)
    size = 64
    opt = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.02, betas=(0.9, 0.98))
    average = {k: v.clone() for k, v in model.state_dict().items()}
    rng = np.random.default_rng(int(time.time()) if os.path.exists(path) else 1)
    began, step, seen, mean, looked = time.time(), 0, 0, [3.0, 1.0], time.time()
    order = np.array([], int)
    while True:
        done = (time.time() - began) / (minutes * 60)
        if done >= 1:
            break
        if len(order) < size:
            if len(data) < 200_000:
                data = Shards(folder, "train")
            order = rng.permutation(len(data))
        ids, order = np.sort(order[:size]), order[size:]
        rate = peak * min(1, (step + 1) / 150) * (1 - done) ** 0.9
        for g in opt.param_groups:
            g["lr"] = rate
        ctc, kind = loss_of(model, data, ids)
        opt.zero_grad()
        (ctc + 0.3 * kind).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        opt.step()
        step, seen = step + 1, seen + size
        mean = [0.98 * mean[0] + 0.02 * float(ctc), 0.98 * mean[1] + 0.02 * float(kind)]
        keep = min(0.998, step / (step + 10))
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                average[k].mul_(keep).add_(v, alpha=1 - keep)
        if time.time() - looked > 240 or step == 30:
            looked = time.time()
            held = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(average)
            result = test(model, val, 1500)
            torch.save(average, path + ".part")
            model.load_state_dict(held)
            print(f"{(time.time() - began) / 60:.1f} min, {seen} crops of {len(data)}, loss {mean[0]:.4f} {mean[1]:.4f}, {result}", flush=True)
    model.load_state_dict(average)
    torch.save(average, path)
    print("in the end", seen, "crops of", len(data), test(model, val), flush=True)


def export(path, out):
    model = Reader()
    model.load_state_dict(torch.load(path))
    model.eval()

    class Odds(nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, x):
            logits, kind = self.m(x.squeeze(2))
            return F.log_softmax(logits, 2), F.softmax(kind, 1)

    torch.onnx.export(Odds(), torch.zeros(2, CHANNELS, 1, STEPS), out, opset_version=13, input_names=["features"], output_names=["logodds", "kinds"], dynamic_axes={"features": {0: "n"}, "logodds": {0: "n"}, "kinds": {0: "n"}})
    print(out, os.path.getsize(out), "bytes")


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "train":
        train(sys.argv[2], sys.argv[3], float((sys.argv[4:5] or [60])[0]), float((sys.argv[5:6] or [1.2e-3])[0]))
    elif what == "test":
        model = Reader()
        model.load_state_dict(torch.load(sys.argv[3]))
        print(test(model, Shards(sys.argv[2], "val")))
    elif what == "export":
        export(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
