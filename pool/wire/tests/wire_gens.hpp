// What the properties of pool/wire draw: bytes, texts, JSON values, and cuts of a stream.
#pragma once

#include <rapidcheck.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::pool::wire {

inline rc::Gen<std::string> bytes_up_to(std::size_t size_max) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, size_max + 1), [](std::size_t size) {
    return rc::gen::container<std::string>(size, rc::gen::arbitrary<char>());
  });
}

// Text of every kind: plain, to be escaped, and beyond ASCII.
inline rc::Gen<std::string> text() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "a", "id", " ", "\"", "\\", "\n", std::string(1, '\0'), "\x1f", "\x7f", "\xc3\xa9",
          "\xe2\x82\xac", "\xef\xbf\xbf", "\xf0\x9f\x98\x80", "/", "{", "]")),
      [](const std::vector<std::string>& pieces) {
        std::string whole;
        for (const auto& piece : pieces) whole += piece;
        return whole;
      });
}

// Uniform, whatever the size that RapidCheck has come to.
inline int below(int end) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); }

inline nlohmann::json value(int depth) {
  switch (below(depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<std::uint64_t>();
    case 4:
      return *rc::gen::arbitrary<double>();
    case 5:
      return *text();
    case 6: {
      nlohmann::json array = nlohmann::json::array();
      for (int i = below(4); i > 0; --i) array.push_back(value(depth - 1));
      return array;
    }
    default: {
      nlohmann::json object = nlohmann::json::object();
      for (int i = below(4); i > 0; --i) object[*text()] = value(depth - 1);
      return object;
    }
  }
}

inline nlohmann::json object() {
  nlohmann::json whole = nlohmann::json::object();
  for (int i = below(4); i > 0; --i) whole[*text()] = value(3);
  return whole;
}

inline std::string dumped(const nlohmann::json& whole) {
  const int indent = *rc::gen::element(-1, 0, 3);
  return whole.dump(indent, ' ', *rc::gen::arbitrary<bool>());
}

// Cuts `bytes` into reads of any size, and hands them over until `take` says no.
template <typename Take>
void in_any_chunks(std::string_view bytes, Take take) {
  while (!bytes.empty()) {
    const auto n = std::min(bytes.size(), *rc::gen::inRange<std::size_t>(1, 40));
    if (!take(bytes.substr(0, n))) return;
    bytes.remove_prefix(n);
  }
}

}  // namespace ordeal::pool::wire
