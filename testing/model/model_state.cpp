#include "testing/model/model_state.hpp"

#include <algorithm>
#include <bit>

namespace ordeal::trial {
namespace {

// In the order of CoreOracle::state().
std::vector<ModelDimension> make_dimensions() {
  const std::vector<std::string_view> count{"none", "one", "many"};
  const std::vector<std::string_view> any{"none", "some"};
  std::vector<ModelDimension> all{
      {"waiting", {"none", "one", "many", "as many as may"}},
      {"starting", count},
      {"serving", count},
      {"running", count},
      {"pausing before a retry", any},
      {"awaiting an exit", any},
      {"withdrawn workers", any},
      {"starts given up", any},
      {"owing workers", any},
      {"health", {"good", "pinged", "bad"}},
      {"admission", {"open", "paused", "draining"}},
      {"roll", {"none", "under way"}},
      {"start circuit", {"closed", "open"}},
      {"breaker", {"closed", "open", "half-open", "by hand"}},
      {"stop", {"none", "under way", "over"}},
  };
  std::uint32_t shift = 0;
  for (ModelDimension& dimension : all) {
    dimension.shift = shift;
    shift += static_cast<std::uint32_t>(std::bit_width(dimension.values.size() - 1));
  }
  return all;
}

}  // namespace

ModelState ModelDimension::mask() const {
  return (1U << static_cast<std::uint32_t>(std::bit_width(values.size() - 1))) - 1;
}

std::span<const ModelDimension> model_dimensions() {
  static const std::vector<ModelDimension> all = make_dimensions();
  return all;
}

std::string in_words(ModelState state) {
  std::string text;
  for (const ModelDimension& dimension : model_dimensions()) {
    text += text.empty() ? "" : ", ";
    text += dimension.name;
    text += ": ";
    text += dimension.values[dimension.value_of(state)];
  }
  return text;
}

std::size_t CountTable::place_of(std::uint64_t key) const {
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
  const std::size_t mask = entries_.size() - 1;
  std::size_t at = (key * golden >> 32U) & mask;
  while (entries_[at].count != 0 && entries_[at].key != key) at = (at + 1) & mask;
  return at;
}

void CountTable::grow() {
  std::vector<Entry> old = std::move(entries_);
  entries_.assign(std::max<std::size_t>(64, 2 * old.size()), {});
  for (const Entry& entry : old) {
    if (entry.count != 0) entries_[place_of(entry.key)] = entry;
  }
}

void CountTable::add(std::uint64_t key, std::uint64_t count) {
  if (2 * (used_ + 1) > entries_.size()) grow();
  Entry& entry = entries_[place_of(key)];
  used_ += entry.count == 0 ? 1 : 0;
  entry.key = key;
  entry.count += count;
}

void CountTable::add(const CountTable& other) {
  for (const Entry& entry : other.entries_) {
    if (entry.count != 0) add(entry.key, entry.count);
  }
}

std::uint64_t CountTable::count_of(std::uint64_t key) const {
  return entries_.empty() ? 0 : entries_[place_of(key)].count;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> CountTable::all() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  for (const Entry& entry : entries_) {
    if (entry.count != 0) found.emplace_back(entry.key, entry.count);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t StateHistogram::visits(const ModelDimension& dimension, std::size_t value) const {
  std::uint64_t sum = 0;
  for (const auto& [state, count] : states_.all()) {
    if (dimension.value_of(static_cast<ModelState>(state)) == value) sum += count;
  }
  return sum;
}

}  // namespace ordeal::trial
