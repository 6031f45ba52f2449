#include "chaos/report/report.hpp"

#include <fstream>
#include <string_view>

namespace ordeal::chaos {
namespace {

// report/page.html, built in (report/CMake: page.S).
extern "C" const char ordeal_chaos_page_begin[];
extern "C" const char ordeal_chaos_page_end[];

constexpr std::string_view mark = "@JOURNAL@";

// "</script>" inside a text would end the page's data.
void write_safely(std::ofstream& page, std::string_view line) {
  for (const char letter : line) {
    if (letter == '<') {
      page << "\\u003c";
    } else {
      page << letter;
    }
  }
}

}  // namespace

Attempt<void> write_report(const std::string& journal_file, const std::string& page_file) {
  std::ifstream journal{journal_file};
  if (!journal) return tl::unexpected(journal_file + ": cannot read");
  std::ofstream page{page_file};
  const std::string_view shell{
      ordeal_chaos_page_begin,
      static_cast<std::size_t>(ordeal_chaos_page_end - ordeal_chaos_page_begin)};
  const std::size_t at = shell.find(mark);
  page << shell.substr(0, at) << "[";
  bool first = true;
  for (std::string line; std::getline(journal, line);) {
    if (!json::accept(line)) continue;  // the last line of a run that was killed
    page << (first ? "\n" : ",\n");
    write_safely(page, line);
    first = false;
  }
  page << "\n]" << shell.substr(at + mark.size());
  page.flush();
  if (!page) return tl::unexpected(page_file + ": cannot write");
  return {};
}

}  // namespace ordeal::chaos
