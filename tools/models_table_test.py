#!/usr/bin/env python3
"""models_table.py reads what there is, and refuses what nobody described or tests."""

import struct
import unittest

import models_table


def logits_file(*cases):
    """As tests/references/families/logits.bin: (name, positions, vocab) each."""
    data = b""
    for name, positions, vocab in cases:
        data += struct.pack("<I", len(name)) + name.encode() + struct.pack("<II", positions, vocab) + bytes(4 * positions * vocab)
    return data


class ModelsTable(unittest.TestCase):
    def test_cases_of_the_recorded_logits_are_found(self):
        data = logits_file(("llama-F32", 6, 3), ("phi4-mini-long-Q4_K", 6, 5))
        self.assertEqual(models_table.family_logits(data), {"llama-F32": 6, "phi4-mini-long-Q4_K": 6})

    def test_a_reference_without_a_description_is_an_error(self):
        with self.assertRaisesRegex(models_table.Wrong, "family new has no description"):
            models_table.same_names("family", {"old": 1}, {"old": 1, "new": 2})

    def test_a_description_without_a_reference_is_an_error(self):
        with self.assertRaisesRegex(models_table.Wrong, "stock file gone is described here and nowhere tested"):
            models_table.same_names("stock file", {"old": 1, "gone": 1}, {"old": 1})

    def test_each_recorded_stock_file_has_its_row_with_the_bar_of_its_test(self):
        rows = [line.split("|")[1:-1] for line in models_table.stock().splitlines() if line.startswith("| ")]
        bars = {row[0].strip(): row[-1].strip() for row in rows}
        self.assertEqual(bars["llm-fp32"], "0.0001")
        self.assertEqual(bars["llm-8da4w"], "0.05")
        self.assertNotIn("", bars.values())

    def test_figures_kept_by_hand_become_rows(self):
        found = {"windows": "512", "positions_512": "255", "float_ppl_512": "10", "llama_ppl_512": "11", "ours_ppl_512": "10.5",
                 "llama_kl_512": "0.002", "ours_kl_512": "0.001"}
        (row,) = models_table.by_hand("some-model", found)
        self.assertIn("255 positions in windows of 512", row[0])
        self.assertEqual(row[3], "llama.cpp 0.00200, ours 0.00100")

    def test_the_page_names_every_family_and_file(self):
        page = models_table.page()
        for name in list(models_table.FAMILIES) + ["optimum-sdpa", "Q6_K", "SmolLM2"]:
            self.assertIn(name, page)


if __name__ == "__main__":
    unittest.main()
