// `etbridge doctor`: what it tells is there for people and, as JSON, for programs.
#include <nlohmann/json.hpp>

#include "cli/cli_fixture.h"

namespace etb::cli_test {
namespace {

class Doctor : public CommandLine {};

TEST_F(Doctor, TellsMemoryPressureAndHeat) {
  const Outcome outcome = etbridge({"doctor"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
  for (const char* line : {"\nmemory ", "\nbudget ", "\npressure ", "\nheat "}) {
    EXPECT_NE(outcome.out.find(line), std::string::npos) << line << outcome.out;
  }
}

TEST_F(Doctor, AsJson) {
  const auto json = nlohmann::json::parse(etbridge({"doctor", "--json"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_LE(json["memory_budget_bytes"], json["memory_total_bytes"]);
  const std::string pressure = json["memory_pressure"];
  EXPECT_TRUE(pressure == "none" || pressure == "warning" || pressure == "critical") << pressure;
  if (json.contains("thermal")) {
    EXPECT_GT(json["thermal"]["celsius"], -50.0);
    EXPECT_TRUE(json["thermal"]["headroom"].is_number());
  }
}

}  // namespace
}  // namespace etb::cli_test
