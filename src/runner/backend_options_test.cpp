// Options of backends as the runtime gets them, and what of them is refused.
#include "runner/backend_options.h"

#include <gtest/gtest.h>

#include "runner/testing/recorded.h"
#include "runner/text_runner.h"

namespace etb::runner {
namespace {

template <class T>
T value_of(const BackendOptions& options, const char* backend, std::string_view key) {
  for (const auto& option : options.map()->get_options(backend)) {
    if (key == option.key) return std::get<T>(option.value);
  }
  ADD_FAILURE() << backend << " has no option " << key;
  return {};
}

TEST(BackendOptions, ValuesGetTheTypeTheyLookLike) {
  BackendOptions options;
  EXPECT_EQ(options.map(), nullptr);
  ASSERT_TRUE(options.set({"A", "cached", "true"}).ok());
  ASSERT_TRUE(options.set({"A", "threads", "-3"}).ok());
  ASSERT_TRUE(options.set({"B", "path", "12 monkeys"}).ok());
  EXPECT_TRUE(value_of<bool>(options, "A", "cached"));
  EXPECT_EQ(value_of<int>(options, "A", "threads"), -3);
  EXPECT_STREQ((value_of<std::array<char, 256>>(options, "B", "path").data()), "12 monkeys");
  EXPECT_TRUE(options.has("A", "threads"));
  EXPECT_FALSE(options.has("B", "threads"));
}

TEST(BackendOptions, TheLastValueHolds) {
  BackendOptions options;
  ASSERT_TRUE(options.set({"A", "mode", "1"}).ok());
  ASSERT_TRUE(options.set({"A", "mode", "true"}).ok());
  EXPECT_TRUE(value_of<bool>(options, "A", "mode"));
  EXPECT_EQ(options.map()->get_options("A").size(), 1u);
}

TEST(BackendOptions, WhatTheRuntimeHasNoRoomForIsRefused) {
  BackendOptions options;
  for (const BackendOption& bad : {BackendOption{"", "k", "v"},
                                   {"A", "", "v"},
                                   {"A", std::string(64, 'k'), "v"},
                                   {std::string(64, 'A'), "k", "v"},
                                   {"A", "k", std::string(256, 'v')},
                                   {"A", std::string("k\0k", 3), "v"}}) {
    EXPECT_EQ(options.set(bad).code(), StatusCode::InvalidArgument) << bad.backend << bad.key;
  }
  for (char name = 'A'; name < 'A' + 8; ++name) {
    EXPECT_TRUE(options.set({std::string(1, name), "k", "v"}).ok());
  }
  EXPECT_EQ(options.set({"Z", "k", "v"}).code(), StatusCode::InvalidArgument);
}

TEST(BackendOptions, OfABackendThatAFileDoesNotUseAreRefused) {
  const auto load = [](const char* name, const char* backend) {
    const auto file = MappedFile::open(recorded_path(name));
    RunnerOptions options;
    options.backend_options = {{backend, "workspace_sharing_mode", "0"}};
    return TextRunner::load({.file = *file}, options).status();
  };
  EXPECT_TRUE(load("llm-xnnpack.pte", kXnnpack).ok());
  const Status other = load("llm-xnnpack.pte", "CoreMLBackend");
  EXPECT_EQ(other.code(), StatusCode::InvalidArgument);
  EXPECT_NE(other.message().find("delegated to 'XnnpackBackend'"), std::string_view::npos);
  EXPECT_EQ(load("llm-fp32.pte", kXnnpack).code(), StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb::runner
