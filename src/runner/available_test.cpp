// Our own operators are always there; what is not linked is said not to be.
#include "runner/available.h"

#include <gtest/gtest.h>

namespace etb::runner {
namespace {

TEST(Available, OwnOperatorsAreThere) {
  for (const char* name : {"etb::embed.out", "etb::rope_table.out", "etb::attention.out",
                           "etb::mlp.out", "etb::head.out"}) {
    EXPECT_TRUE(has_operator(name)) << name;
  }
  EXPECT_FALSE(has_operator("llama::no_such_operator.out"));
}

TEST(Available, BackendsThatAreNotLinkedAreNot) {
  EXPECT_FALSE(has_backend("NoSuchBackend"));
}

TEST(Available, ScalarRunsEverywhereAndTheBestComesLast) {
  ASSERT_FALSE(kernel_paths().empty());
  EXPECT_EQ(kernel_paths().front(), "scalar");
}

}  // namespace
}  // namespace etb::runner
