// The quick look at short arguments may say no of anything; what it says yes of must be right.
#include "pool/wire/plain_json.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "pool/wire/json_scan.hpp"

namespace ordeal::pool::wire {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

auto note_in(Members& members) {
  return [&members](std::string_view key, std::string_view value) {
    members.emplace_back(key, value);
  };
}

bool is_an_object(const std::string& text) {
  return !scan_json(text, Constants::refused, nullptr, nullptr) &&
         kind_of(text) == JsonKind::object;
}

TEST(PlainJson, KnowsWhatMostArgumentsAreMadeOf) {
  for (const char* text :
       {"{}", R"({"payload":"a text of more than eight bytes"})", R"({"ms":1})",
        R"({"a": [1, -20, 0], "b": {"c": true, "d": false, "e": null}, "f": [[], {}]})"}) {
    EXPECT_TRUE(is_plainly_an_object(text)) << text;
    EXPECT_TRUE(is_an_object(text)) << text;
  }
}

TEST(PlainJson, LeavesTheUnusualToACloserLook) {
  for (const char* text : {R"({"a":"\n"})", R"({"a":"é"})", R"({"a":1.5})", "{\n}", " {}", "{} "}) {
    EXPECT_FALSE(is_plainly_an_object(text)) << text;
    EXPECT_TRUE(is_an_object(text)) << text;
  }
  EXPECT_FALSE(is_plainly_an_object(R"({"a":")" + std::string(1000, 'x') + R"("})"));
}

TEST(PlainJson, IsNotFooledByWhatIsNoObject) {
  for (const char* text : {"",
                           "[]",
                           "1",
                           "{",
                           "}",
                           "{]",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({,})",
                           R"({"a":01})",
                           R"({"a":-})",
                           R"({"a":truer})",
                           R"({"a":1 2})",
                           R"({"a":"b)",
                           R"({"a":1}})",
                           R"({1:1})",
                           R"({"a":[1}])",
                           R"({"a":NaN})",
                           R"({"a":"12345678
"})"}) {
    EXPECT_FALSE(is_plainly_an_object(text)) << text;
    EXPECT_FALSE(is_an_object(text)) << text;
  }
}

// Good texts, and what is left of them after a few bytes have been changed, put in or taken out.
TEST(PlainJsonProperty, SaysYesOfNothingButObjects) {
  EXPECT_TRUE(rc::check("whatever is plainly an object is one", [] {
    static const std::string bytes =
        std::string("{}[]\":,truefalsn0123-.eE \\x\x01\x1f\x7f\x80\xc3");
    std::string text = *rc::gen::element<std::string>(
        R"({"payload":"sixteen bytes and more"})", R"({"a":1,"b":[true,null,-12],"c":{"d":"e f"}})",
        R"({"k": [1, {"x": "y"}]})", "{}");
    const auto edits = *rc::gen::container<std::vector<std::pair<std::uint8_t, std::uint8_t>>>(
        rc::gen::arbitrary<std::pair<std::uint8_t, std::uint8_t>>());
    for (const auto& [where, what] : edits) {
      const std::size_t at = where % (text.size() + 1);
      if (what % 3 == 0 && at < text.size()) text.erase(at, 1);
      if (what % 3 == 1) text.insert(at, 1, bytes[what % bytes.size()]);
      if (what % 3 == 2 && at < text.size()) text[at] = bytes[what % bytes.size()];
    }
    const bool plainly = is_plainly_an_object(text);
    RC_CLASSIFY(plainly);
    RC_ASSERT(!plainly || is_an_object(text));
    Members close_look;
    const auto flaw = scan_members(text, Constants::refused, note_in(close_look));
    RC_ASSERT(is_an_object(text) == (!flaw && kind_of(text) == JsonKind::object));
    Members members;
    const bool is_object = scan_object(
        text, [&] { members.clear(); }, note_in(members));
    RC_ASSERT(is_object == is_an_object(text));
    RC_ASSERT(!is_object || members == close_look);
  }));
}

TEST(PlainJson, TellsTheMembersOfTheOutermostObject) {
  Members members;
  EXPECT_TRUE(scan_object(R"({"a": 1, "b":{"c":[2]} ,"d":"e"})", [] {}, note_in(members)));
  EXPECT_EQ(members, (Members{{"a", "1"}, {"b", R"({"c":[2]})"}, {"d", R"("e")"}}));
}

// The quick look gives up at the escape, when it has told of the first member.
TEST(PlainJson, BeginsAnewWhereACloserLookIsNeeded) {
  Members members;
  EXPECT_TRUE(scan_object(R"({"a":1,"\u0062":"\n"})", [&] { members.clear(); }, note_in(members)));
  EXPECT_EQ(members, (Members{{"a", "1"}, {"b", R"("\n")"}}));
}

}  // namespace
}  // namespace ordeal::pool::wire
