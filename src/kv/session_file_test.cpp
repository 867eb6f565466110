// A session file comes back as it was written, or an error says what is wrong with it: never
// something in between, never a crash.
#include "kv/session_file.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cerrno>
#include <random>

#include "kv/test_rows.h"
#include "platform/test_folder.h"

namespace etb::kv {
namespace {

std::vector<TokenId> some_ids(size_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % 5000);
  return ids;
}

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct Conversation {
  ModelTag model = test_model();
  std::vector<TokenId> ids = some_ids(300);
  std::string text = "{\"messages\": []}";
  uint32_t from = 0;
  uint32_t floor = 0;

  SessionContent content() const { return {model, 2048, from, floor, ids, as_bytes(text)}; }
  RowCopier copier() const {
    return [this](uint32_t a, uint32_t b) { return test_rows(model, ids, a, b, floor); };
  }
  Status write(const std::string& path, DiskFaults faults = {}) const {
    return write_session(path, content(), copier(), std::move(faults));
  }
};

TEST(SessionFile, ComesBackAsItWasWritten) {
  const TestFolder folder;
  const std::string path = folder.path("a.session");
  Conversation c;
  for (const size_t count : {0U, 1U, 255U, 256U, 257U, 3000U}) {
    c.ids = some_ids(count);
    ASSERT_TRUE(c.write(path).ok());
    const auto file = SessionFile::open(path);
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    const SessionFile& session = **file;
    EXPECT_TRUE(session.check_model(c.model).ok());
    EXPECT_EQ(session.model().name, "Test");
    EXPECT_EQ(session.context(), 2048U);
    EXPECT_EQ(session.to(), count);
    EXPECT_TRUE(std::equal(c.ids.begin(), c.ids.end(), session.ids().begin(), session.ids().end()));
    EXPECT_EQ(std::string(session.payload().begin(), session.payload().end()), c.text);
    const auto rows = session.rows();
    ASSERT_TRUE(rows.ok()) << rows.status().to_string();
    EXPECT_TRUE(check_rows(*rows, c.model).ok());
    const auto whole = test_rows(c.model, c.ids, 0, static_cast<uint32_t>(count));
    EXPECT_TRUE(same_rows(*rows, whole->view()));
  }
}

TEST(SessionFile, HoldsTheRowsBehindAWindowOrOfAPartOnly) {
  const TestFolder folder;
  Conversation c;
  c.model = test_model(5, 16, 40);
  c.floor = 210;
  ASSERT_TRUE(c.write(folder.path("window")).ok());
  auto file = SessionFile::open(folder.path("window"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ((*file)->floor(), 210U);
  EXPECT_TRUE(same_rows(*(*file)->rows(), test_rows(c.model, c.ids, 0, 300, 210)->view()));
  c.from = 250;
  c.floor = 0;
  ASSERT_TRUE(c.write(folder.path("part")).ok());
  file = SessionFile::open(folder.path("part"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ((*file)->ids().size(), 300U);
  EXPECT_TRUE(same_rows(*(*file)->rows(), test_rows(c.model, c.ids, 250, 300)->view()));
}

TEST(SessionFile, OfAnotherModelIsRefusedByName) {
  const TestFolder folder;
  const Conversation c;
  ASSERT_TRUE(c.write(folder.path("a")).ok());
  const auto file = SessionFile::open(folder.path("a"));
  ASSERT_TRUE(file.ok());
  ModelTag other = c.model;
  other.key = 0xBEEF;
  other.name = "Llama 3";
  const Status status = (*file)->check_model(other);
  EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
  for (const char* part : {"'Test' (key 000000000000004d)", "'Llama 3' (key 000000000000beef)"}) {
    EXPECT_NE(status.message().find(part), std::string_view::npos) << status.message();
  }
  other = c.model;
  other.type = static_cast<KvType>(4);
  EXPECT_EQ((*file)->check_model(other).code(), StatusCode::InvalidArgument);
  other = c.model;
  other.layout.parts[0].bytes += 2;
  EXPECT_EQ((*file)->check_model(other).code(), StatusCode::Corrupt);
}

TEST(SessionFile, OfAnotherVersionIsRefusedByNumber) {
  const TestFolder folder;
  ASSERT_TRUE(Conversation().write(folder.path("a")).ok());
  std::string bytes = folder.read("a");
  bytes[8] = 9;
  const auto file = SessionFile::open(folder.write("a", bytes));
  EXPECT_EQ(file.status().code(), StatusCode::Unsupported);
  EXPECT_NE(file.status().message().find("version 9"), std::string_view::npos)
      << file.status().message();
}

// Opens, looks at everything and says how it went.
Status read_all(const std::string& bytes) {
  // A copy of the very size, so that a sanitizer sees a read beyond it.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  const auto file = SessionFile::parse(exact, "x");
  if (!file.ok()) return file.status();
  return file->rows().status();
}

Conversation small_conversation() {
  Conversation c;
  c.model = test_model(9, 6, 10);
  c.ids = some_ids(50);
  c.floor = 45;
  return c;
}

TEST(SessionFile, CutShortAnywhereIsCorrupt) {
  const TestFolder folder;
  ASSERT_TRUE(small_conversation().write(folder.path("a")).ok());
  const std::string bytes = folder.read("a");
  ASSERT_TRUE(read_all(bytes).ok());
  for (size_t length = 0; length < bytes.size(); ++length) {
    const Status status = read_all(bytes.substr(0, length));
    ASSERT_EQ(status.code(), StatusCode::Corrupt) << length;
  }
  EXPECT_EQ(read_all(bytes + "x").code(), StatusCode::Corrupt);
  EXPECT_NE(read_all(bytes.substr(0, 90)).message().find("header"), std::string_view::npos);
  EXPECT_NE(read_all(bytes.substr(0, 200)).message().find("ids"), std::string_view::npos);
  EXPECT_NE(read_all(bytes.substr(0, bytes.size() - 1)).message().find("rows"),
            std::string_view::npos);
}

TEST(SessionFile, AnyFlippedByteIsFound) {
  const TestFolder folder;
  ASSERT_TRUE(small_conversation().write(folder.path("a")).ok());
  const std::string good = folder.read("a");
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {1, 0x80, 0xFF}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const StatusCode code = read_all(bytes).code();
      ASSERT_TRUE(code == StatusCode::Corrupt || (code == StatusCode::Unsupported && at < 12))
          << "byte " << at;
    }
  }
}

// Damage that knows how to make the checksum right: every number of the header at its extremes.
TEST(SessionFile, HostileHeadersAreBoundedBeforeUse) {
  const TestFolder folder;
  ASSERT_TRUE(small_conversation().write(folder.path("a")).ok());
  const std::string good = folder.read("a");
  const size_t head = good.size() - small_conversation().model.layout.bytes(0, 50, 45);
  for (size_t at = 24; at + 4 <= 96 + 2 * 16; at += 4) {
    for (const uint32_t value : {0U, 1U, 63U, 300U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
      std::string bytes = good;
      std::memcpy(bytes.data() + at, &value, 4);
      const uint64_t checksum = XXH3_64bits(bytes.data() + 24, head - 24);
      std::memcpy(bytes.data() + 16, &checksum, 8);
      const Status status = read_all(bytes);  // no crash, no huge allocation
      if (bytes != good && at >= 36 && at != 88 && at != 92) {
        EXPECT_TRUE(status.ok() || status.code() == StatusCode::Corrupt) << at;
      }
    }
  }
}

TEST(SessionFile, ANameCannotForgeALineOfAMessage) {
  const TestFolder folder;
  Conversation c;
  c.model.name = "a\nb\x1b[2J" + std::string(1000, 'x');
  ASSERT_TRUE(c.write(folder.path("a")).ok());
  const auto file = SessionFile::open(folder.path("a"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->model().name.substr(0, 8), "a?b?[2Jx");
  EXPECT_EQ((*file)->model().name.size(), 256U);
}

TEST(SessionFile, AFailedSaveLeavesTheOldFile) {
  const TestFolder folder;
  const std::string path = folder.path("a");
  Conversation c;
  ASSERT_TRUE(c.write(path).ok());
  const std::string before = folder.read("a");
  c.ids = some_ids(1000, 2);
  bool failed = true;
  size_t tries = 0;
  for (; failed; ++tries) {
    size_t writes = 0;
    DiskFaults faults;
    faults.before_write = [&](size_t bytes) {
      return writes++ == tries ? -int64_t{ENOSPC} : static_cast<int64_t>(bytes);
    };
    const Status status = c.write(path, faults);
    failed = !status.ok();
    if (!failed) break;
    EXPECT_NE(status.message().find("disk is full"), std::string_view::npos) << status.message();
    ASSERT_EQ(folder.read("a"), before);
    ASSERT_EQ(folder.count(), 1U);
  }
  EXPECT_EQ(tries, 1 + 4 + 1U);  // the head, four pieces of rows, the head again
  DiskFaults sync;
  sync.before_sync = [] { return -int64_t{EIO}; };
  c.ids = some_ids(10);
  EXPECT_EQ(c.write(path, sync).code(), StatusCode::Internal);
  EXPECT_EQ((*SessionFile::open(path))->to(), 1000U);
}

TEST(SessionFile, WritesFewRowsAtATimeAndPassesTheirErrorOn) {
  const TestFolder folder;
  const Conversation c;
  uint32_t largest = 0;
  const RowCopier counting = [&](uint32_t from, uint32_t to) {
    largest = std::max(largest, to - from);
    return test_rows(c.model, c.ids, from, to);
  };
  ASSERT_TRUE(write_session(folder.path("a"), c.content(), counting).ok());
  EXPECT_LE(largest, 256U);
  const RowCopier failing = [&](uint32_t, uint32_t) {
    return Result<Rows>(Status(StatusCode::OutOfMemory, "none left"));
  };
  EXPECT_EQ(write_session(folder.path("b"), c.content(), failing).code(), StatusCode::OutOfMemory);
  const RowCopier wrong = [&](uint32_t from, uint32_t to) {
    return test_rows(test_model(1, 8), c.ids, from, to);
  };
  EXPECT_EQ(write_session(folder.path("b"), c.content(), wrong).code(),
            StatusCode::InvalidArgument);
  // Real memory that runs out while rows are copied.
  const MemoryFault second([n = 0](size_t) mutable { return ++n == 2; });
  EXPECT_EQ(c.write(folder.path("b")).code(), StatusCode::OutOfMemory);
  EXPECT_EQ(folder.count(), 1U);
}

TEST(SessionFile, RefusesToWriteWhatItCouldNotRead) {
  const TestFolder folder;
  Conversation c;
  c.from = 301;
  EXPECT_EQ(c.write(folder.path("a")).code(), StatusCode::InvalidArgument);
  c.from = 0;
  c.model.layout.parts[0].bytes = uint64_t{1} << 40;
  EXPECT_EQ(c.write(folder.path("a")).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(folder.count(), 0U);
  EXPECT_EQ(SessionFile::open(folder.path("a")).status().code(), StatusCode::NotFound);
}

}  // namespace
}  // namespace etb::kv
