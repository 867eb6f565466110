// RunnerHolder on scripted models: what is resident when, who waits, who is told, what is refused.
#include "holder/runner_holder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "runner/fake_runner.h"

namespace etb::holder {
namespace {

struct Counts {
  std::atomic<int> loads{0}, alive{0};
  std::atomic<bool> wrong_thread{false};
};

class FakeResident final : public Resident {
 public:
  FakeResident(Counts& counts, std::string name)
      : counts_(counts), thread_(std::this_thread::get_id()), name_(std::move(name)) {
    ++counts_.loads;
    ++counts_.alive;
  }
  ~FakeResident() override {
    --counts_.alive;
    if (thread_ != std::this_thread::get_id()) counts_.wrong_thread = true;
  }
  runner::TextRunner& runner() override { return *runner_; }
  std::shared_ptr<const void> public_part() const override {
    return std::make_shared<const std::string>(name_);
  }

 private:
  Counts& counts_;
  std::thread::id thread_;
  std::string name_;
  std::shared_ptr<runner::FakeRunner> runner_ = runner::FakeRunner::make({});
};

// A status that somebody else brings.
struct Told {
  std::shared_ptr<std::promise<Status>> promise = std::make_shared<std::promise<Status>>();
  std::future<Status> future = promise->get_future();
  std::function<void(const Status&)> teller() {
    return [p = promise](const Status& status) { p->set_value(status); };
  }
};

class RunnerHolderTest : public testing::Test {
 protected:
  LoadCall call_for(std::string key, WhileBusy while_busy = WhileBusy::Wait) {
    LoadCall call;
    call.key = key;
    call.while_busy = while_busy;
    call.loader = [this, key](const LoadProgress&,
                              const CancelToken&) -> Result<std::unique_ptr<Resident>> {
      return std::unique_ptr<Resident>(std::make_unique<FakeResident>(counts_, key));
    };
    return call;
  }
  Status load(LoadCall call) {
    Told told;
    call.done = told.teller();
    ETB_RETURN_IF_ERROR(holder_.load(std::move(call)));
    return told.future.get();
  }
  Status load(std::string key) { return load(call_for(std::move(key))); }
  void unload() {
    std::promise<void> done;
    ASSERT_TRUE(holder_.unload(WhileBusy::Wait, [&] { done.set_value(); }).ok());
    done.get_future().wait();
  }
  // Occupies the model thread until the promise is kept. The job outlives neither: it has its own.
  void block_with(std::promise<void>& release) {
    const auto started = std::make_shared<std::promise<void>>();
    holder_.submit([started, released = release.get_future().share()](Resident*) {
      started->set_value();
      released.wait();
    });
    started->get_future().wait();
  }

  Counts counts_;
  RunnerHolder holder_{HolderOptions{.most_admitted = 3}};
};

TEST_F(RunnerHolderTest, GoesFromEmptyToReadyAndBack) {
  EXPECT_EQ(holder_.status().state, HolderState::Empty);
  EXPECT_TRUE(load("a").ok());
  const HolderStatus ready = holder_.status();
  EXPECT_EQ(ready.state, HolderState::Ready);
  EXPECT_EQ(ready.key, "a");
  EXPECT_EQ(ready.generation, 1u);
  unload();
  EXPECT_EQ(holder_.status().state, HolderState::Empty);
  EXPECT_EQ(counts_.alive, 0);
}

TEST_F(RunnerHolderTest, TheSameModelAgainIsFree) {
  EXPECT_TRUE(load("a").ok());
  std::promise<void> release;
  block_with(release);
  EXPECT_TRUE(load("a").ok());  // although the model thread is busy
  EXPECT_EQ(counts_.loads, 1);
  release.set_value();
}

TEST_F(RunnerHolderTest, LoadsOfOneModelAtOnceAreOneLoad) {
  std::promise<void> release;
  block_with(release);
  Told first, second;
  LoadCall a = call_for("a"), b = call_for("a");
  a.done = first.teller();
  b.done = second.teller();
  EXPECT_TRUE(holder_.load(a).ok());
  EXPECT_TRUE(holder_.load(b).ok());
  release.set_value();
  EXPECT_TRUE(first.future.get().ok());
  EXPECT_TRUE(second.future.get().ok());
  EXPECT_EQ(counts_.loads, 1);
}

TEST_F(RunnerHolderTest, AnotherModelReplacesTheOneBefore) {
  EXPECT_TRUE(load("a").ok());
  LoadCall next = call_for("b");
  const ResidentLoader loader = next.loader;
  int alive_then = -1;
  next.loader = [&](const LoadProgress& progress, const CancelToken& cancel) {
    alive_then = counts_.alive;
    return loader(progress, cancel);
  };
  EXPECT_TRUE(load(next).ok());
  EXPECT_EQ(alive_then, 0) << "two models in memory at once";
  EXPECT_EQ(counts_.alive, 1);
  EXPECT_EQ(*std::static_pointer_cast<const std::string>(holder_.public_part_of("b")), "b");
  EXPECT_EQ(holder_.public_part_of("a"), nullptr);
}

TEST_F(RunnerHolderTest, AWaitingLoadComesAfterWhatRuns) {
  EXPECT_TRUE(load("a").ok());
  std::promise<void> release;
  block_with(release);
  EXPECT_EQ(holder_.status().state, HolderState::Generating);
  Told told;
  LoadCall next = call_for("b");
  next.done = told.teller();
  EXPECT_TRUE(holder_.load(next).ok());
  EXPECT_EQ(holder_.status().key, "a");
  release.set_value();
  EXPECT_TRUE(told.future.get().ok());
  EXPECT_EQ(holder_.status().key, "b");
}

TEST_F(RunnerHolderTest, ALoadCanCancelOrRefuse) {
  const auto token = std::make_shared<CancelToken>();
  auto place = holder_.admit(BusyPolicy::Queue, token);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(holder_.load(call_for("b", WhileBusy::Refuse)).code(), StatusCode::Busy);
  EXPECT_EQ(holder_.unload(WhileBusy::Refuse, nullptr).code(), StatusCode::Busy);
  EXPECT_FALSE(token->cancelled());
  EXPECT_TRUE(load(call_for("b", WhileBusy::Cancel)).ok());
  EXPECT_TRUE(token->cancelled());
}

TEST_F(RunnerHolderTest, ARefusedCheckKeepsWhatIsResident) {
  EXPECT_TRUE(load("a").ok());
  LoadCall next = call_for("b");
  next.check = [] { return Status(StatusCode::NotFound, "no such file"); };
  EXPECT_EQ(load(next).code(), StatusCode::NotFound);
  EXPECT_EQ(holder_.status().state, HolderState::Ready);
  EXPECT_EQ(holder_.status().key, "a");
  EXPECT_TRUE(load("a").ok());
  EXPECT_EQ(counts_.loads, 1);
}

TEST_F(RunnerHolderTest, AFailedLoadSaysWhyAndMayBeTriedAgain) {
  LoadCall broken = call_for("a");
  broken.loader = [](const LoadProgress&, const CancelToken&) -> Result<std::unique_ptr<Resident>> {
    return Status(StatusCode::Corrupt, "damaged");
  };
  EXPECT_EQ(load(broken).code(), StatusCode::Corrupt);
  EXPECT_EQ(holder_.status().state, HolderState::Failed);
  EXPECT_EQ(holder_.status().error.code(), StatusCode::Corrupt);
  EXPECT_TRUE(load("a").ok());
  EXPECT_EQ(holder_.status().state, HolderState::Ready);
}

TEST_F(RunnerHolderTest, OutOfMemoryWhileLoadingIsAStatus) {
  LoadCall hungry = call_for("a");
  hungry.loader = [](const LoadProgress&, const CancelToken&) -> Result<std::unique_ptr<Resident>> {
    throw std::bad_alloc();
  };
  EXPECT_EQ(load(hungry).code(), StatusCode::OutOfMemory);
}

TEST_F(RunnerHolderTest, ALoadShowsItsProgressAndCanBeCancelled) {
  std::promise<void> in_load;
  LoadCall slow = call_for("a");
  slow.cancel = std::make_shared<CancelToken>();
  slow.loader = [&](const LoadProgress& progress,
                    const CancelToken& cancel) -> Result<std::unique_ptr<Resident>> {
    progress("importing", 3, 10);
    in_load.set_value();
    while (!cancel.cancelled()) std::this_thread::yield();
    return Status(StatusCode::Cancelled, "stopped");
  };
  Told told;
  slow.done = told.teller();
  EXPECT_TRUE(holder_.load(slow).ok());
  in_load.get_future().wait();
  const HolderStatus loading = holder_.status();
  EXPECT_EQ(loading.state, HolderState::Loading);
  EXPECT_EQ(loading.stage, "importing");
  EXPECT_EQ(loading.done, 3u);
  EXPECT_EQ(loading.total, 10u);
  slow.cancel->cancel();
  EXPECT_EQ(told.future.get().code(), StatusCode::Cancelled);
  EXPECT_EQ(holder_.status().state, HolderState::Empty);
}

TEST_F(RunnerHolderTest, TheQueueIsBounded) {
  std::vector<std::shared_ptr<RunnerHolder::Admission>> places;
  for (int i = 0; i < 3; ++i) {
    auto place = holder_.admit(BusyPolicy::Queue, std::make_shared<CancelToken>());
    ASSERT_TRUE(place.ok());
    places.push_back(*place);
  }
  EXPECT_EQ(holder_.status().admitted, 3u);
  EXPECT_EQ(holder_.admit(BusyPolicy::Queue, nullptr).status().code(), StatusCode::Busy);
  places.pop_back();
  EXPECT_EQ(holder_.admit(BusyPolicy::Refuse, nullptr).status().code(), StatusCode::Busy);
  auto again = holder_.admit(BusyPolicy::Queue, nullptr);
  ASSERT_TRUE(again.ok());
  EXPECT_GT((*again)->id(), places.back()->id());
}

TEST_F(RunnerHolderTest, ModelsLiveAndDieOnTheModelThread) {
  {
    RunnerHolder holder;
    std::promise<void> done;
    LoadCall call = call_for("a");
    call.done = [&](const Status&) { done.set_value(); };
    ASSERT_TRUE(holder.load(call).ok());
    done.get_future().wait();
    holder.run([&](Resident* resident) {
      EXPECT_NE(resident, nullptr);
      EXPECT_TRUE(holder.on_model_thread());
    });
  }
  EXPECT_EQ(counts_.alive, 0);
  EXPECT_FALSE(counts_.wrong_thread);
}

TEST_F(RunnerHolderTest, DestroyingItCancelsLoadsAndTellsEverybody) {
  Told running, waiting;
  {
    RunnerHolder holder;
    std::promise<void> in_load;
    LoadCall slow = call_for("a");
    slow.loader = [&](const LoadProgress&,
                      const CancelToken& cancel) -> Result<std::unique_ptr<Resident>> {
      in_load.set_value();
      while (!cancel.cancelled()) std::this_thread::yield();
      return Status(StatusCode::Cancelled, "stopped");
    };
    slow.done = running.teller();
    LoadCall next = call_for("b");
    next.done = waiting.teller();
    ASSERT_TRUE(holder.load(slow).ok());
    ASSERT_TRUE(holder.load(next).ok());
    in_load.get_future().wait();
  }
  EXPECT_EQ(running.future.get().code(), StatusCode::Cancelled);
  EXPECT_EQ(waiting.future.get().code(), StatusCode::Cancelled);
  EXPECT_EQ(counts_.loads, 0);
}

TEST_F(RunnerHolderTest, LoadsMayShareACancelToken) {
  std::promise<void> release;
  block_with(release);
  const auto token = std::make_shared<CancelToken>();
  Told first, second, third, joined;
  LoadCall a = call_for("a"), b = call_for("b"), a_again = call_for("a"), joins = call_for("a");
  a.cancel = b.cancel = a_again.cancel = token;
  a.done = first.teller();
  b.done = second.teller();
  a_again.done = third.teller();
  joins.done = joined.teller();
  for (const LoadCall& call : {a, b, a_again, joins}) ASSERT_TRUE(holder_.load(call).ok());
  release.set_value();
  for (Told* told : {&first, &second, &third, &joined}) EXPECT_TRUE(told->future.get().ok());
  EXPECT_EQ(holder_.status().key, "a");
  EXPECT_EQ(counts_.loads, 3);
}

TEST_F(RunnerHolderTest, WhatIsComputedAheadTakesNoPlaceAndGoesWithAnyModel) {
  EXPECT_TRUE(load("a").ok());
  for (const bool by_load : {false, true}) {
    const auto token = std::make_shared<CancelToken>();
    const auto ahead = holder_.enlist(token);
    ASSERT_TRUE(ahead.ok());
    EXPECT_EQ(holder_.status().admitted, 0u);
    EXPECT_TRUE(holder_.load(call_for("a")).ok());
    EXPECT_FALSE(token->cancelled()) << "the model stays";
    if (by_load) {
      EXPECT_TRUE(load(call_for("b", WhileBusy::Refuse)).ok());
    } else {
      EXPECT_TRUE(holder_.unload(WhileBusy::Refuse, nullptr).ok());
      EXPECT_TRUE(load("a").ok());
    }
    EXPECT_TRUE(token->cancelled());
  }
}

TEST_F(RunnerHolderTest, ARefusedPlaceIsNoPlace) {
  {
    const auto place = holder_.admit(BusyPolicy::Refuse, nullptr);
    ASSERT_TRUE(place.ok());
    EXPECT_FALSE(holder_.admit(BusyPolicy::Refuse, nullptr).ok());
    EXPECT_EQ(holder_.status().admitted, 1u);
  }
  EXPECT_EQ(holder_.status().admitted, 0u);
}

TEST(RunnerHolder, PluginsShareOne) {
  EXPECT_EQ(RunnerHolder::shared(), RunnerHolder::shared());
}

TEST(RunnerHolder, StatesHaveNames) {
  EXPECT_EQ(holder_state_name(HolderState::Empty), "empty");
  EXPECT_EQ(holder_state_name(HolderState::Generating), "generating");
}

}  // namespace
}  // namespace etb::holder
