"""The straightforward way to train and to score, as one writes it first: the bench's other side.

No trick, and no negligence either: whole-batch tensor code, one `backward` a loss, no logging.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

N_AXES = 10
LEARNING_RATE = 1e-3


class Images(Dataset):
    """Images uint8 (N, 1, 64, 64), one at a time, as floats in [0, 1]."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return torch.from_numpy(self.images[index]).float() / 255


def batches(images, size):
    """Batches of `size` images, epoch after epoch."""
    loader = DataLoader(Images(images), batch_size=size, shuffle=True, drop_last=True)
    while True:
        yield from loader


class Autoencoder(nn.Module):
    """4 convolutions and 2 dense layers, mirrored: 502,005 parameters (Burgess et al. 2018)."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 256), nn.ReLU(),
            nn.Linear(256, 256), nn.ReLU(),
            nn.Linear(256, 2 * N_AXES),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(N_AXES, 256), nn.ReLU(),
            nn.Linear(256, 256), nn.ReLU(),
            nn.Linear(256, 512), nn.ReLU(),
            nn.Unflatten(1, (32, 4, 4)),
            nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1),
        )  # fmt: skip

    def encode(self, x):
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean), mean, logvar

    def forward(self, x):
        z, mean, logvar = self.encode(x)
        return self.decoder(z), z, mean, logvar


def critic():
    """Six layers of 1000 units with two logits (Kim & Mnih 2018)."""
    widths = [N_AXES] + 5 * [1000]
    layers = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(1000, 2))


def distortion(x, logits):
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


def log_density(z, mean, logvar):
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mean) ** 2 / logvar.exp())


def beta_tcvae_loss(x, logits, z, mean, logvar, n_data, beta):
    """Chen et al. 2018, eq. 4 with minibatch-weighted sampling."""
    pairs = log_density(z[:, None], mean[None], logvar[None])  # (B, B, D)
    constant = math.log(len(x) * n_data)
    log_qz = torch.logsumexp(pairs.sum(2), 1) - constant
    log_qz_product = (torch.logsumexp(pairs, 1) - constant).sum(1)
    log_qz_given_x = log_density(z, mean, logvar).sum(1)
    log_pz = log_density(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    mutual_info = (log_qz_given_x - log_qz).mean()
    total_corr = (log_qz - log_qz_product).mean()
    axis_kl = (log_qz_product - log_pz).mean()
    return distortion(x, logits) + mutual_info + beta * total_corr + axis_kl


def beta_tcvae(images):
    """Train for ever; yields after every step."""
    model = Autoencoder()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for x in batches(images, 64):
        loss = beta_tcvae_loss(x, *model(x), n_data=len(images), beta=6.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield


def factor_vae(images):
    """Train for ever (Kim & Mnih 2018, Algorithm 2); yields after every step."""
    model, judge = Autoencoder(), critic()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    judge_optimiser = torch.optim.Adam(judge.parameters(), lr=LEARNING_RATE, betas=(0.5, 0.9))
    for pair in batches(images, 128):
        x, x_other = pair.chunk(2)
        logits, z, mean, logvar = model(x)
        scores = judge(z)
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        total_corr = (scores[:, 0] - scores[:, 1]).mean()
        loss = distortion(x, logits) + kl + 35.0 * total_corr
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

        with torch.no_grad():
            other = model.encode(x_other)[0]
            permuted = torch.stack([axis[torch.randperm(64)] for axis in other.T], 1)
        real = functional.cross_entropy(judge(z.detach()), torch.zeros(64, dtype=torch.long))
        fake = functional.cross_entropy(judge(permuted), torch.ones(64, dtype=torch.long))
        judge_optimiser.zero_grad()
        (0.5 * (real + fake)).backward()
        judge_optimiser.step()
        yield


def mig(codes, factors, n_bins=20):
    """Histograms, then one `mutual_info_score` for every axis and factor."""
    binned = np.empty(codes.shape, dtype=int)
    for j in range(codes.shape[1]):
        edges = np.histogram(codes[:, j], n_bins)[1][:-1]
        binned[:, j] = np.digitize(codes[:, j], edges)
    gaps = []
    for factor in factors.T:
        scores = sorted(mutual_info_score(factor, axis) for axis in binned.T)
        gaps.append((scores[-1] - scores[-2]) / mutual_info_score(factor, factor))
    return float(np.mean(gaps))


def sap(codes, factors, n_train=10_000, n_eval=5_000):
    """A linear support vector machine for every axis and factor."""
    rows = np.random.default_rng(0).permutation(len(codes))
    train, evaluation = rows[:n_train], rows[n_train : n_train + n_eval]
    gaps = []
    for factor in factors.T:
        scores = []
        for axis in codes.T:
            machine = LinearSVC(C=0.01, class_weight="balanced")
            machine.fit(axis[train, None], factor[train])
            scores.append(machine.score(axis[evaluation, None], factor[evaluation]))
        scores.sort()
        gaps.append(scores[-1] - scores[-2])
    return float(np.mean(gaps))


def irs(codes, factors):
    """Suter et al. 2019 as written: for every axis, factor and value the farthest code."""
    robustness = np.zeros((codes.shape[1], factors.shape[1]))
    farthest = np.abs(codes - codes.mean(0)).max(0)
    for j, axis in enumerate(codes.T):
        for k, factor in enumerate(factors.T):
            groups = [axis[factor == value] for value in np.unique(factor)]
            moved = np.mean([np.abs(group - group.mean()).max() for group in groups])
            robustness[j, k] = 1 - moved / farthest[j]
    return float(farthest @ robustness.max(1) / farthest.sum())


def mean_entropies(mean, logvar, n_samples, generator):
    """Entropies (D,) of the mixtures on every axis, from n_samples draws and all N densities."""
    n, n_axes = mean.shape
    row = torch.randint(n, (n_samples,), generator=generator)
    noise = torch.randn(n_samples, n_axes, generator=generator)
    z = mean[row] + torch.exp(0.5 * logvar[row]) * noise
    total = torch.zeros(n_axes)
    for some in z.split(32):
        log_q = torch.logsumexp(log_density(some[:, None], mean, logvar), 1) - math.log(n)
        total -= log_q.sum(0)
    return total / n_samples


def mig_sampled(mean, logvar, factors, n_samples, generator):
    """Chen et al. 2018, Appendix: H(z_j) and H(z_j | v_k) as means over n_samples draws each."""
    marginal = mean_entropies(mean, logvar, n_samples, generator)
    gaps = []
    for factor in factors.T:
        values, counts = factor.unique(return_counts=True)
        given = sum(
            mean_entropies(mean[factor == v], logvar[factor == v], n_samples, generator)
            for v in values
        ) / len(values)
        scores = (marginal - given).sort().values
        gaps.append((scores[-1] - scores[-2]) / math.log(len(counts)))
    return float(sum(gaps) / len(gaps))
