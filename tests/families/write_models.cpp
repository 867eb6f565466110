// Writes the models of family_models.h into a folder, for tests/references/families/record.py.
#include <cstdio>
#include <fstream>

#include "families/family_models.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: etb_write_family_models FOLDER\n");
    return 2;
  }
  std::ofstream list(std::string(argv[1]) + "/cases.txt");
  for (const auto weights : etb::test::kFamilyWeights) {
    for (const auto& family : etb::test::family_cases(weights)) {
      const std::string name = etb::test::case_name(family, weights);
      std::ofstream(std::string(argv[1]) + "/" + name + ".gguf", std::ios::binary)
          << etb::test::random_gguf(family.spec);
      list << name << " " << family.context << "\n";
    }
  }
  return list.good() ? 0 : 1;
}
