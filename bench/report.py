"""Turns the samples of compare.py into tables and checks them against what the project promises."""

from statistics import median

MIB = 1024 * 1024


class Report:
    """Collects lines (markdown) and verdicts."""

    def __init__(self):
        self.lines, self.failed = [], []

    def line(self, text=""):
        self.lines.append(text)

    def table(self, head, rows):
        self.line("| " + " | ".join(head) + " |")
        self.line("|" + "---|" * len(head))
        for row in rows:
            self.line("| " + " | ".join(row) + " |")
        self.line()

    def check(self, what, value, limit, at_least=False, unit=""):
        good = value >= limit if at_least else value <= limit
        sign = ">=" if at_least else "<="
        self.line(f"- {'met   ' if good else 'MISSED'} {what}: {value:.2f}{unit} ({sign} {limit}{unit})")
        if not good:
            self.failed.append(what)

    def text(self):
        return "\n".join(self.lines) + "\n"


def rate_rows(samples, cases):
    """One row a case: our median, llama.cpp's better of flash attention on and off, the ratio."""
    rows, ratios = [], {}
    for case in cases:
        ours = samples["ours", case]
        on, off = median(samples["flash on", case]), median(samples["flash off", case])
        best = max(on, off)
        ratios[case] = median(ours) / best
        kind, tokens, depth = case
        rows.append([f"{kind} {tokens} at depth {depth}", f"{median(ours):.0f} ({min(ours):.0f}-{max(ours):.0f})",
                     f"{on:.0f}", f"{off:.0f}", f"{ratios[case]:.2f}x"])
    return rows, ratios


def mib(byte_count):
    return f"{byte_count / MIB:.1f}"
