#include "perf/measurement/json_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ordeal::perf {
namespace {

const nlohmann::json no_value;

std::string shown(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

}  // namespace

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::file:
      return "file";
    case ErrorKind::json:
      return "json";
    case ErrorKind::schema:
      return "schema";
    case ErrorKind::value:
      return "value";
    case ErrorKind::program:
      return "program";
    case ErrorKind::baseline:
      return "baseline";
  }
  return "?";
}

void ReadErrors::add(ErrorKind kind, const std::string& path, const std::string& message) {
  if (first_) return;
  first_ = Error{kind, about_, path.empty() ? message : path + ": " + message};
}

ObjectReader::ObjectReader(const nlohmann::json& value, ReadErrors& errors, std::string path)
    : value_(&value), errors_(&errors), path_(std::move(path)) {
  if (!value.is_object()) {
    errors_->add(ErrorKind::schema, path_,
                 fmt::format("must be an object, is {} {}", value.type_name(), shown(value)));
  }
}

std::string ObjectReader::path_of(std::string_view member) const {
  return path_.empty() ? std::string{member} : fmt::format("{}.{}", path_, member);
}

bool ObjectReader::has(std::string_view member) const {
  asked_.emplace(member);
  if (!value_->is_object()) return false;
  const auto found = value_->find(member);
  return found != value_->end() && !found->is_null();
}

const nlohmann::json* ObjectReader::find(std::string_view member) {
  asked_.emplace(member);
  if (!value_->is_object()) return nullptr;  // said already
  const auto found = value_->find(member);
  if (found == value_->end()) {
    errors_->add(ErrorKind::schema, path_of(member), "is missing");
    return nullptr;
  }
  return &*found;
}

void ObjectReader::wrong_type(std::string_view member, std::string_view wanted,
                              const nlohmann::json& found) {
  errors_->add(ErrorKind::schema, path_of(member),
               fmt::format("must be {}, is {} {}", wanted, found.type_name(), shown(found)));
}

std::string ObjectReader::text(std::string_view member) {
  const auto* found = find(member);
  if (found == nullptr) return {};
  if (found->is_string()) return found->get<std::string>();
  wrong_type(member, "a text", *found);
  return {};
}

double ObjectReader::number(std::string_view member) {
  const auto* found = find(member);
  if (found == nullptr) return 0;
  if (found->is_number() && std::isfinite(found->get<double>())) return found->get<double>();
  wrong_type(member, "a finite number", *found);
  return 0;
}

std::int64_t ObjectReader::integer(std::string_view member) {
  const auto* found = find(member);
  if (found == nullptr) return 0;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  wrong_type(member, "an integer", *found);
  return 0;
}

bool ObjectReader::boolean(std::string_view member) {
  const auto* found = find(member);
  if (found == nullptr) return false;
  if (found->is_boolean()) return found->get<bool>();
  wrong_type(member, "true or false", *found);
  return false;
}

std::vector<double> ObjectReader::numbers(std::string_view member) {
  std::vector<double> all;
  const auto* found = find(member);
  if (found == nullptr) return all;
  if (!found->is_array()) {
    wrong_type(member, "an array of finite numbers", *found);
    return all;
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    const auto& value = (*found)[i];
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      wrong_type(fmt::format("{}[{}]", member, i), "a finite number", value);
      return {};
    }
    all.push_back(value.get<double>());
  }
  return all;
}

std::vector<std::string> ObjectReader::texts(std::string_view member) {
  std::vector<std::string> all;
  const auto* found = find(member);
  if (found == nullptr) return all;
  if (!found->is_array()) {
    wrong_type(member, "an array of texts", *found);
    return all;
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    if (!(*found)[i].is_string()) {
      wrong_type(fmt::format("{}[{}]", member, i), "a text", (*found)[i]);
      return {};
    }
    all.push_back((*found)[i].get<std::string>());
  }
  return all;
}

ObjectReader ObjectReader::object(std::string_view member) {
  const auto* found = find(member);
  return {found == nullptr ? no_value : *found, *errors_, path_of(member)};
}

const nlohmann::json& ObjectReader::any(std::string_view member) {
  const auto* found = find(member);
  return found == nullptr ? no_value : *found;
}

void ObjectReader::objects(std::string_view member,
                           const std::function<void(ObjectReader&)>& read) {
  const auto* found = find(member);
  if (found == nullptr) return;
  if (!found->is_array()) return wrong_type(member, "an array of objects", *found);
  for (std::size_t i = 0; i < found->size(); ++i) {
    ObjectReader element{(*found)[i], *errors_, fmt::format("{}[{}]", path_of(member), i)};
    read(element);
  }
}

std::size_t ObjectReader::one_of(std::string_view member,
                                 const std::vector<std::string_view>& allowed) {
  const std::string found = text(member);
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (allowed[i] == found) return i;
  }
  errors_->add(ErrorKind::value, path_of(member),
               fmt::format("is \"{}\"; allowed: {}", found, fmt::join(allowed, ", ")));
  return 0;
}

void ObjectReader::schema(std::string_view wanted) { (void)one_of("schema", {wanted}); }

void ObjectReader::refuse(std::string_view member, const std::string& message) {
  errors_->add(ErrorKind::value, path_of(member), message);
}

void ObjectReader::end() {
  if (!value_->is_object()) return;
  for (const auto& [name, value] : value_->items()) {
    if (asked_.contains(name)) continue;
    errors_->add(ErrorKind::schema, path_of(name),
                 fmt::format("is unknown; known: {}", fmt::join(asked_, ", ")));
  }
}

Attempt<nlohmann::json> parse_json(std::string_view text, const std::string& about) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    std::string message = fmt::format("is no JSON: {}", error.what());
    if (message.find("invalid literal") != std::string::npos) {
      message += " (NaN and Infinity are no JSON, and no measurements)";
    }
    return tl::unexpected(Error{ErrorKind::json, about, message});
  }
}

Attempt<nlohmann::json> read_json_file(const std::string& path) {
  std::error_code ignored;
  std::ifstream file{path};
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return tl::unexpected(
        Error{ErrorKind::file, path, fmt::format("cannot be read: {}", std::strerror(errno))});
  }
  std::ostringstream text;
  text << file.rdbuf();
  return parse_json(text.str(), path);
}

Attempt<void> write_text_file(const std::string& path, const std::string& text) {
  const std::filesystem::path target{path};
  std::error_code failed;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), failed);
  const std::string draft = fmt::format("{}.{}.part", path, ::getpid());
  {
    std::ofstream file{draft, std::ios::binary};
    file << text;
    file.flush();
    if (!file) {
      const int error_number = errno;
      std::filesystem::remove(draft, failed);
      return tl::unexpected(
          Error{ErrorKind::file, path,
                fmt::format("cannot be written: {}", std::strerror(error_number))});
    }
  }
  std::filesystem::rename(draft, target, failed);
  if (failed) {
    return tl::unexpected(
        Error{ErrorKind::file, path, fmt::format("cannot be renamed to: {}", failed.message())});
  }
  return {};
}

}  // namespace ordeal::perf
