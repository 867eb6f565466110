#include "fidelity/references.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace etb::fidelity {
namespace {

constexpr std::string_view kMagic = "ETBTOP1\n";
constexpr size_t kHeaderBytes = 16;  // magic, u32 positions, u32 tokens a position

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(StatusCode::NotFound, concat("no reference file '", path, "'"));
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

Result<std::vector<TokenId>> parse_ids(std::istream& in, const std::string& path) {
  std::vector<TokenId> ids;
  TokenId id = 0;
  while (in >> id) ids.push_back(id);
  if (!in.eof()) return Status(StatusCode::Corrupt, concat(path, ": not a list of token ids"));
  return ids;
}

// The ids of the line that starts with `key`.
Result<std::vector<TokenId>> parse_line(std::istream& in, const std::string& key,
                                        const std::string& path) {
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  std::string found;
  words >> found;
  if (found != key) {
    return Status(StatusCode::Corrupt, concat(path, ": '", key, "' expected, '", found, "' found"));
  }
  return parse_ids(words, path);
}

uint32_t read_u32(const char* at) {
  uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);  // the files and all our machines are little endian
  return value;
}

Position parse_position(const char* at, size_t top) {
  Position position;
  position.ids.resize(top);
  position.logprobs.resize(top);
  std::memcpy(position.ids.data(), at, top * sizeof(uint32_t));
  std::memcpy(position.logprobs.data(), at + top * sizeof(uint32_t), top * sizeof(float));
  std::memcpy(&position.rest, at + top * (sizeof(uint32_t) + sizeof(float)), sizeof(float));
  return position;
}

}  // namespace

Result<std::vector<Position>> parse_positions(const std::string& bytes) {
  if (bytes.size() < kHeaderBytes || bytes.compare(0, kMagic.size(), kMagic) != 0) {
    return Status(StatusCode::Corrupt, "not a file of recorded positions");
  }
  const uint64_t count = read_u32(bytes.data() + 8);
  const uint64_t top = read_u32(bytes.data() + 12);
  const uint64_t position_bytes = top * 8 + 4;  // fits: both are 32-bit numbers
  const uint64_t payload = bytes.size() - kHeaderBytes;
  if (top < 2 || payload % position_bytes != 0 || payload / position_bytes != count) {
    return Status(StatusCode::Corrupt,
                  concat(count, " positions of ", top, " tokens do not fill ", payload, " bytes"));
  }
  std::vector<Position> positions;
  for (size_t i = 0; i < count; ++i) {
    positions.push_back(parse_position(bytes.data() + kHeaderBytes + i * position_bytes, top));
  }
  return positions;
}

Result<std::vector<Position>> read_positions(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  auto positions = parse_positions(bytes);
  if (!positions.ok()) return positions.status().with_context(path);
  return positions;
}

Result<std::vector<Answer>> read_answers(const std::string& folder, Reference reference) {
  const bool is_float = reference == Reference::Float;
  const std::string top_path = folder + (is_float ? "/float_top.bin" : "/llama_top.bin");
  ETB_ASSIGN_OR_RETURN(const std::vector<Position> positions, read_positions(top_path));
  const std::string path = folder + "/answers.txt";
  ETB_ASSIGN_OR_RETURN(std::string text, read_file(path));
  std::istringstream in(std::move(text));
  std::vector<Answer> answers;
  size_t next = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) continue;
    Answer answer;
    if (!line.starts_with("name ")) return Status(StatusCode::Corrupt, concat(path, ": no name"));
    answer.name = line.substr(5);
    ETB_ASSIGN_OR_RETURN(answer.prompt, parse_line(in, "prompt", path));
    ETB_ASSIGN_OR_RETURN(auto float_ids, parse_line(in, "float", path));
    ETB_ASSIGN_OR_RETURN(auto llama_ids, parse_line(in, "llama", path));
    answer.ids = is_float ? std::move(float_ids) : std::move(llama_ids);
    for (size_t i = 0; i < answer.ids.size() && next < positions.size(); ++i, ++next) {
      answer.positions.push_back(positions[next]);
    }
    if (answer.prompt.empty() || answer.positions.size() != answer.ids.size()) {
      return Status(StatusCode::Corrupt, concat(path, ": '", answer.name, "' is cut short"));
    }
    answers.push_back(std::move(answer));
  }
  if (next != positions.size()) {
    return Status(StatusCode::Corrupt, concat(top_path, ": more positions than answers"));
  }
  return answers;
}

Result<std::map<std::string, double>> read_figures(const std::string& folder) {
  const std::string path = folder + "/figures.txt";
  ETB_ASSIGN_OR_RETURN(std::string text, read_file(path));
  std::istringstream in(std::move(text));
  std::map<std::string, double> figures;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string key;
    double value = 0;
    if (!(words >> key >> value)) return Status(StatusCode::Corrupt, concat(path, ": ", line));
    figures[key] = value;
  }
  return figures;
}

Result<std::vector<TokenId>> read_ids(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(std::string text, read_file(path));
  std::istringstream in(std::move(text));
  return parse_ids(in, path);
}

}  // namespace etb::fidelity
