// A small program for comparing with jinja2: `etb_render_driver SECONDS TEMPLATE...` reads lines
// `INDEX<tab>JSON` and answers each as `etbridge render` would, with template number INDEX.
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "prompt/jinja/to_json.h"
#include "prompt/render_line.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "use: etb_render_driver SECONDS TEMPLATE...\n";
    return 2;
  }
  using etb::prompt::ChatTemplate;
  std::vector<etb::Result<ChatTemplate>> templates;
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
      std::cerr << "cannot read " << argv[i] << "\n";
      return 1;
    }
    templates.push_back(ChatTemplate::parse(text.str()));
  }
  etb::prompt::RenderDefaults defaults;
  defaults.now_seconds = std::stoll(argv[1]);
  std::string line;
  while (std::getline(std::cin, line)) {
    const size_t tab = line.find('\t');
    const auto& wanted = templates.at(std::stoul(line.substr(0, tab)));
    if (wanted.ok()) {
      std::cout << etb::prompt::render_json_line(*wanted, line.substr(tab + 1), defaults) << "\n";
    } else {
      std::string message;
      etb::prompt::jinja::append_json_string(message, wanted.status().message(), {});
      std::cout << "{\"error\": " << message << "}\n";
    }
  }
  return 0;
}
