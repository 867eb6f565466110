#!/usr/bin/env python3
"""The bench's arithmetic and its view of a process, without any model."""

import collections
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from llama import load_and_first_token_ms, stamp_ms  # noqa: E402
from process import run  # noqa: E402
from report import Report, mib, rate_rows  # noqa: E402

MIB = 1024 * 1024


class Rates(unittest.TestCase):
    def setUp(self):
        self.case = ("decode", 64, 0)
        self.samples = collections.defaultdict(list)
        self.samples["ours", self.case] = [300, 100, 200]
        self.samples["flash on", self.case] = [90, 110, 100]
        self.samples["flash off", self.case] = [80, 70, 500]

    def test_the_peer_gets_the_better_median_of_its_two_settings(self):
        _, ratios = rate_rows(self.samples, [self.case])
        self.assertEqual(ratios[self.case], 2.0)

    def test_a_row_shows_medians_and_our_spread(self):
        rows, _ = rate_rows(self.samples, [self.case])
        self.assertEqual(rows, [["decode 64 at depth 0", "200 (100-300)", "100", "80", "2.00x"]])


class LlamaLog(unittest.TestCase):
    LOG = ("0.00.002.217 I llama_completion: load the model and apply lora adapter, if any\n"
           "1.00.226.850 I cmn          init: llama threadpool init, n_threads = 1\n"
           "1.00.244.885 I common_perf_print:        load time =      11.89 ms\n"
           "1.00.244.887 I common_perf_print: prompt eval time =       1.50 ms /     1 tokens\n"
           "1.00.244.888 I common_perf_print:        eval time =      11.00 ms /     1 runs\n")

    def test_stamps_count_from_the_start(self):
        self.assertAlmostEqual(stamp_ms(self.LOG, "threadpool init"), 60226.85)

    def test_load_is_between_the_log_lines_and_the_first_token_adds_the_evaluations(self):
        load, first = load_and_first_token_ms(self.LOG)
        self.assertAlmostEqual(load, 60226.85 - 2.217)
        self.assertAlmostEqual(first - load, 12.5)

    def test_a_log_without_the_line_ends_the_bench(self):
        with self.assertRaisesRegex(SystemExit, "no line 'threadpool init'"):
            load_and_first_token_ms("nothing here\n")


class Verdicts(unittest.TestCase):
    def test_both_directions(self):
        report = Report()
        report.check("ratio", 1.9, 2, at_least=True)
        report.check("ratio met", 2.0, 2, at_least=True)
        report.check("load", 50.1, 50)
        report.check("load met", 50, 50)
        self.assertEqual(report.failed, ["ratio", "load"])
        self.assertEqual(report.text().count("MISSED"), 2)

    def test_table_is_markdown(self):
        report = Report()
        report.table(["a", "b"], [["1", "2"]])
        self.assertEqual(report.text(), "| a | b |\n|---|---|\n| 1 | 2 |\n\n")

    def test_mib(self):
        self.assertEqual(mib(3 * MIB // 2), "1.5")


class Process(unittest.TestCase):
    def python(self, code):
        return run([sys.executable, "-c", code])

    def test_output_streams_are_kept_apart(self):
        done = self.python("import sys; print('out'); print('err', file=sys.stderr)")
        self.assertEqual((done.stdout, done.stderr), ("out\n", "err\n"))

    def test_the_watchers_own_memory_is_not_counted(self):
        ballast = b"x" * (96 << 20)
        self.assertLess(self.python("import time; time.sleep(0.2)").peak_rss, len(ballast) // 2)

    def test_touched_memory_is_seen(self):
        hold = "import time; held = b'x' * (96 << 20); time.sleep(0.2)"
        base, done = self.python("import time; time.sleep(0.2)"), self.python(hold)
        self.assertGreater(done.peak_rss - base.peak_rss, 90 * MIB)
        self.assertGreater(done.peak_anon - base.peak_anon, 90 * MIB)
        self.assertLessEqual(done.peak_anon, done.peak_rss)

    def test_a_failure_ends_the_bench_with_the_programs_words(self):
        with self.assertRaisesRegex(SystemExit, "(?s)exit 3.*no such thing"):
            self.python("import sys; sys.stderr.write('no such thing'); sys.exit(3)")


if __name__ == "__main__":
    unittest.main()
