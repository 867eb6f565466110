#include "platform/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <thread>

namespace etb {
namespace {

std::string name_shown_for(const char* label) {
  char shown[16] = {};
  std::thread thread([&] {
    name_this_thread(label);
    pthread_getname_np(pthread_self(), shown, sizeof shown);
  });
  thread.join();
  return shown;
}

TEST(Thread, ShowsTheLastPartsOfALabelThatFit) {
  EXPECT_EQ(name_shown_for("com.executorch.runner"), "runner");
  EXPECT_EQ(name_shown_for("com.etb.engine"), "com.etb.engine");
  EXPECT_EQ(name_shown_for("averyveryverylongname"), "averyveryverylo");
}

TEST(Thread, AskingForPriorityNeverFails) {
  std::thread thread([] { prioritise_this_thread(ThreadPriority::UserInitiated); });
  thread.join();
}

}  // namespace
}  // namespace etb
