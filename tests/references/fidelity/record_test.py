#!/usr/bin/env python3
"""The recording's arithmetic. Needs numpy only; the peers' modules are not imported."""

import importlib
import math
import struct
import sys
import tempfile
import types
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is in the peers' environment only (scripts/setup.sh --peers)")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
for name, member in (("float_peer", "FloatModel"), ("vocabulary", "Vocabulary"), ("llama_peer", "Server")):
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], member, None)
sys.modules["llama_peer"].TextRun = None
record = importlib.import_module("record")
divergence = importlib.import_module("divergence")


def random_log_probs(seed, size=200):
    logits = np.random.default_rng(seed).normal(size=size) * 4
    return logits - np.log(np.exp(logits).sum())


class Divergence(unittest.TestCase):
    def test_of_a_distribution_from_itself_is_zero(self):
        p = random_log_probs(1)
        self.assertAlmostEqual(record.kl_full(p, p), 0)
        self.assertAlmostEqual(record.kl_top(record.top_of(p), p), 0)

    def test_buckets_never_exceed_the_whole(self):
        for seed in range(20):
            p, q = random_log_probs(seed), random_log_probs(seed + 100)
            full, top = record.kl_full(p, q), record.kl_top(record.top_of(p), q)
            self.assertGreater(full, 0)
            self.assertGreaterEqual(full + 1e-12, top)
            self.assertGreaterEqual(top, -1e-12)


class OtherModels(unittest.TestCase):
    def test_two_peers_that_say_the_same_are_equally_far(self):
        totals = divergence.Totals()
        for seed in range(5):
            p, q = random_log_probs(seed), random_log_probs(seed + 100)
            best_first = sorted(range(len(q)), key=lambda i: -q[i])
            totals.add(3, p, q, {i: float(q[i]) for i in best_first})
        figures = dict(totals.figures(512))
        self.assertEqual(figures["positions_512"], 5)
        self.assertEqual(figures["ours_to_llama_512"], "1.0000")
        self.assertEqual(figures["llama_kl_512"], figures["ours_kl_512"])
        self.assertEqual(figures["llama_same_best_512"], figures["ours_same_best_512"])

    def test_a_likely_token_that_ours_does_not_list_ends_it(self):
        p = random_log_probs(1)
        with self.assertRaises(SystemExit):
            divergence.kl_of_top(record.top_of(p), {0: -1.0})

    def test_log_softmax_sums_to_one(self):
        rows = divergence.log_softmax(np.array([1000.0, 999.0, -1000.0], np.float32))
        self.assertAlmostEqual(float(np.exp(rows).sum()), 1)


class Answers(unittest.TestCase):
    def test_split_at_the_length_and_behind_stop_tokens(self):
        long = list(range(10, 10 + record.ANSWER_TOKENS))
        self.assertEqual(record.split_answers(long + [5, 2] + long, 3, {2}), [long, [5, 2], long])

    def test_a_wrong_count_ends_the_recording(self):
        with self.assertRaises(SystemExit):
            record.split_answers([1, 2, 3], 3, {2, 3})


class Positions(unittest.TestCase):
    def test_top_is_sorted_and_the_rest_makes_one(self):
        entries = record.top_of(random_log_probs(3))
        self.assertEqual(len(entries), record.TOP)
        self.assertEqual(entries, sorted(entries, key=lambda e: -e[1]))
        self.assertAlmostEqual(sum(math.exp(lp) for _, lp in entries) + math.exp(record.rest_of(entries)), 1)

    def test_file_layout(self):
        entries = record.top_of(random_log_probs(4))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "top.bin"
            record.write_positions(path, [entries, entries])
            bytes_ = path.read_bytes()
            tokens = record.read_tokens(path)
        self.assertEqual(tokens, [entries[0][0]] * 2)
        self.assertEqual(bytes_[:8], b"ETBTOP1\n")
        self.assertEqual(struct.unpack("<II", bytes_[8:16]), (2, record.TOP))
        self.assertEqual(len(bytes_), 16 + 2 * (8 * record.TOP + 4))
        self.assertEqual(struct.unpack("<I", bytes_[16:20])[0], entries[0][0])


if __name__ == "__main__":
    unittest.main()
