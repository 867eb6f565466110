// Broken model files at the command line: each a clear error with exit 1, nothing half-written,
// never a crash or a hang.
#include <cstring>
#include <random>

#include "base/text.h"
#include "cli/cli_fixture.h"

namespace etb::cli_test {
namespace {

constexpr size_t kTruncationStep = 4096;
constexpr int kFlips = 120;

class BadFiles : public CommandLine {};

template <class T>
void patch(std::string& bytes, size_t at, T value) {
  ASSERT_LE(at + sizeof value, bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

TEST_F(BadFiles, TheTinyModelItselfRuns) {
  const auto from_gguf = run_raw(put("tiny.gguf", tiny_gguf()), "hello");
  EXPECT_EQ(from_gguf.exit_code, 0) << from_gguf.summary();
  const auto from_pte = run_raw(put("tiny.pte", tiny_pte()), "hello");
  EXPECT_EQ(from_pte.exit_code, 0) << from_pte.summary();
  EXPECT_EQ(from_pte.out, from_gguf.out);
}

TEST_F(BadFiles, MissingEmptyAndFolder) {
  std::filesystem::create_directory(file("folder.gguf"));
  for (const std::string ending : {".gguf", ".pte"}) {
    const auto empty = put("empty" + ending, "");
    const auto foreign = put("foreign" + ending, std::string(9000, 'x'));
    for (const std::string verb : {"run", "tokenize", "inspect"}) {
      const auto with = [&](const std::filesystem::path& path) {
        std::vector<std::string> arguments = {verb, path.string()};
        if (verb == "run") arguments.insert(arguments.end(), {"-p", "hello"});
        return etbridge(arguments);
      };
      EXPECT_TRUE(fails_clearly(with(file("missing" + ending)), {"missing" + ending})) << verb;
      EXPECT_TRUE(fails_clearly(with(empty), {"empty" + ending})) << verb;
      EXPECT_TRUE(fails_clearly(with(foreign), {"foreign" + ending})) << verb;
    }
  }
  EXPECT_TRUE(fails_clearly(run_raw(file("folder.gguf"), "hello"), {"folder.gguf"}));
}

TEST_F(BadFiles, GgufTruncatedAnywhere) {
  const std::string& whole = tiny_gguf();
  for (size_t size = 0; size < whole.size(); size += kTruncationStep) {
    const auto path = put("cut.gguf", std::string_view(whole).substr(0, size));
    const auto before = names_in(folder_);
    const auto outcome = etbridge({"import", path.string(), "-o", file("out.pte").string()});
    ASSERT_TRUE(fails_clearly(outcome, {"cut.gguf"})) << size << " of " << whole.size();
    ASSERT_EQ(names_in(folder_), before) << "something half-written after a cut at " << size;
  }
  const auto last = put("cut.gguf", std::string_view(whole).substr(0, whole.size() - 1));
  EXPECT_TRUE(fails_clearly(run_raw(last, "hello"), {"cut.gguf"}));
}

TEST_F(BadFiles, PteTruncatedAnywhere) {
  const std::string& whole = tiny_pte();
  for (size_t size = 0; size < whole.size(); size += kTruncationStep) {
    const auto path = put("cut.pte", std::string_view(whole).substr(0, size));
    ASSERT_TRUE(fails_clearly(run_raw(path, "hello"), {"cut.pte"}))
        << size << " of " << whole.size();
  }
}

TEST_F(BadFiles, WrongVersionOfGguf) {
  for (const uint32_t version : {0U, 1U, 4U, 0x03000000U}) {
    std::string bytes = tiny_gguf();
    patch(bytes, 4, version);
    EXPECT_TRUE(
        fails_clearly(run_raw(put("version.gguf", bytes), "hello"), {"version.gguf", "version"}));
  }
}

TEST_F(BadFiles, WrongVersionOfPte) {
  std::string bytes = tiny_pte();
  bytes.replace(offset_of(bytes, "ET12"), 4, "ET99");
  EXPECT_TRUE(fails_clearly(run_raw(put("version.pte", bytes), "hello"), {"version.pte"}));
}

TEST_F(BadFiles, UnknownArchitectureIsNamed) {
  std::string bytes = tiny_gguf();
  const size_t key = offset_of(bytes, "general.architecture");
  bytes.replace(offset_of(bytes, "llama", key), 5, "lhama");
  const auto outcome =
      etbridge({"import", put("family.gguf", bytes).string(), "-o", file("out.pte").string()});
  EXPECT_TRUE(fails_clearly(outcome, {"family.gguf", "lhama"}));
  EXPECT_FALSE(std::filesystem::exists(file("out.pte")));
}

TEST_F(BadFiles, TensorDimensionsThatOverflow) {
  for (const uint64_t dimension : {uint64_t{1} << 62, ~uint64_t{0}, uint64_t{0}}) {
    std::string bytes = tiny_gguf();
    const std::string name = "blk.0.ffn_up.weight";
    patch(bytes, offset_of(bytes, name) + name.size() + 4,
          dimension);  // behind the count of dimensions
    EXPECT_TRUE(fails_clearly(run_raw(put("dims.gguf", bytes), "hello"), {"dims.gguf", name}));
  }
}

// Flips a random byte of [0, limit) again and again.
template <class Try>
void flip_bytes(const std::string& whole, size_t limit, uint32_t seed, Try try_one) {
  std::mt19937 random(seed);
  for (int i = 0; i < kFlips; ++i) {
    std::string bytes = whole;
    const size_t at = random() % limit;
    const auto mask = static_cast<char>(1U << random() % 8);
    bytes[at] = static_cast<char>(bytes[at] ^ mask);
    try_one(bytes, concat("bit ", static_cast<int>(mask), " of byte ", at));
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST_F(BadFiles, FlippedBitsInGgufHeaderTablesAndMetadata) {
  const size_t payload = offset_of(tiny_gguf(), "output_norm.weight");  // inside the tensor table
  flip_bytes(tiny_gguf(), payload, 7, [&](const std::string& bytes, const std::string& where) {
    const auto path = put("flip.gguf", bytes);
    const auto outcome = etbridge({"import", path.string(), "-o", file("out.pte").string()});
    ASSERT_TRUE(ends_cleanly(outcome)) << where;
    ASSERT_EQ(std::filesystem::exists(file("out.pte")), outcome.exit_code == 0) << where;
    if (outcome.exit_code != 0) return;
    ASSERT_TRUE(ends_cleanly(run_raw(file("out.pte"), "hello"))) << where;
    std::filesystem::remove(file("out.pte"));
    ASSERT_EQ(names_in(folder_), std::vector<std::string>{"flip.gguf"}) << where;
  });
}

TEST_F(BadFiles, FlippedBitsInPteProgram) {
  const std::string whole = tiny_pte();
  flip_bytes(whole, offset_of(whole, "ETBB"), 11,
             [&](const std::string& bytes, const std::string& where) {
               ASSERT_TRUE(ends_cleanly(run_raw(put("flip.pte", bytes), "hello"))) << where;
             });
}

TEST_F(BadFiles, FlippedBitsInPteManifestTokenizerAndTemplate) {
  const std::string whole = tiny_pte();
  const std::string tail = whole.substr(offset_of(whole, "ETBB"));
  const size_t last_blob = whole.size() - tail.size() + tail.rfind("ETBB");
  std::string front = whole;  // flips land behind the last weight: rotate, flip, rotate back
  std::rotate(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(last_blob), front.end());
  flip_bytes(front, whole.size() - last_blob, 13, [&](std::string bytes, const std::string& where) {
    std::rotate(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(last_blob), bytes.end());
    ASSERT_TRUE(ends_cleanly(run_raw(put("flip.pte", bytes), "hello"))) << where;
  });
}

TEST_F(BadFiles, VerifyNamesEachFlippedWeight) {
  const std::string whole = tiny_pte();
  const auto verify = [&](const std::filesystem::path& path) {
    return etbridge({"inspect", path.string(), "--verify"});
  };
  const auto good = verify(put("good.pte", whole));
  ASSERT_EQ(good.exit_code, 0) << good.summary();
  std::vector<std::string> complaints;
  for (size_t at = whole.find("ETBB"); at != std::string::npos; at = whole.find("ETBB", at + 64)) {
    std::string bytes = whole;
    bytes[at + 64] =
        static_cast<char>(bytes[at + 64] ^ 0x10);  // the first byte behind the blob's header
    const auto outcome = verify(put("flip.pte", bytes));
    ASSERT_EQ(outcome.exit_code, 1) << "byte " << at + 64 << ": " << outcome.summary();
    complaints.push_back(outcome.err);
    EXPECT_TRUE(complaints.back().find("blk.0.") != std::string::npos ||
                complaints.back().find("blk.1.") != std::string::npos ||
                complaints.back().find("token_embd") != std::string::npos ||
                complaints.back().find("output") != std::string::npos)
        << complaints.back();
  }
  ASSERT_GE(complaints.size(), 7U) << "a layer alone has seven weights";
  std::sort(complaints.begin(), complaints.end());
  EXPECT_EQ(std::unique(complaints.begin(), complaints.end()), complaints.end())
      << "two flips in different weights gave the same name";
}

TEST_F(BadFiles, AFullDiskLeavesNothingBehind) {
  const auto source = put("tiny.gguf", tiny_gguf());
  const uint64_t whole = tiny_pte().size();
  for (const uint64_t room : {uint64_t{4096}, uint64_t{20000}, whole / 2, whole - 1}) {
    const auto outcome =
        launch({.arguments = {"import", source.string(), "-o", file("out.pte").string()},
                .file_size_limit = room},
               cache_.string());
    EXPECT_TRUE(fails_clearly(outcome, {"out.pte"})) << room;
    EXPECT_EQ(names_in(folder_), std::vector<std::string>{"tiny.gguf"}) << room;
  }
}

TEST_F(BadFiles, AFailedImportLeavesTheOldFileAsItWas) {
  const auto old = put("out.pte", "the user's own");
  const auto cut = put("cut.gguf", std::string_view(tiny_gguf()).substr(0, 5000));
  EXPECT_TRUE(fails_clearly(etbridge({"import", cut.string(), "-o", old.string()}), {"cut.gguf"}));
  EXPECT_EQ(read_bytes(old), "the user's own");
  const auto nowhere = file("no-such-folder") / "out.pte";
  EXPECT_TRUE(fails_clearly(
      etbridge({"import", put("tiny.gguf", tiny_gguf()).string(), "-o", nowhere.string()}),
      {"no-such-folder"}));
}

}  // namespace
}  // namespace etb::cli_test
