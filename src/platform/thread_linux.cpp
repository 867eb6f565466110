// Linux: names and nice values belong to single threads.
#include "platform/thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace etb {
namespace {

constexpr size_t kNameBytes = 15;       // TASK_COMM_LEN less the final zero
constexpr int kUserInitiatedNice = -2;  // Android's THREAD_PRIORITY_FOREGROUND

}  // namespace

void name_this_thread(std::string_view label) {
  while (label.size() > kNameBytes) {
    const size_t dot = label.find('.');
    label = dot == label.npos ? label.substr(0, kNameBytes) : label.substr(dot + 1);
  }
  pthread_setname_np(pthread_self(), std::string(label).c_str());
}

void prioritise_this_thread(ThreadPriority priority) {
  if (priority == ThreadPriority::Default) return;
  // Nice values are a thread's own on Linux; a refusal (no privilege) changes nothing.
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  static_cast<void>(::setpriority(PRIO_PROCESS, thread, kUserInitiatedNice));
}

}  // namespace etb
