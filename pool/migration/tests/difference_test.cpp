// What counts as a difference between two versions' answers, and what does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pool/migration/difference.hpp"

namespace ordeal::pool::migration {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Answer reply(std::string text) { return Reply{.result_text = std::move(text)}; }

Answer failed(ErrorCode code, const std::string& type = "") {
  Error error = make_error(code, "secret words");
  if (!type.empty()) {
    error.application = std::make_shared<ApplicationError>(ApplicationError{.type = type});
  }
  return tl::unexpected(std::move(error));
}

std::vector<Difference> between(std::string first, std::string second, CompareRules rules = {}) {
  return compare(reply(std::move(first)), reply(std::move(second)), rules);
}

TEST(Difference, TheOrderOfMembersAndTheWayANumberIsWrittenSayNothing) {
  EXPECT_THAT(between(R"({"a": 1, "b": [2, {}]})", R"({"b":[2e0,{ }],"a":1.0})"), IsEmpty());
}

TEST(Difference, EachKindIsNamedWithItsPlace) {
  EXPECT_THAT(between(R"({"a": {"b": 1}})", R"({"a": {}})"),
              ElementsAre(Difference{DifferenceKind::missing_member, "/a/b"}));
  EXPECT_THAT(between(R"({"a": {}})", R"({"a": {"b": null}})"),
              ElementsAre(Difference{DifferenceKind::new_member, "/a/b"}));
  EXPECT_THAT(between(R"({"a": "1"})", R"({"a": 1})"),
              ElementsAre(Difference{DifferenceKind::type, "/a"}));
  EXPECT_THAT(between(R"([[1], 2])", R"([[1, 2], 2])"),
              ElementsAre(Difference{DifferenceKind::length, "/0"}));
  EXPECT_THAT(between(R"(["a", "b"])", R"(["a", "c"])"),
              ElementsAre(Difference{DifferenceKind::value, "/1"}));
  EXPECT_THAT(between("1", "true"), ElementsAre(Difference{DifferenceKind::type, ""}));
}

TEST(Difference, AllOfThemAreFoundUpToABound) {
  EXPECT_THAT(between(R"({"a": 1, "b": 2, "c": 3})", R"({"a": 2, "b": 2, "d": 3})"),
              ElementsAre(Difference{DifferenceKind::value, "/a"},
                          Difference{DifferenceKind::missing_member, "/c"},
                          Difference{DifferenceKind::new_member, "/d"}));
  std::string zeros = "[0";
  std::string ones = "[1";
  for (int i = 0; i < 40; ++i) {
    zeros += ",0";
    ones += ",1";
  }
  EXPECT_THAT(between(zeros + "]", ones + "]"), SizeIs(differences_max));
}

TEST(Difference, NamesAreEscapedAsPointersAre) {
  EXPECT_THAT(between(R"({"a/b~": 1})", R"({"a/b~": 2})"),
              ElementsAre(Difference{DifferenceKind::value, "/a~1b~0"}));
}

TEST(Difference, WhatIsIgnoredMayDifferAndNothingElseMay) {
  const CompareRules rules{.ignore = {"/usage/*", "/items/*/id"}};
  EXPECT_THAT(between(R"({"usage": {"ms": 3}, "items": [{"id": 1, "n": 1}]})",
                      R"({"usage": {"ms": 4}, "items": [{"id": 2, "n": 2}]})", rules),
              ElementsAre(Difference{DifferenceKind::value, "/items/0/n"}));
  EXPECT_THAT(between(R"({"usage": {"ms": 3}})", R"({"usage": 3})", rules),
              ElementsAre(Difference{DifferenceKind::type, "/usage"}))
      << "what lies below may differ, not the place itself";
  EXPECT_THAT(between("1", "2", {.ignore = {""}}), IsEmpty());
}

TEST(Difference, NumbersMayBeAsFarApartAsTheToleranceSays) {
  const CompareRules rules{.tolerance = 0.01};
  EXPECT_THAT(between("[100, -1.0]", "[100.9, -1.005]", rules), IsEmpty());
  EXPECT_THAT(between("100", "102", rules), SizeIs(1));
  EXPECT_THAT(between("100", "101"), SizeIs(1));
  EXPECT_THAT(between("9007199254740993", "9007199254740992"), SizeIs(1)) << "beyond a double";
}

TEST(Difference, OneVersionFailsOrBothForDifferentReasons) {
  EXPECT_THAT(compare(reply("1"), failed(ErrorCode::application_error, "KeyError"), {}),
              ElementsAre(Difference{DifferenceKind::outcome, "ok > application_error:KeyError"}));
  EXPECT_THAT(compare(failed(ErrorCode::call_timeout), reply("1"), {}),
              ElementsAre(Difference{DifferenceKind::outcome, "call_timeout > ok"}));
  EXPECT_THAT(compare(failed(ErrorCode::application_error, "KeyError"),
                      failed(ErrorCode::application_error, "ValueError"), {}),
              ElementsAre(Difference{DifferenceKind::error,
                                     "application_error:KeyError > application_error:ValueError"}));
  EXPECT_THAT(compare(failed(ErrorCode::worker_died), failed(ErrorCode::worker_died), {}),
              IsEmpty());
}

TEST(Difference, AResultThatCannotBeReadIsDifferentUnlessItIsTheSameText) {
  EXPECT_THAT(between("NaN", "NaN"), IsEmpty());
  EXPECT_THAT(between("NaN", "1"), ElementsAre(Difference{DifferenceKind::value, ""}));
}

TEST(Difference, AnswersThatSayNothingOfTheVersionAreTold) {
  EXPECT_TRUE(says_something(reply("1")));
  EXPECT_TRUE(says_something(failed(ErrorCode::application_error)));
  EXPECT_TRUE(says_something(failed(ErrorCode::worker_died)));
  EXPECT_TRUE(says_something(failed(ErrorCode::workers_unavailable)));
  EXPECT_FALSE(says_something(failed(ErrorCode::queue_full)));
  EXPECT_FALSE(says_something(failed(ErrorCode::cancelled_in_flight)));
  EXPECT_FALSE(says_something(failed(ErrorCode::invalid_arguments)));
}

TEST(Difference, RulesThatMeanNothingAreNamed) {
  EXPECT_THAT(broken_rule({.ignore = {"usage"}}),
              "compare.ignore 'usage': a JSON pointer begins with '/', such as /usage/*");
  EXPECT_THAT(broken_rule(CompareRules{.tolerance = 1}),
              "compare.tolerance 1: at least 0 and below 1");
  EXPECT_THAT(broken_rule({.ignore = {"/a", ""}, .tolerance = 0.5}), "");
}

}  // namespace
}  // namespace ordeal::pool::migration
