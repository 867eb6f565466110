#include "holder/serial_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace etb::holder {
namespace {

TEST(SerialQueue, RunsJobsInTheOrderTheyWerePosted) {
  std::vector<int> order;
  {
    SerialQueue queue("test", ThreadPriority::Default);
    for (int i = 0; i < 100; ++i) queue.post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(SerialQueue, RunsWhatJobsPostBeforeItEnds) {
  int ran = 0;
  {
    SerialQueue queue("test", ThreadPriority::Default);
    queue.post([&] { queue.post([&] { queue.post([&] { ++ran; }); }); });
  }
  EXPECT_EQ(ran, 1);
}

TEST(SerialQueue, RunWaitsAndFromAJobRunsAtOnce) {
  SerialQueue queue("test", ThreadPriority::UserInitiated);
  std::thread::id outer, inner;
  queue.run([&] {
    outer = std::this_thread::get_id();
    queue.run([&] { inner = std::this_thread::get_id(); });
  });
  EXPECT_EQ(outer, inner);
  EXPECT_NE(outer, std::this_thread::get_id());
  EXPECT_FALSE(queue.on_worker());
}

TEST(SerialQueue, TakesJobsFromManyThreads) {
  int sum = 0;  // touched by the worker alone
  {
    SerialQueue queue("test", ThreadPriority::Default);
    std::vector<std::thread> posters;
    for (int t = 0; t < 4; ++t) {
      posters.emplace_back([&] {
        for (int i = 0; i < 500; ++i) queue.post([&sum] { ++sum; });
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(sum, 2000);
}

TEST(SerialQueue, PokesAreOneChoreUntilItBegins) {
  std::atomic<int> chores{0};
  std::promise<void> release;
  {
    SerialQueue queue("test", ThreadPriority::Default, [&] { ++chores; });
    queue.post([&] { release.get_future().wait(); });
    for (int i = 0; i < 1000; ++i) queue.poke();
    queue.post([&] { EXPECT_LE(chores, 2); });
    release.set_value();
    queue.run([] {});
    EXPECT_GE(chores, 1);
    chores = 0;
    queue.poke();
  }
  EXPECT_EQ(chores, 1) << "before the end too";
}

}  // namespace
}  // namespace etb::holder
