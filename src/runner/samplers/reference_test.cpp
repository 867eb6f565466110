// Every sampler, and all together in two orders, against numpy on 1,100 random rows a case. The
// rows and options are drawn here as tests/references/sampler/record_sampler.py draws them; the
// answers were recorded by it.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>
#include <string>

#include "runner/logprobs.h"
#include "runner/sampler.h"

namespace etb::runner {
namespace {

// SplitMix64.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBULL;
    return z ^ (z >> 31);
  }
  uint32_t below(uint64_t limit) { return static_cast<uint32_t>(next() % limit); }
  float fraction(uint32_t from, uint32_t limit, float parts) {
    return static_cast<float>(from + below(limit)) / parts;
  }

 private:
  uint64_t state_;
};

std::vector<float> draw_row(Random& random, uint32_t row) {
  const uint32_t size = row % 50 == 0 ? 1500 + random.below(3000) : 1 + random.below(400);
  const uint32_t kind = random.below(4);
  std::vector<float> logits(size);
  for (uint32_t i = 0; i < size; ++i) {
    const uint64_t number = random.next();
    int32_t value = -131070;
    for (int part = 0; part < 4; ++part) {
      value += static_cast<int32_t>(number >> (16 * part) & 0xFFFF);
    }
    if (kind == 1) value &= ~16383;
    if (kind == 2 && i % 17 == row % 17) value *= 3;
    if (kind == 3) value >>= 2;
    logits[i] = static_cast<float>(value) / 8192.0F;
  }
  return logits;
}

// A row's options and what was there before it.
struct Drawn {
  SamplerOptions options{.temperature = 1};
  std::vector<TokenId> history;
};

int draw_window(Random& random, uint32_t limit) {
  return random.below(5) == 0 ? -1 : static_cast<int>(random.below(limit));
}

void draw_history(Random& random, uint32_t alphabet, Drawn& drawn) {
  drawn.history.resize(random.below(120));
  for (TokenId& id : drawn.history) id = random.below(alphabet);
}

float draw_share(Random& random) {
  return (2 * static_cast<float>(random.below(1000)) + 25) / 2048;
}

void draw_top_k(Random& random, uint32_t size, Drawn& drawn) {
  drawn.options.top_k = 1 + random.below(size + 2);
}
void draw_top_p(Random& random, uint32_t, Drawn& drawn) {
  drawn.options.top_p = draw_share(random);
}
void draw_min_p(Random& random, uint32_t, Drawn& drawn) {
  drawn.options.min_p = random.fraction(1, 800, 1024);
}
void draw_typical(Random& random, uint32_t, Drawn& drawn) {
  drawn.options.typical = draw_share(random);
}
void draw_temperature(Random& random, uint32_t, Drawn& drawn) {
  drawn.options.temperature = random.fraction(64, 640, 256);
}
void draw_repeat(Random& random, uint32_t size, Drawn& drawn) {
  drawn.options.repeat_penalty = random.fraction(128, 257, 256);
  drawn.options.penalty_window = draw_window(random, 100);
  draw_history(random, size, drawn);
}
void draw_presence(Random& random, uint32_t size, Drawn& drawn) {
  drawn.options.presence_penalty = random.fraction(0, 513, 128) - 2;
  drawn.options.frequency_penalty = random.fraction(0, 257, 256) - 0.5F;
  drawn.options.penalty_window = draw_window(random, 100);
  draw_history(random, size, drawn);
}
void draw_dry(Random& random, uint32_t size, Drawn& drawn) {
  drawn.options.dry.multiplier = random.fraction(64, 256, 128);
  drawn.options.dry.base = random.fraction(256, 256, 256);
  drawn.options.dry.allowed_length = 1 + random.below(3);
  drawn.options.dry.window = draw_window(random, 60);
  if (random.below(3) == 0) drawn.options.dry_breakers = {2};
  draw_history(random, std::min(size, 4U), drawn);
}
void draw_bias(Random& random, uint32_t size, Drawn& drawn) {
  for (uint32_t n = random.below(8); n > 0; --n) {
    const TokenId id = random.below(size);
    const bool ban = random.below(3) == 0 && id > 0;
    const float bias = random.fraction(0, 2049, 128) - 8;
    drawn.options.logit_bias.emplace_back(id, ban ? -std::numeric_limits<float>::infinity() : bias);
  }
}

using Draw = std::function<void(Random&, uint32_t, Drawn&)>;

void draw_all(Random& random, uint32_t size, Drawn& drawn) {
  for (const Draw& draw :
       std::vector<Draw>{draw_top_k, draw_top_p, draw_min_p, draw_typical, draw_temperature,
                         draw_repeat, draw_presence, draw_dry, draw_bias}) {
    draw(random, size, drawn);
  }
}

void draw_all_in_another_order(Random& random, uint32_t size, Drawn& drawn) {
  draw_all(random, size, drawn);
  drawn.options.stages = {SamplerStage::Temperature, SamplerStage::MinP, SamplerStage::TopP,
                          SamplerStage::Typical, SamplerStage::TopK};
}

uint32_t fnv(const std::vector<TokenId>& ids) {
  uint32_t value = 0x811C'9DC5;
  for (const TokenId id : ids) {
    for (int byte = 0; byte < 4; ++byte) value = (value ^ (id >> (8 * byte) & 0xFF)) * 0x0100'0193;
  }
  return value;
}

// The recorded lines of each case, in its order.
std::vector<std::string> recorded(const std::string& name) {
  std::ifstream file(ETB_SOURCE_DIR "/tests/references/sampler/sampler.txt");
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(file, line) && line != name) {
  }
  const auto is_answer = [&] { return line == "-" || line.find(' ') != std::string::npos; };
  while (std::getline(file, line) && is_answer()) lines.push_back(line);
  return lines;
}

// One row: the set of ids and the mean of the mark under their probabilities.
void compare(const Candidates& candidates, const std::string& line) {
  std::vector<TokenId> ids;
  std::vector<double> weights;
  const double sum = softmax_weights(candidates, weights);
  double mean = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const TokenId id = candidates.items()[i].id;
    ids.push_back(id);
    mean += weights[i] / sum * static_cast<double>(id * 40503 & 0xFFFF) / 65536;
  }
  std::sort(ids.begin(), ids.end());
  std::istringstream fields(line);
  uint32_t hash = 0;
  double millionths = 0;
  fields >> std::hex >> hash >> std::dec >> millionths;
  ASSERT_FALSE(fields.fail()) << line;
  ASSERT_EQ(fnv(ids), hash) << ids.size() << " ids";
  ASSERT_NEAR(mean * 1e6, millionths, 1.5);
}

struct Case {
  const char* name;
  uint64_t number;  // of its seeds
  Draw draw;
};

class SamplerReference : public ::testing::TestWithParam<Case> {};

TEST_P(SamplerReference, IsEqualOnEveryRow) {
  const auto lines = recorded(GetParam().name);
  ASSERT_GE(lines.size(), 1000U);
  size_t compared = 0;
  for (uint32_t row = 0; row < lines.size(); ++row) {
    Random random(GetParam().number * 1'000'003 + row + 1);
    const auto logits = draw_row(random, row);
    Drawn drawn;
    GetParam().draw(random, static_cast<uint32_t>(logits.size()), drawn);
    auto sampler = Sampler::create(drawn.options, logits.size());
    ASSERT_TRUE(sampler.ok()) << sampler.status().to_string();
    sampler->accept(drawn.history);
    ASSERT_TRUE(sampler->sample(logits).ok());
    if (lines[row] == "-") continue;  // a choice hangs on the rounding of a float
    ++compared;
    compare(sampler->drawn_from(), lines[row]);
    if (HasFatalFailure()) FAIL() << GetParam().name << ", row " << row;
  }
  EXPECT_GE(compared, 1000U);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SamplerReference,
    ::testing::Values(Case{"top_k", 0, draw_top_k}, Case{"top_p", 1, draw_top_p},
                      Case{"min_p", 2, draw_min_p}, Case{"typical", 3, draw_typical},
                      Case{"temperature", 4, draw_temperature}, Case{"repeat", 5, draw_repeat},
                      Case{"presence_frequency", 6, draw_presence}, Case{"dry", 7, draw_dry},
                      Case{"bias", 8, draw_bias}, Case{"all", 9, draw_all},
                      Case{"all_in_another_order", 10, draw_all_in_another_order}),
    [](const auto& which) { return std::string(which.param.name); });

TEST(LogprobsReference, AreEqualOnEveryRow) {
  const auto lines = recorded("logprobs");
  ASSERT_GE(lines.size(), 1000U);
  for (uint32_t row = 0; row < lines.size(); ++row) {
    Random random(uint64_t{11} * 1'000'003 + row + 1);
    const auto logits = draw_row(random, row);
    const TokenId id = random.below(logits.size());
    const double normalizer = log_sum_exp(logits).value();
    std::vector<TokenId> best;
    for (const TokenLogprob& top : top_logprobs(logits, normalizer, 8)) best.push_back(top.id);
    std::istringstream fields(lines[row]);
    uint32_t hash = 0;
    double wanted_normalizer = 0, wanted_logprob = 0;
    fields >> std::hex >> hash >> std::dec >> wanted_normalizer >> wanted_logprob;
    ASSERT_FALSE(fields.fail()) << lines[row];
    ASSERT_EQ(fnv(best), hash) << row;
    ASSERT_NEAR(normalizer * 1e6, wanted_normalizer, 0.6) << row;
    // A float holds 24 bits of it.
    const double bound = 0.6 + std::abs(wanted_logprob) * 0x1p-23;
    ASSERT_NEAR(static_cast<double>(logprob_of(logits, normalizer, id)) * 1e6, wanted_logprob,
                bound)
        << row;
  }
}

}  // namespace
}  // namespace etb::runner
