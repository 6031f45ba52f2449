// Each promise of the oracle is asked after in some simulation: one that never is proves nothing.
//
// The catalogue is the oracle's own source: the sentence of each expect() there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <set>

#include "testing/sim/simulation.hpp"

namespace ordeal::trial {
namespace {

constexpr std::uint64_t seeds = 300;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The text between the parenthesis at `from` and its partner, strings and all.
std::string in_parentheses(const std::string& text, std::size_t from) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = from; at < text.size(); ++at) {
    if (text[at] == '"' && text[at - 1] != '\\') quoted = !quoted;
    if (quoted) continue;
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0) return text.substr(from, at - from);
  }
  return {};
}

// Literals that stand side by side are one.
std::string sentence_in(const std::string& call) {
  static const std::regex literal(R"re("((?:\\.|[^"])*)")re");
  std::string sentence;
  for (std::sregex_iterator it(call.begin(), call.end(), literal), end; it != end; ++it) {
    sentence += (*it)[1];
  }
  return sentence;
}

std::set<std::string> catalogue() {
  std::set<std::string> sentences;
  for (const auto& entry : std::filesystem::directory_iterator(MODEL_FOLDER)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("core_oracle") || !name.ends_with(".cpp")) continue;
    const std::string text = read(entry.path());
    static const std::string call = " expect(";
    for (std::size_t at = text.find(call); at != std::string::npos; at = text.find(call, at + 1)) {
      const std::string said = in_parentheses(text, at + call.size() - 1);
      const bool is_end_of_the_road = said.starts_with("(false,");  // there it is broken already
      if (!sentence_in(said).empty() && !is_end_of_the_road) sentences.insert(sentence_in(said));
    }
  }
  return sentences;
}

TEST(Promises, AreAllAskedAfterInSomeSimulation) {
  std::map<std::string, std::uint64_t> asked;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SimulationOptions options = swarm(seed);
    options.count_promises = true;
    for (const auto& [sentence, count] : Simulation(seed, options).run().promises) {
      asked[sentence] += count;
    }
  }
  std::vector<std::string> never;
  for (const std::string& sentence : catalogue()) {
    if (!asked.contains(sentence)) never.push_back(sentence);
  }
  EXPECT_GT(catalogue().size(), 80U);
  EXPECT_THAT(never, ::testing::IsEmpty());
  std::cout << catalogue().size() << " promises, each asked after\n";
}

}  // namespace
}  // namespace ordeal::trial
