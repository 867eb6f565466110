"""Divergence from the float model, over the whole vocabulary or over its likeliest tokens and one bucket for the rest."""

import numpy as np

TOP = 64


def top_of(log_probs):
    """The TOP most likely ids with their log-probabilities, the likeliest first."""
    ids = np.argsort(-log_probs, kind="stable")[:TOP]
    return [(int(i), float(log_probs[i])) for i in ids]


def rest_of(entries):
    """Logarithm of the probability that `entries` leave to all other tokens."""
    return float(np.log(max(1.0 - sum(np.exp(lp) for _, lp in entries), 1e-12)))


def kl_full(p, q):
    return float(np.sum(np.exp(p) * (p - q)))


def kl_top(entries, q):
    """The same over TOP + 1 buckets: the float model's top tokens, and all others together."""
    pairs = [(lp, q[i]) for i, lp in entries]
    pairs.append((rest_of(entries), np.log(max(1.0 - sum(np.exp(lq) for _, lq in pairs), 1e-12))))
    return float(sum(np.exp(lp) * (lp - lq) for lp, lq in pairs))
