#include "pool/wire/json_scan.hpp"

#include <bitset>

#include "pool/wire/json_tokens.hpp"

namespace ordeal::pool::wire {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_number(std::string_view token) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < token.size() && is_digit(token[i])) ++i;
    return i > from;
  };
  if (token[i] == '-') ++i;
  if (i < token.size() && token[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i < token.size() && token[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < token.size() && (token[i] == 'e' || token[i] == 'E')) {
    ++i;
    if (i < token.size() && (token[i] == '+' || token[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == token.size();
}

bool is_literal(std::string_view token, Constants constants) {
  if (token == "true" || token == "false" || token == "null") return true;
  if (constants == Constants::refused) return false;
  return token == "NaN" || token == "Infinity" || token == "-Infinity";
}

// The walk over the tokens: a value is wanted, or one has just ended; `open_` says, level by
// level, whether we are inside an object or an array.
static_assert(nesting_max == 1024);  // as its message says
class Walk {
 public:
  Walk(std::string_view text, const JsonTokens& tokens, Constants constants)
      : text_(text), tokens_(tokens), count_(tokens.count()), constants_(constants) {}

  std::optional<JsonFlaw> run(OnMember on_member, void* context) {
    while (begin_value()) {
      while (!in_container_) {
        if (depth_ == 0) return end_of_text();
        if (depth_ == 1 && open_[0] && on_member != nullptr) {
          on_member(context, key_, text_.substr(member_begin_, value_end_ - member_begin_));
        }
        if (!after_value()) return flaw_;
      }
    }
    return flaw_;
  }

 private:
  // Takes a scalar, an empty container, or the opening of one (then in_container_ is true: its
  // first value comes next).
  bool begin_value() {
    if (i_ == count_) return fail(text_.size(), "text ends where a value must stand");
    const std::size_t at = tokens_[i_];
    const char c = text_[at];
    if (depth_ == 1) member_begin_ = at;
    if (c != '{' && c != '[') return scalar(at, c);
    if (depth_ == nesting_max) return fail(at, "values are nested deeper than 1024 levels");
    ++i_;
    if (i_ < count_ && text_[tokens_[i_]] == (c == '{' ? '}' : ']')) {
      value_ended(tokens_[i_] + 1);
      return true;
    }
    open_[depth_] = c == '{';
    ++depth_;
    in_container_ = true;
    return c == '[' || key();
  }

  bool scalar(std::size_t at, char c) {
    const std::string_view token = this->token();
    if (c == '"') {
      if (const auto bad = bad_escape(token); bad != std::string_view::npos) {
        return fail(at + bad, "a string contains an unknown escape");
      }
    } else if (!((c == '-' || is_digit(c)) && is_number(token)) && !is_literal(token, constants_)) {
      return fail(at, "a value cannot be read");
    }
    value_ended(at + token.size());
    return true;
  }

  bool key() {
    if (i_ == count_) return fail(text_.size(), "text ends where a key must stand");
    const std::size_t at = tokens_[i_];
    if (text_[at] != '"') return fail(at, "a key is not a string");
    const std::string_view token = this->token();
    if (const auto bad = bad_escape(token); bad != std::string_view::npos) {
      return fail(at + bad, "a key contains an unknown escape");
    }
    if (depth_ == 1) key_ = token.substr(1, token.size() - 2);
    ++i_;
    if (i_ == count_ || text_[tokens_[i_]] != ':') return fail(here(), "a colon is missing");
    ++i_;
    return true;
  }

  bool after_value() {
    const bool in_object = open_[depth_ - 1];
    const char c = i_ < count_ ? text_[tokens_[i_]] : '\0';
    if (c == ',') {
      ++i_;
      in_container_ = true;
      return !in_object || key();
    }
    if (c != (in_object ? '}' : ']'))
      return fail(here(), "a comma or a closing bracket is missing");
    --depth_;
    value_ended(tokens_[i_] + 1);
    return true;
  }

  std::optional<JsonFlaw> end_of_text() {
    if (i_ < count_) return JsonFlaw{tokens_[i_], "text goes on behind its value"};
    return std::nullopt;
  }

  void value_ended(std::size_t end) {
    value_end_ = end;
    ++i_;
    in_container_ = false;
  }

  // The token at i_, without the blanks behind it.
  [[nodiscard]] std::string_view token() const {
    const std::size_t at = tokens_[i_];
    std::size_t end = i_ + 1 < count_ ? tokens_[i_ + 1] : text_.size();
    while (is_blank(text_[end - 1])) --end;
    return text_.substr(at, end - at);
  }

  static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  [[nodiscard]] std::size_t here() const { return i_ < count_ ? tokens_[i_] : text_.size(); }

  bool fail(std::size_t position, std::string_view what) {
    flaw_ = JsonFlaw{position, what};
    return false;
  }

  std::string_view text_;
  const JsonTokens& tokens_;
  std::size_t count_;
  Constants constants_;
  std::size_t i_ = 0;
  std::size_t depth_ = 0;
  std::bitset<nesting_max> open_;  // true: an object
  bool in_container_ = false;      // a value must follow
  std::string_view key_;           // of the outermost object's current member
  std::size_t member_begin_ = 0;
  std::size_t value_end_ = 0;
  std::optional<JsonFlaw> flaw_;
};

}  // namespace

std::string_view to_string(JsonKind kind) {
  switch (kind) {
    case JsonKind::object:
      return "an object";
    case JsonKind::array:
      return "an array";
    case JsonKind::string:
      return "a string";
    case JsonKind::number:
      return "a number";
    case JsonKind::boolean:
      return "a boolean";
    case JsonKind::null:
      return "null";
  }
  return "?";
}

JsonKind kind_of(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  switch (at == std::string_view::npos ? '\0' : text[at]) {
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case '"':
      return JsonKind::string;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

std::optional<JsonFlaw> scan_json(std::string_view text, Constants constants, OnMember on_member,
                                  void* context) {
  thread_local JsonTokens tokens;
  auto flaw = tokens.find(text);
  if (!flaw) flaw = Walk(text, tokens, constants).run(on_member, context);
  tokens.trim();
  return flaw;
}

std::string describe(const JsonFlaw& flaw) {
  return std::string(flaw.what) + " at byte " + std::to_string(flaw.position);
}

}  // namespace ordeal::pool::wire
