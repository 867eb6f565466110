// Files, folders, and where the cache lies.
#include "platform/files.h"

#include <cstdlib>
#include <optional>

#include "platform/paths.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

// Sets an environment variable (null: takes it away) and puts it back at the end.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~Environment() { set(old_ ? old_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> old_;
};

TEST(Files, IdentityTellsFilesAndVersionsApart) {
  TestFolder folder;
  const std::string a = folder.write("a", "12345");
  const std::string b = folder.write("b", "12345");
  const auto before = file_identity(a);
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before->size, 5U);
  EXPECT_GT(before->mtime_ns, 1'500'000'000'000'000'000);
  EXPECT_EQ(*before, *file_identity(a));
  EXPECT_NE(*before, *file_identity(b));
  folder.write("a", "123456");
  EXPECT_NE(*before, *file_identity(a));
  EXPECT_EQ(file_identity(folder.path("c")).status().code(), StatusCode::NotFound);
}

TEST(Files, ListsRegularFilesByName) {
  TestFolder folder;
  folder.write("b", "22");
  folder.write("a", "1");
  folder.write("sub/c", "3");
  const auto files = list_files(folder.path());
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[0].name, "a");
  EXPECT_EQ((*files)[1].name, "b");
  EXPECT_EQ((*files)[1].identity.size, 2U);
  EXPECT_EQ(list_files(folder.path("none")).status().code(), StatusCode::NotFound);
  EXPECT_FALSE(list_files(folder.path("a")).ok());
}

TEST(Files, RemovingTwiceIsFine) {
  TestFolder folder;
  const std::string path = folder.write("a", "1");
  EXPECT_TRUE(remove_file(path).ok());
  EXPECT_FALSE(file_identity(path).ok());
  EXPECT_TRUE(remove_file(path).ok());
  EXPECT_FALSE(remove_file(folder.path()).ok());  // a folder is no file
}

TEST(Files, MakesAllFoldersOnTheWay) {
  TestFolder folder;
  EXPECT_TRUE(make_folders(folder.path("a/b//c/")).ok());
  EXPECT_TRUE(is_folder(folder.path("a/b/c")));
  EXPECT_TRUE(make_folders(folder.path("a/b/c")).ok());  // they may exist
  folder.write("file", "x");
  EXPECT_FALSE(is_folder(folder.path("file")));
  for (const char* bad : {"file", "file/below"}) {
    const Status status = make_folders(folder.path(bad));
    EXPECT_FALSE(status.ok()) << bad;
    EXPECT_NE(status.message().find(folder.path("file")), std::string_view::npos);
  }
  EXPECT_EQ(make_folders("").code(), StatusCode::InvalidArgument);
}

TEST(Files, TellsTheFreeSpace) {
  TestFolder folder;
  const auto bytes = free_disk_bytes(folder.path());
  ASSERT_TRUE(bytes.ok());
  EXPECT_GT(*bytes, 0U);
  EXPECT_EQ(free_disk_bytes(folder.path("none")).status().code(), StatusCode::NotFound);
}

TEST(Files, ReadsTextUpToALimit) {
  TestFolder folder;
  const std::string text(50000, 't');
  const std::string path = folder.write("text", text);
  EXPECT_EQ(*read_text_file(path, text.size()), text);
  EXPECT_EQ(read_text_file(path, text.size() - 1).status().code(), StatusCode::Unsupported);
  EXPECT_EQ(*read_text_file(folder.write("empty", ""), 10), "");
  EXPECT_EQ(read_text_file(folder.path("none"), 10).status().code(), StatusCode::NotFound);
  EXPECT_EQ(read_text_file(folder.path(), 10).status().code(), StatusCode::InvalidArgument);
}

TEST(Paths, CacheFolderFollowsXdg) {
  Environment home("HOME", "/home/ada");
  {
    Environment xdg("XDG_CACHE_HOME", "/var/caches");
    EXPECT_EQ(*cache_folder(), "/var/caches/etbridge");
  }
  for (const char* unusable : {static_cast<const char*>(nullptr), "", "relative/folder"}) {
    Environment xdg("XDG_CACHE_HOME", unusable);
    EXPECT_EQ(*cache_folder(), "/home/ada/.cache/etbridge");
  }
}

TEST(Paths, NoCacheFolderIsAnErrorWithARemedy) {
  Environment xdg("XDG_CACHE_HOME", nullptr);
  Environment home("HOME", nullptr);
  const Status status = cache_folder().status();
  EXPECT_EQ(status.code(), StatusCode::NotFound);
  EXPECT_NE(status.message().find("XDG_CACHE_HOME"), std::string_view::npos);
  EXPECT_NE(status.message().find("set one of them"), std::string_view::npos);
}

TEST(Paths, TakesPathsApart) {
  struct Case {
    const char *path, *folder, *name, *stem, *extension;
  };
  const Case cases[] = {
      {"a/b.q4.pte", "a", "b.q4.pte", "b.q4", ".pte"},
      {"b.pte", ".", "b.pte", "b", ".pte"},
      {"/b", "/", "b", "b", ""},
      {"a.d/b", "a.d", "b", "b", ""},
      {"a/.hidden", "a", ".hidden", ".hidden", ""},
      {"a/", "a", "", "", ""},
      {"", ".", "", "", ""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(folder_of(c.path), c.folder) << c.path;
    EXPECT_EQ(file_name(c.path), c.name) << c.path;
    EXPECT_EQ(file_stem(c.path), c.stem) << c.path;
    EXPECT_EQ(file_extension(c.path), c.extension) << c.path;
  }
  EXPECT_EQ(join_path("a", "b"), "a/b");
  EXPECT_EQ(join_path("a/", "b"), "a/b");
  EXPECT_EQ(join_path("", "b"), "b");
}

}  // namespace
}  // namespace etb
