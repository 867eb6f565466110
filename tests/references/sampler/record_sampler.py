"""Records what the samplers' definitions make of random logits: numpy, in double, written from the papers and from
the conventions named below, not from this project's code.

    python record_sampler.py > sampler.txt          # numpy 2.4.6

reference_test.cpp draws the same rows and options from the same generator and compares every one. A line of the
file: FNV-1a of the ids that may come out (ascending, 4 bytes each), and the mean of a fixed function of the id under
their probabilities, in millionths. Log-probabilities: FNV-1a of the eight likeliest ids in order, then the logarithm
of the sum of exp(logit) and one id's log-probability, in millionths. "-": a choice hangs on rounding here (our
logits are float); such rows are few and not compared.

Conventions: rank is by logit, ties by id. Repeat penalty as in CTRL (arXiv 1909.05858) and llama.cpp: positive logits
are divided, others multiplied; presence and frequency as in the OpenAI API; DRY as described by its author
(text-generation-webui #5677). Each penalty of DRY is at most a million.
"""
import sys

import numpy as np

ROWS = 1100
GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
EXACT, FLOAT = 1e-9, 3e-6  # how near a limit is too near to tell, for logits as drawn and for computed ones


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def many(self, count):
        steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
        z = steps + np.uint64(self.state)
        self.state = (self.state + count * GAMMA) & MASK
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def below(self, limit):
        return int(self.many(1)[0]) % limit


def draw_row(random, row):
    """Logits that float holds exactly: bell-shaped, in steps (many equal ones), with peaks, or close together."""
    size = 1500 + random.below(3000) if row % 50 == 0 else 1 + random.below(400)
    kind = random.below(4)
    numbers = random.many(size)
    parts = [(numbers >> np.uint64(16 * i)) & np.uint64(0xFFFF) for i in range(4)]
    values = sum(part.astype(np.int64) for part in parts) - 131070
    if kind == 1:
        values &= ~16383
    if kind == 2:
        values[np.arange(size) % 17 == row % 17] *= 3
    if kind == 3:
        values >>= 2
    return values / 8192.0


def draw_share(random):
    return (2 * random.below(1000) + 25) / 2048


def draw_history(random, alphabet):
    return [random.below(alphabet) for _ in range(random.below(120))]


# Options of each case, drawn in this order after the row.
def draw_top_k(random, size):
    return {"top_k": 1 + random.below(size + 2)}


def draw_top_p(random, _):
    return {"top_p": draw_share(random)}


def draw_min_p(random, _):
    return {"min_p": (1 + random.below(800)) / 1024}


def draw_typical(random, _):
    return {"typical": draw_share(random)}


def draw_temperature(random, _):
    return {"temperature": (64 + random.below(640)) / 256}


def draw_window(random, limit):
    return -1 if random.below(5) == 0 else random.below(limit)


def draw_repeat(random, size):
    return {"repeat": (128 + random.below(257)) / 256, "penalty_window": draw_window(random, 100),
            "history": draw_history(random, size)}


def draw_presence(random, size):
    return {"presence": (random.below(513) - 256) / 128, "frequency": (random.below(257) - 128) / 256,
            "penalty_window": draw_window(random, 100), "history": draw_history(random, size)}


def draw_dry(random, size):
    return {"multiplier": (64 + random.below(256)) / 128, "base": (256 + random.below(256)) / 256,
            "allowed": 1 + random.below(3), "dry_window": draw_window(random, 60),
            "breakers": [2] if random.below(3) == 0 else [], "history": draw_history(random, min(size, 4))}


def draw_bias(random, size):
    pairs = []
    for _ in range(random.below(8)):
        token, ban = random.below(size), random.below(3) == 0
        bias = (random.below(2049) - 1024) / 128
        pairs.append((token, -np.inf if ban and token > 0 else bias))
    return {"bias": pairs}


def draw_all(random, size):
    options = {}
    for draw in (draw_top_k, draw_top_p, draw_min_p, draw_typical, draw_temperature, draw_repeat, draw_presence,
                 draw_dry, draw_bias):
        options.update(draw(random, size))
    return options


class State:
    """Ids and logits that are left, ascending by id; which logits were computed by themselves, and whether all were by
    the same step (equal ones stay equal); whether a choice was too near."""

    def __init__(self, logits):
        self.ids = np.arange(len(logits))
        self.logits = logits.copy()
        self.computed = np.zeros(len(logits), bool)
        self.scaled = False
        self.near = False

    def keep(self, where):
        self.ids, self.logits, self.computed = self.ids[where], self.logits[where], self.computed[where]

    def ranked(self):
        return np.lexsort((self.ids, -self.logits))

    def probabilities(self):
        weights = np.exp(self.logits - self.logits.max())
        return weights / weights.sum()

    def tolerance(self):
        return FLOAT if self.scaled or self.computed.any() else EXACT

    def keep_head(self, order, count):
        """The first of `order`; near if the last one in and the first one out are hardly apart."""
        if count < len(order):
            a, b = order[count - 1], order[count]
            gap = abs(self.logits[a] - self.logits[b])
            equal_as_drawn = gap == 0 and not (self.computed[a] or self.computed[b])
            self.near |= not equal_as_drawn and gap < self.tolerance() * max(1, abs(self.logits[a]))
        self.keep(np.sort(order[:count]))

    def reach(self, probabilities, order, share):
        """How many of `order` it takes until their probabilities reach the share."""
        sums = np.cumsum(probabilities[order])
        self.near |= np.abs(sums - share).min() < self.tolerance()
        return min(int(np.searchsorted(sums, share)) + 1, len(order))


def top_k(state, o):
    state.keep_head(state.ranked(), o["top_k"])


def top_p(state, o):
    order = state.ranked()
    state.keep_head(order, state.reach(state.probabilities(), order, o["top_p"]))


def min_p(state, o):
    ratio = np.exp(state.logits - state.logits.max())
    state.near |= np.abs(ratio - o["min_p"]).min() < state.tolerance()
    state.keep(ratio >= o["min_p"])


def typical(state, o):
    probabilities = state.probabilities()
    with np.errstate(divide="ignore"):
        surprise = np.log(np.exp(state.logits - state.logits.max()).sum()) - (state.logits - state.logits.max())
    entropy = np.sum(probabilities * surprise)
    distance = np.abs(surprise - entropy)
    ranks = np.empty(len(state.ids), int)
    ranks[state.ranked()] = np.arange(len(state.ids))
    order = np.lexsort((ranks, distance))
    count = state.reach(probabilities, order, o["typical"])
    if count < len(order):
        a, b = order[count - 1], order[count]
        mirrored = state.logits[a] != state.logits[b] or state.computed[a] or state.computed[b]
        state.near |= mirrored and abs(distance[a] - distance[b]) < state.tolerance()
    state.keep(np.sort(order[:count]))


def temperature(state, o):
    state.logits = (state.logits - state.logits.max()) / o["temperature"]
    state.scaled = True


STAGES = {"top_k": top_k, "typical": typical, "top_p": top_p, "min_p": min_p, "temperature": temperature}
USUAL = ["top_k", "typical", "top_p", "min_p", "temperature"]
OTHER = ["temperature", "min_p", "top_p", "typical", "top_k"]


def last(history, window):
    return history if window < 0 else history[max(len(history) - window, 0):]


def add_bias(state, o):
    for token, bias in o.get("bias", []):
        state.logits[token] += bias


def penalise(state, o):
    if "penalty_window" not in o:
        return
    history = last(o["history"], o["penalty_window"])
    for token in set(history):
        logit, repeat = state.logits[token], o.get("repeat", 1)
        logit = logit / repeat if logit > 0 else logit * repeat
        state.logits[token] = logit - o.get("presence", 0) - history.count(token) * o.get("frequency", 0)
        state.computed[token] = True


def dry_repeats(history, breakers):
    """Token: length of the longest tail of the history that was followed by it before."""
    size, longest = len(history), {}
    for at in range(1, size):
        length = 0
        while length < at and history[at - 1 - length] == history[size - 1 - length] not in breakers:
            length += 1
        if length > 0 and history[at] not in breakers:
            longest[history[at]] = max(length, longest.get(history[at], 0))
    return longest


def dry(state, o):
    if "multiplier" not in o:
        return
    for token, length in dry_repeats(last(o["history"], o["dry_window"]), o["breakers"]).items():
        if length >= o["allowed"]:
            state.logits[token] -= min(o["multiplier"] * o["base"] ** (length - o["allowed"]), 1e6)
            state.computed[token] = True


def sample_space(logits, o, stages):
    state = State(logits)
    add_bias(state, o)
    penalise(state, o)
    dry(state, o)
    state.keep(np.isfinite(state.logits))
    for stage in stages:
        if stage in o:
            STAGES[stage](state, o)
    return state


def fnv(ids):
    value = 0x811C9DC5
    for byte in np.asarray(ids, "<u4").tobytes():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def millionths(value):
    return int(round(value * 1e6))


def sampler_line(logits, o, stages):
    state = sample_space(logits, o, stages)
    mark = ((state.ids * 40503) & 0xFFFF) / 65536
    return "-" if state.near else f"{fnv(state.ids)} {millionths(np.sum(state.probabilities() * mark))}"


def logprob_line(logits, token):
    best = logits.max()
    normalizer = best + np.log(np.exp(logits - best).sum())
    order = np.lexsort((np.arange(len(logits)), -logits))
    return f"{fnv(order[:8])} {millionths(normalizer)} {millionths(logits[token] - normalizer)}"


CASES = [
    ("top_k", draw_top_k, USUAL), ("top_p", draw_top_p, USUAL), ("min_p", draw_min_p, USUAL),
    ("typical", draw_typical, USUAL), ("temperature", draw_temperature, USUAL), ("repeat", draw_repeat, USUAL),
    ("presence_frequency", draw_presence, USUAL), ("dry", draw_dry, USUAL), ("bias", draw_bias, USUAL),
    ("all", draw_all, USUAL), ("all_in_another_order", draw_all, OTHER), ("logprobs", None, None),
]


def main():
    print(f"# numpy {np.__version__}, {ROWS} rows a case; see record_sampler.py")
    np.seterr(over="ignore")  # the generator's multiplications are meant to wrap
    for number, (name, draw, stages) in enumerate(CASES):
        print(name)
        skipped = 0
        for row in range(ROWS):
            random = Random(number * 1_000_003 + row + 1)
            logits = draw_row(random, row)
            if draw is None:
                print(logprob_line(logits, random.below(len(logits))))
                continue
            line = sampler_line(logits, draw(random, len(logits)), stages)
            skipped += line == "-"
            print(line)
        print(f"{name}: {skipped} of {ROWS} rows hang on rounding", file=sys.stderr)


if __name__ == "__main__":
    main()
