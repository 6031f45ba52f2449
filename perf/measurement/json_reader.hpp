// Reads JSON objects strictly: a member that is missing, unknown, or of another type is an error
// that names the file and the member's path in it ("metrics[3].unit").
//
//   ReadErrors errors{file};
//   ObjectReader reader{value, errors};
//   sample.suite = reader.text("suite");
//   reader.end();
//   if (auto error = errors.first()) return tl::unexpected(*error);
//
// The first error stays, and what is read after it is empty: callers look once, at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

class ReadErrors {
 public:
  explicit ReadErrors(std::string about) : about_(std::move(about)) {}
  // `path`: of the member, empty: the whole.
  void add(ErrorKind kind, const std::string& path, const std::string& message);
  [[nodiscard]] const std::optional<Error>& first() const { return first_; }

 private:
  std::string about_;
  std::optional<Error> first_;
};

class ObjectReader {
 public:
  // The value and the errors must outlive the reader.
  ObjectReader(const nlohmann::json& value, ReadErrors& errors, std::string path = {});

  [[nodiscard]] bool has(std::string_view member) const;  // and is not null
  [[nodiscard]] std::string text(std::string_view member);
  [[nodiscard]] double number(std::string_view member);  // finite
  [[nodiscard]] std::int64_t integer(std::string_view member);
  [[nodiscard]] bool boolean(std::string_view member);
  [[nodiscard]] std::vector<double> numbers(std::string_view member);
  [[nodiscard]] std::vector<std::string> texts(std::string_view member);
  [[nodiscard]] ObjectReader object(std::string_view member);
  // Any value, null if it is missing (an error).
  [[nodiscard]] const nlohmann::json& any(std::string_view member);
  // `read` gets each element, which must be an object, and calls end() itself.
  void objects(std::string_view member, const std::function<void(ObjectReader&)>& read);
  // A text that must be one of `allowed`; its place there, 0 after an error.
  [[nodiscard]] std::size_t one_of(std::string_view member,
                                   const std::vector<std::string_view>& allowed);
  // The schema's name, which must be exactly this.
  void schema(std::string_view wanted);
  // An own finding on a member.
  void refuse(std::string_view member, const std::string& message);
  // Whatever was not asked for is unknown. What has() was asked of is known.
  void end();

  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] std::string path_of(std::string_view member) const;

 private:
  const nlohmann::json* find(std::string_view member);
  void wrong_type(std::string_view member, std::string_view wanted, const nlohmann::json& found);

  const nlohmann::json* value_;
  ReadErrors* errors_;
  std::string path_;
  mutable std::set<std::string, std::less<>> asked_;
};

// Errors: json, with the place.
[[nodiscard]] Attempt<nlohmann::json> parse_json(std::string_view text, const std::string& about);
// Errors: file, json.
[[nodiscard]] Attempt<nlohmann::json> read_json_file(const std::string& path);
// Writes beside it and renames, so that no reader sees half. Makes the folders above. Errors: file.
[[nodiscard]] Attempt<void> write_text_file(const std::string& path, const std::string& text);

}  // namespace ordeal::perf
