// What other programs recorded for the tests of templates (tests/references/templates).
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "prompt/json.h"
#include "prompt/value.h"

namespace etb::prompt::testing {

// A file of that folder; an empty dict, and a failure of the test, if it is no JSON.
inline Value read_recorded(const std::string& name) {
  std::ifstream file(ETB_SOURCE_DIR "/tests/references/templates/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  const Result<Value> parsed = parse_json(text.str());
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  return parsed.ok() ? *parsed : Value::dict({});
}

}  // namespace etb::prompt::testing
