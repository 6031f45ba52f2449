// The texts of sessions: what is read from arguments, what is spliced into them, what is kept.
#include <gtest/gtest.h>

#include "pool/runtime/session_text.hpp"

namespace ordeal::pool::runtime {
namespace {

const SessionCommand& execute = session_command_for(SessionMeaning::execute);

TEST(SessionText, AddsARecordBehindTheCallersOwnMembers) {
  EXPECT_EQ(with_record(R"({"program_id":"}"})", "program_data", R"({"id":"}"})"),
            R"({"program_id":"}","program_data":{"id":"}"}})");
  EXPECT_EQ(with_record(R"( { "a" : 1e400 } )", "data", "{}"), R"( { "a" : 1e400 ,"data":{}} )");
  EXPECT_EQ(with_record(R"({"data":null})", "data", "{}"), R"({"data":null,"data":{}})")
      << "of two the last counts";
}

TEST(SessionText, ReadsWhatTheArgumentsSay) {
  const auto read = [](std::string_view text) { return read_arguments(text, &execute); };
  EXPECT_EQ(read(R"({"program_id":"p\u00e4"})").program, "pä");
  EXPECT_EQ(read(R"({"program\u005fid":"p"})").program, "p") << "an escaped key is that key";
  EXPECT_EQ(read(R"({"program_id":"a","program_id":"b"})").program, "b") << "the last counts";
  for (const char* none : {"{}", R"({"program_id":7})", R"({"program_id":""})",
                           R"({"deep":{"program_id":"p"}})", R"({"id":"p"})"}) {
    EXPECT_FALSE(read(none).has_program) << none;
    EXPECT_TRUE(read(none).is_object) << none;
  }
  EXPECT_TRUE(read(R"({"program_data":{}})").has_data);
  EXPECT_FALSE(read(R"({"program_data":null})").has_data);
  for (const char* wrong : {"", "[]", "\"{}\"", "{", "{}{}", R"({"a":NaN})"}) {
    EXPECT_FALSE(read(wrong).is_object) << wrong;
  }
}

TEST(SessionText, SaysInShortWhetherArgumentsNameASession) {
  const std::string long_text(1000, 'x');  // beyond what the quick look looks at
  for (const std::string& other :
       {std::string{"{}"}, std::string{" { } "}, std::string{R"({"a":1})"},
        std::string{R"({"a":{"session_id":"s"}})"}, std::string{R"({"a":"session_id","b":[{}]})"},
        R"({"a":")" + long_text + R"("})"}) {
    EXPECT_TRUE(is_object_without_session(other)) << other;
  }
  for (const std::string& otherwise :
       {std::string{R"({"session_id":"s"})"}, std::string{R"({"a":1,"session_id":null,"b":2})"},
        std::string{R"({"session\u005fid":"s"})"}, std::string{"[]"}, std::string{"{"},
        std::string{}, R"({"a":")" + long_text + R"(","session_id":1})"}) {
    EXPECT_FALSE(is_object_without_session(otherwise)) << otherwise;
  }
}

TEST(SessionText, KeepsOfTheArgumentsOnlyHowToBuildTheProgram) {
  EXPECT_EQ(make_record("p", R"({"id":"p","signature":{"n":1e400},"api_key":"secret"})",
                        R"({"program_id":"p","field_mapping":{"a":"b"}})"),
            R"({"id":"p","program_id":"p","field_mapping":{"a":"b"},"signature":{"n":1e400}})");
  EXPECT_EQ(make_record("p", R"({"signature":1,"program_type":"chain_of_thought"})",
                        R"({"id":"other","signature":2,"session_id":"s"})"),
            R"({"id":"p","signature":2,"program_type":"chain_of_thought"})")
      << "the worker knows better than its caller, but not the program's name";
}

TEST(SessionText, KeepsWhatTheCallerGaveIfTheResultCannotTravel) {
  for (const char* result : {R"({"x":1,"signature":NaN})", "[1]", "null", "\"text\""}) {
    EXPECT_EQ(make_record("p", R"({"signature":{}})", result), R"({"id":"p","signature":{}})")
        << result;
  }
}

TEST(SessionText, KnowsAnExistingProgramByEitherKindOfError) {
  const auto says = [](std::string type, std::string message) {
    Error error = make_error(ErrorCode::application_error, message);
    error.application =
        std::make_shared<const ApplicationError>(ApplicationError{type, message, "", {}});
    return says_exists(error);
  };
  EXPECT_TRUE(says("ProgramExists", "in any words"));
  EXPECT_TRUE(says("", "Program with ID 'p' already exists"));
  EXPECT_TRUE(says("", "ProgramExists: Program with ID 'p' already exists"));
  EXPECT_FALSE(says("ValueError", "Program with ID 'p' already exists"));
  EXPECT_FALSE(says("", "the file already exists"));
  EXPECT_TRUE(says_exists(program_exists("p")));
  EXPECT_FALSE(says_exists(program_not_found("p")));
}

TEST(SessionText, AnswersInABridgesWords) {
  const store::Program program{.id = "a\"b",
                               .record = R"({"signature":{"inputs":["q"]}})",
                               .created_at = store::Milliseconds{1'700'000'000'007},
                               .executions = 2,
                               .executed_at = store::Milliseconds{1'700'000'001'000}};
  EXPECT_EQ(program_answer(program),
            R"({"program_id":"a\"b","created_at":1700000000.007,"execution_count":2,)"
            R"("last_executed":1700000001.000,"signature":{"inputs":["q"]}})");
  EXPECT_EQ(programs_answer({}), R"({"programs":[],"total_count":0})");
  EXPECT_EQ(programs_answer({{.id = "p", .record = "{}"}}),
            R"({"programs":[{"id":"p","created_at":0.000,"execution_count":0,)"
            R"("last_executed":null,"signature":null}],"total_count":1})");
}

TEST(SessionText, HasARowForEachMeaning) {
  EXPECT_EQ(session_commands().size(), 6U);
  for (const SessionCommand& row : session_commands()) {
    EXPECT_EQ(find_session_command(row.command), &row);
    EXPECT_EQ(&session_command_for(row.meaning), &row);
  }
  EXPECT_EQ(find_session_command("echo"), nullptr);
}

}  // namespace
}  // namespace ordeal::pool::runtime
