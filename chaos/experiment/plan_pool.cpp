#include "chaos/experiment/plan_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace ordeal::chaos {
namespace {

tl::unexpected<pool::Error> refused(std::string message) {
  return tl::unexpected(pool::make_error(pool::ErrorCode::invalid_option, std::move(message)));
}

bool replace(std::string& text, std::string_view mark, std::string_view by) {
  const std::size_t at = text.find(mark);
  if (at == text.npos) return false;
  text.replace(at, mark.size(), by);
  return true;
}

// Of the option that the pool's error names ("option size: ...", "unknown option \"a.b\""), as far
// as it is there; else of the table.
std::size_t line_of_option(const toml::table& pool, std::string_view said) {
  const toml::node* node = &pool;
  for (const std::string_view before : {"unknown option \"", "option "}) {
    const std::size_t at = said.find(before);
    if (at == said.npos) continue;
    std::string_view name = said.substr(at + before.size());
    name = name.substr(0, name.find_first_of("\": ,"));
    while (node->is_table() && !name.empty()) {
      const std::size_t dot = std::min(name.find('.'), name.size());
      const toml::node* inner = node->as_table()->get(name.substr(0, dot));
      if (inner == nullptr) break;
      node = inner;
      name.remove_prefix(std::min(dot + 1, name.size()));
    }
    break;
  }
  return node->source().begin.line;
}

// "{mock_brige}": a mark that nobody knows; empty: all are known. "{worker_id}" is the pool's own.
std::string unknown_mark(const std::string& text) {
  constexpr std::string_view known =
      "{mock_bridge}, {python_mock}, {dspy_python}, {relay}, {relay_folder}, {store}, "
      "{model_endpoint}, {worker_id}";
  for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at + 1);
    if (end == text.npos || text[end] != '}' || end == at + 1) continue;
    const std::string mark = text.substr(at, end - at + 1);
    if (known.find(mark) == known.npos) return fmt::format("{} is unknown, known: {}", mark, known);
  }
  return {};
}

std::string unknown_mark(const pool::Options& options) {
  for (const std::string& word : options.command) {
    if (auto unknown = unknown_mark(word); !unknown.empty()) return "command: " + unknown;
  }
  for (const auto& [name, value] : options.environment) {
    if (auto unknown = unknown_mark(value); !unknown.empty()) {
      return "environment: " + unknown;
    }
  }
  auto unknown = unknown_mark(options.session_store);
  return unknown.empty() ? unknown : "session_store: " + unknown;
}

// The interpreter of scripts/setup --dspy.
std::string dspy_python() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  const std::string venv = variable("ORDEAL_VENV");
  return (venv.empty() ? variable("HOME") + "/.cache/ordeal/venv" : venv) + "/bin/python";
}

}  // namespace

pool::Result<pool::Options> read_pool_table(const toml::table& root, std::string_view file) {
  const toml::node* node = root.get("pool");
  if (node == nullptr || !node->is_table()) {
    return refused(fmt::format("{}: the table pool is missing", file));
  }
  std::ostringstream text;
  text << *node->as_table();
  auto options = pool::options_from_toml(text.str(), "pool");
  if (options) {
    const std::string unknown = unknown_mark(*options);
    if (unknown.empty()) return options;
    return refused(fmt::format("{}:{}: pool.{}", file, node->source().begin.line, unknown));
  }
  // "pool:LINE: " counts in the text above, not in the file.
  const std::string& said = options.error().message;
  const std::size_t colon = said.find(": ");
  options.error().message =
      fmt::format("{}:{}: pool: {}", file, line_of_option(*node->as_table(), said),
                  colon == said.npos ? said : said.substr(colon + 2));
  return options;
}

void note_surroundings(Plan& plan, std::string_view mock_bridge) {
  for (std::string& word : plan.pool.command) {
    plan.with_relay = plan.with_relay || word.find("{relay}") != word.npos;
    replace(word, "{mock_bridge}", mock_bridge);
    replace(word, "{python_mock}", std::filesystem::path{mock_bridge}.parent_path().string());
    replace(word, "{dspy_python}", dspy_python());
  }
  for (const auto& [name, value] : plan.pool.environment) {
    plan.with_model = plan.with_model || value.find("{model_endpoint}") != value.npos;
  }
  plan.store_in_file = plan.pool.session_store.find("{store}") != std::string::npos;
  if (!plan.pool.seed) plan.pool.seed = plan.seed;
}

}  // namespace ordeal::chaos
