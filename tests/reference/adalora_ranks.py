"""AdaLoRA's regulariser and rank allocation (arXiv 2303.10512) as PEFT's RankAllocator does them, in plain PyTorch.

Steps are numbered from 0, as in PEFT's own example of a training loop.
"""

import torch


def orthogonality(tensors):
    """Mean over all A and B of ||A A^T - I|| and ||B^T B - I|| (Frobenius)."""
    norms = []
    for name, tensor in tensors.items():
        if name.endswith((".lora_A", ".lora_B")):
            product = tensor @ tensor.T if name.endswith(".lora_A") else tensor.T @ tensor
            norms.append((product - torch.eye(len(product), dtype=product.dtype)).norm())
    return torch.stack(norms).mean()


class RankAllocator:
    """Keeps the smoothed importance of every entry and masks E down to the budget.

    `after_step` is called with the tensors as the optimiser has just left them and the gradients that it used.
    """

    def __init__(self, tensors, settings):
        self.tensors, self.settings = tensors, settings
        self.stems = [name.removesuffix(".lora_E") for name in tensors if name.endswith(".lora_E")]
        self.initial = sum(len(tensors[f"{stem}.lora_E"]) for stem in self.stems)
        self.target = settings["target_r"] * len(self.stems)
        self.sensitivity = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.uncertainty = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.kept = {stem: torch.ones_like(tensors[f"{stem}.lora_E"], dtype=torch.bool) for stem in self.stems}
        self.record = []

    def budget(self, step):
        """Triples to keep: all until tinit, then down along a cubic to the target."""
        start, end = self.settings["tinit"], self.settings["total_step"] - self.settings["tfinal"]
        if step <= start:
            return self.initial
        left = 1 - (step - start) / (end - start) if step <= end else 0.0
        return int((self.initial - self.target) * left**3 + self.target)

    @torch.no_grad()
    def after_step(self, step):
        start, end = self.settings["tinit"], self.settings["total_step"] - self.settings["tfinal"]
        gap = None
        # The step that allocates for the last time does not count its own gradients.
        if step < end:
            self.observe()
        if step == end or (start < step < end and step % self.settings["deltaT"] == 0):
            gap = self.choose(self.budget(step))
            self.mask()
        elif step > end:
            self.mask()
        entry = {"step": step, "budget": self.budget(step), "nonzero_triples": self.nonzero()}
        self.record.append(entry if gap is None else {**entry, "relative_gap_at_threshold": float(f"{gap:.1e}")})

    def observe(self):
        beta1, beta2 = self.settings["beta1"], self.settings["beta2"]
        for name, tensor in self.tensors.items():
            importance = (tensor * tensor.grad).abs()
            self.sensitivity[name] = beta1 * self.sensitivity[name] + (1 - beta1) * importance
            spread = (importance - self.sensitivity[name]).abs()
            self.uncertainty[name] = beta2 * self.uncertainty[name] + (1 - beta2) * spread

    def scores(self, stem):
        """A triple's score: that of its E plus the means over its row of A and its column of B."""
        a, b, e = (
            self.sensitivity[f"{stem}.{leaf}"] * self.uncertainty[f"{stem}.{leaf}"]
            for leaf in ("lora_A", "lora_B", "lora_E")
        )
        return e + a.mean(dim=1) + b.mean(dim=0)

    def choose(self, budget):
        """Keep the `budget` best triples; returns how far, relatively, the worst of them lies above the best one dropped."""
        scores = {stem: self.scores(stem) for stem in self.stems}
        ordered = torch.cat(list(scores.values())).sort().values
        threshold = ordered[self.initial - budget - 1]
        self.kept = {stem: score > threshold for stem, score in scores.items()}
        return (ordered[self.initial - budget] / threshold - 1).item()

    def mask(self):
        for stem, kept in self.kept.items():
            self.tensors[f"{stem}.lora_E"].masked_fill_(~kept, 0.0)

    def nonzero(self):
        return sum(int((self.tensors[f"{stem}.lora_E"] != 0).sum()) for stem in self.stems)

    def ranks(self):
        return torch.tensor([float(kept.sum()) for kept in self.kept.values()])
