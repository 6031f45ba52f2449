// What counts as JSON, said value by value.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "pool/wire/json_scan.hpp"
#include "pool/wire/json_text.hpp"
#include "pool/wire/tests/wire_stage.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::pool::wire {
namespace {

std::string flaw_of(std::string_view text, Constants constants = Constants::refused) {
  const auto flaw = scan_json(text, constants, nullptr, nullptr);
  return flaw ? describe(*flaw) : "";
}

TEST(Json, AcceptsWhatTheGrammarAccepts) {
  for (const std::string_view text :
       {"{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "-0.0e-10", "1E+2", "\"\"",
        "[[],{}]", "{\"a\":{\"a\":[]}}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\xc3\xa9\"",
        "{\"\":0}", "\t\r\n{\"a\" : 1 , \"b\" : [ 1 , 2 ] }\n"}) {
    EXPECT_EQ(flaw_of(text), "") << text;
  }
}

TEST(Json, AcceptsValuesThatOnlySomeTypesCanCarry) {
  cites(15);
  for (const std::string_view text :
       {"123456789012345678901234567890", "1e999", "-1e-999", "\"\\ud800\"", "\"\\udc80x\"",
        "{\"a\":1,\"a\":2}", "\"\\u0000\""}) {
    EXPECT_EQ(flaw_of(text), "") << text;
  }
}

TEST(Json, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string_view text;
    std::string_view flaw;
  };
  for (const auto& [text, flaw] : std::vector<Case>{
           {"", "there is no value at byte 0"},
           {"  ", "there is no value at byte 0"},
           {"{\"a\":1", "a comma or a closing bracket is missing at byte 6"},
           {"[1 2]", "a comma or a closing bracket is missing at byte 3"},
           {"[1}", "a comma or a closing bracket is missing at byte 2"},
           {"{\"a\":1]", "a comma or a closing bracket is missing at byte 6"},
           {"[", "text ends where a value must stand at byte 1"},
           {"[1,", "text ends where a value must stand at byte 3"},
           {"{", "text ends where a key must stand at byte 1"},
           {"{\"a\":1,", "text ends where a key must stand at byte 7"},
           {"{\"a\"", "a colon is missing at byte 4"},
           {"{\"a\",1}", "a colon is missing at byte 4"},
           {"{\"a\":", "text ends where a value must stand at byte 5"},
           {"{a:1}", "a key is not a string at byte 1"},
           {"{1:1}", "a key is not a string at byte 1"},
           {"{\"a\":1,}", "a key is not a string at byte 7"},
           {"[1,]", "a value cannot be read at byte 3"},
           {"]", "a value cannot be read at byte 0"},
           {"tru", "a value cannot be read at byte 0"},
           {"truex", "a value cannot be read at byte 0"},
           {"nul", "a value cannot be read at byte 0"},
           {"01", "a value cannot be read at byte 0"},
           {"-", "a value cannot be read at byte 0"},
           {"+1", "a value cannot be read at byte 0"},
           {".5", "a value cannot be read at byte 0"},
           {"1.", "a value cannot be read at byte 0"},
           {"1e", "a value cannot be read at byte 0"},
           {"1e+", "a value cannot be read at byte 0"},
           {"0x10", "a value cannot be read at byte 0"},
           {"1\"a\"", "a value cannot be read at byte 0"},
           {"'a'", "a value cannot be read at byte 0"},
           {"NaN", "a value cannot be read at byte 0"},
           {"[Infinity]", "a value cannot be read at byte 1"},
           {"-Infinity", "a value cannot be read at byte 0"},
           {"\"a\" 1", "text goes on behind its value at byte 4"},
           {"{}{}", "text goes on behind its value at byte 2"},
           {"1]", "text goes on behind its value at byte 1"},
           {"\"a", "a string has no end at byte 2"},
           {"[\"a\\\"]", "a string has no end at byte 6"},
           {"\"a\\xb\"", "a string contains an unknown escape at byte 2"},
           {"\"\\u12\"", "a string contains an unknown escape at byte 1"},
           {"\"\\u12g4\"", "a string contains an unknown escape at byte 1"},
           {"{\"\\q\":1}", "a key contains an unknown escape at byte 2"},
           {"[\"\\\"\", \"a\nb\"]", "a string contains a bare control character at byte 9"},
           {"\"\xff\"", "bytes are not UTF-8 at byte 1"},
           {"\"\xc3\xa9\xed\xa0\x80\"", "bytes are not UTF-8 at byte 3"},
           {"\xef\xbb\xbf{}", "a value cannot be read at byte 0"},
       }) {
    EXPECT_EQ(flaw_of(text), flaw) << text;
  }
}

TEST(Json, LetsPythonsConstantsPassWhereAskedTo) {
  EXPECT_EQ(flaw_of("[NaN,Infinity,-Infinity]", Constants::passed), "");
  EXPECT_EQ(flaw_of("[nan]", Constants::passed), "a value cannot be read at byte 1");
  EXPECT_EQ(flaw_of("[-NaN]", Constants::passed), "a value cannot be read at byte 1");
}

TEST(Json, Nests1024LevelsDeepAndNoDeeper) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(flaw_of(nested(1024)), "");
  EXPECT_EQ(flaw_of(nested(1025)), "values are nested deeper than 1024 levels at byte 1024");
  EXPECT_EQ(flaw_of(std::string(1'000'000, '[')),
            "values are nested deeper than 1024 levels at byte 1024");
}

// Every text of up to five tokens from a small box, against another parser.
TEST(Json, AgreesWithNlohmannOnEveryShortText) {
  cites(15);
  const std::vector<std::string_view> box{"{", "}", "[", "]", ",", ":", "\"a\"", "-1", " ", "\""};
  std::vector<std::size_t> picked;
  std::size_t texts = 0;
  for (std::size_t length = 0; length <= 5; ++length) {
    picked.assign(length, 0);
    while (true) {
      std::string text;
      for (const std::size_t i : picked) text += box[i];
      ASSERT_EQ(flaw_of(text).empty(), nlohmann::json::accept(text)) << text;
      ++texts;
      std::size_t digit = 0;
      while (digit < length && ++picked[digit] == box.size()) picked[digit++] = 0;
      if (digit == length) break;
    }
  }
  EXPECT_EQ(texts, 111'111U);  // 10^0 + ... + 10^5
}

TEST(Members, AreTheOutermostObjectsOwnWithTheirExactText) {
  std::string seen;
  const auto flaw = scan_members(
      " {\"a\" : [1, {\"x\":2}] ,\"b\":\"q\" , \"\\u0063\":{ }, \"d\":1.0 }", Constants::refused,
      [&](auto key, auto value) { seen.append(key).append("=").append(value).append(";"); });
  EXPECT_FALSE(flaw);
  EXPECT_EQ(seen, "a=[1, {\"x\":2}];b=\"q\";c={ };d=1.0;");
  seen.clear();
  EXPECT_FALSE(
      scan_members("[{\"a\":1}]", Constants::refused, [&](auto key, auto) { seen.append(key); }));
  EXPECT_EQ(seen, "") << "an array has no members";
}

TEST(Unescaped, ResolvesEveryEscape) {
  EXPECT_EQ(unescaped("plain"), "plain");
  EXPECT_EQ(unescaped(R"(\"\\\/\b\f\n\r\t|\u0041\u00e9\u20ac\ud83d\ude00|)"),
            "\"\\/\b\f\n\r\t|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|");
  EXPECT_EQ(unescaped("\\u0000x"), std::string("\0x", 2));
}

TEST(Unescaped, ReplacesLoneSurrogates) {
  for (const std::string_view lone : {"\\ud800", "\\udbff", "\\udc00", "\\uDFFF"}) {
    EXPECT_EQ(unescaped(lone), "\xef\xbf\xbd") << lone;
  }
  EXPECT_EQ(unescaped("\\ud7ff\\ue000"), "\xed\x9f\xbf\xee\x80\x80") << "their neighbours are none";
  EXPECT_EQ(unescaped("a\\udc80b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(unescaped("\\ud800\\u0041"),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(unescaped("\\ud800"), "\xef\xbf\xbd");
}

TEST(Excerpt, ShowsAllBytesAndStaysShort) {
  EXPECT_EQ(excerpt("a\nb\\c\x7f\xff\t"), "a\\nb\\\\c\\x7f\\xff\\x09");
  EXPECT_EQ(excerpt(std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_EQ(excerpt(std::string(201, 'a')), std::string(197, 'a') + "...");
  EXPECT_LE(excerpt(std::string(1000, '\xff')).size(), excerpt_bytes_max);
  EXPECT_TRUE(excerpt(std::string(1000, '\xff')).ends_with("\\xff..."));
}

}  // namespace
}  // namespace ordeal::pool::wire
