// Why something of perf/ could not be done: what it was about, and a sentence with the value and
// what is allowed.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace ordeal::perf {

enum class ErrorKind {
  file,      // cannot be read or written
  json,      // is no JSON
  schema,    // a member is missing, unknown or of another type
  value,     // a value that is not allowed
  program,   // a sampler that cannot start, crashed, hung, or printed something else
  baseline,  // there is none, it is of another host, or its binary is gone
};
[[nodiscard]] const char* to_string(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::value;
  std::string about;    // the file or program
  std::string message;  // where in it, what is wrong, what is allowed

  // "about: message"
  [[nodiscard]] std::string text() const { return about + ": " + message; }
};

template <typename T>
using Attempt = tl::expected<T, Error>;

}  // namespace ordeal::perf
