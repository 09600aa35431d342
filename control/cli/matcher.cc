// SPDX-License-Identifier: BSD-3-Clause
// A small non-deterministic automaton: a value that is also the beginning of a keyword is followed
// both ways, and the reading that ends first in a complete command wins.
#include "control/cli/matcher.hh"

#include <algorithm>
#include <optional>

#include "control/cli/nearest.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

void add_once(std::vector<std::string>& words, const std::string& word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

std::string shown(const Expected& expected) {
  return expected.kind ? expected.word + " (" + std::string(expected.kind->form) + ")"
                       : expected.word;
}

/// The value behind a keyword that follows a value or begins an option; null if there is none, or
/// if the keyword is of the command's name.
const ValueKind* value_behind(const Pattern& pattern, std::size_t required) {
  const auto begin = pattern.required.begin();
  const auto here = begin + static_cast<std::ptrdiff_t>(required);
  const bool in_name = std::none_of(begin, here, [](const Element& e) { return e.kind; });
  return in_name || here + 1 == pattern.required.end() ? nullptr : here[1].kind;
}

}  // namespace

Matcher::Matcher(const std::vector<Pattern>& patterns, std::string noun) : noun_(std::move(noun)) {
  for (const Pattern& pattern : patterns) {
    Reading reading;
    reading.call.pattern = &pattern;
    readings_.push_back(std::move(reading));
  }
}

void Matcher::add_steps(const Reading& reading, std::vector<Step>& steps) {
  const Pattern& pattern = *reading.call.pattern;
  if (reading.group != kNoGroup) {
    steps.push_back(
        {&reading, reading.group, &pattern.groups[reading.group].elements[reading.inside]}
    );
    return;
  }
  bool stands_alone = false;
  for (std::size_t g = 0; g < pattern.groups.size(); ++g) {
    stands_alone = stands_alone || (pattern.groups[g].alone && (reading.used >> g & 1U) != 0);
  }
  // A group does not come between a keyword and its value.
  const bool value_next =
      reading.next < pattern.required.size() && pattern.required[reading.next].kind != nullptr;
  for (std::size_t g = 0; g < pattern.groups.size() && !stands_alone; ++g) {
    const Group& group = pattern.groups[g];
    const bool used = (reading.used >> g & 1U) != 0;
    if (used || group.after > reading.next || (group.alone && reading.used != 0)) continue;
    if (value_next && group.after < reading.next) continue;
    steps.push_back({&reading, g, &group.elements.front()});
  }
  if (reading.next < pattern.required.size()) {
    steps.push_back({&reading, kNoGroup, &pattern.required[reading.next]});
  }
}

std::vector<Matcher::Step> Matcher::steps() const {
  std::vector<Step> all;
  for (const Reading& reading : readings_) add_steps(reading, all);
  return all;
}

Matcher::Reading Matcher::advance(const Step& step) {
  Reading after = *step.from;
  if (step.group == kNoGroup) {
    ++after.next;
    return after;
  }
  const Group& group = after.call.pattern->groups[step.group];
  after.inside = after.group == kNoGroup ? 1 : after.inside + 1;
  after.group = step.group;
  if (after.inside == group.elements.size()) {
    if (group.elements.size() == 1 && group.elements[0].kind == nullptr) {
      after.call.flags.push_back(group.elements[0].word);
    }
    after.used |= 1U << step.group;
    after.group = kNoGroup;
    after.inside = 0;
  }
  return after;
}

base::Result<void> Matcher::take(const Token& token) {
  const std::vector<Step> all = steps();
  const std::string& text = token.text;
  std::vector<std::string> fitting;  // keywords that begin with the word
  bool exact = false;
  for (const Step& step : all) {
    if (step.element->kind || token.quoted || text.empty()) continue;
    if (step.element->word == text) exact = true;
    if (step.element->word.rfind(text, 0) == 0) add_once(fitting, step.element->word);
  }
  std::vector<Reading> next;
  std::optional<base::Error> bad_value;
  for (const Step& step : all) {  // values first: they win over abbreviated keywords
    if (!step.element->kind || exact) continue;
    Reading after = advance(step);
    if (auto stored = step.element->kind->store(text, after.call.arguments); stored) {
      next.push_back(std::move(after));
    } else if (!bad_value) {
      bad_value = stored.error();
    }
  }
  if (exact || fitting.size() == 1) {
    const std::string& word = exact ? text : fitting.front();
    for (const Step& step : all) {
      if (!step.element->kind && step.element->word == word) next.push_back(advance(step));
    }
  } else if (fitting.size() > 1 && next.empty()) {
    return base::invalid(
        before_ + (before_.empty() ? "" : ": ") + base::quoted(text) + " could be " +
        enumerate(fitting)
    );
  }
  if (next.empty()) {
    if (bad_value) return tl::unexpected<base::Error>(*bad_value);
    return tl::unexpected<base::Error>(refusal(token, all));
  }
  readings_ = std::move(next);
  before_ += (before_.empty() ? "" : " ") + base::excerpt(text);
  return {};
}

base::Error Matcher::refusal(const Token& token, const std::vector<Step>& all) const {
  std::vector<std::string> words;
  for (const Step& step : all) add_once(words, step.element->word);
  const std::string context = before_.empty() ? "" : before_ + ": ";
  const std::string guess = did_you_mean(token.text, words);
  std::string what = context + "unknown word " + base::quoted(token.text);
  if (before_.empty()) what = "unknown " + noun_ + " " + base::quoted(token.text);
  if (words.empty()) {
    what = context + "nothing may follow, but there is " + base::quoted(token.text);
  } else if (!guess.empty()) {
    what += guess;
  } else {
    what += ", expected " + enumerate(words);
  }
  return base::Error{base::ErrorCode::kInvalidArgument, what};
}

std::vector<Expected> Matcher::expected() const {
  std::vector<Expected> items;
  for (const Step& step : steps()) {
    const Pattern& pattern = *step.from->call.pattern;
    Expected item{step.element->word, step.element->kind, ""};
    const ValueKind* told = item.kind;
    if (!told && step.group == kNoGroup) told = value_behind(pattern, step.from->next);
    if (!told && step.group != kNoGroup) {
      const auto& elements = pattern.groups[step.group].elements;
      const std::size_t behind = step.from->group == kNoGroup ? 1 : step.from->inside + 1;
      if (behind < elements.size()) told = elements[behind].kind;
    }
    item.help = told ? told->form : pattern.rule->help;
    const auto same = std::find(items.begin(), items.end(), item);
    if (same == items.end()) {
      items.push_back(std::move(item));
    } else if (!same->kind && same->help != item.help) {
      same->help = "several commands; ? behind it lists them";
    }
  }
  return items;
}

bool Matcher::ended(const Reading& reading) {
  return reading.group == kNoGroup && reading.next == reading.call.pattern->required.size();
}

bool Matcher::complete() const {
  return std::any_of(readings_.begin(), readings_.end(), ended);
}

base::Result<Call> Matcher::finish() const {
  const auto done = std::find_if(readings_.begin(), readings_.end(), ended);
  if (done != readings_.end()) return done->call;
  std::vector<std::string> words;
  for (const Expected& item : expected()) add_once(words, shown(item));
  return base::invalid(before_ + ": expected " + enumerate(words));
}

}  // namespace fairlead::cli
