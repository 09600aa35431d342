// SPDX-License-Identifier: BSD-3-Clause
// The cutter: one pass over the line.
#include "control/cli/tokens.hh"

namespace fairlead::cli {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

class Cutter {
 public:
  explicit Cutter(std::string_view line) : line_(line) {}

  base::Result<std::vector<Token>> run() {
    while (skip_blanks()) {
      if (line_[at_] == '|') {
        tokens_.push_back(Token{"|", false, true, at_++});
      } else {
        FL_TRY(word());
      }
    }
    return std::move(tokens_);
  }

 private:
  /// False at the end of the line or at a comment.
  bool skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    return at_ < line_.size() && line_[at_] != '#';
  }

  base::Result<void> word() {
    Token token{"", false, false, at_};
    while (at_ < line_.size() && !is_blank(line_[at_]) && line_[at_] != '|') {
      const char c = line_[at_];
      if (c == '"' || c == '\'') {
        const std::size_t close = line_.find(c, at_ + 1);
        if (close == std::string_view::npos) {
          return base::invalid(
              "quote opened in column " + std::to_string(at_ + 1) + " is not closed"
          );
        }
        token.text += line_.substr(at_ + 1, close - at_ - 1);
        token.quoted = true;
        at_ = close + 1;
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        return base::invalid("control character in column " + std::to_string(at_ + 1));
      }
      token.text += c;
      ++at_;
    }
    tokens_.push_back(std::move(token));
    return {};
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

base::Result<std::vector<Token>> tokenize(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  return Cutter(line).run();
}

base::Result<std::vector<Token>> tokens_of(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return tokenize(arguments.front());
  std::vector<Token> tokens;
  for (const std::string& argument : arguments) {
    for (const char c : argument) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        return base::invalid("control character in an argument");
      }
    }
    tokens.push_back(Token{argument, false, argument == "|", 0});
  }
  return tokens;
}

}  // namespace fairlead::cli
