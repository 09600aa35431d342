// SPDX-License-Identifier: BSD-3-Clause
// Options may stand anywhere; "--" ends them.
#include "control/cli/options.hh"

#include <optional>
#include <string_view>

#include "control/cli/nearest.hh"
#include "control/cli/values.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

struct Option {
  std::string_view name;
  std::string_view value;  // empty: takes none
  std::string_view help;
  base::Result<void> (*set)(Options& options, const std::string& value);
};

base::Result<void> set_place(std::string& field, const std::string& value, Options& options) {
  const Selection& s = options.settings.selection;
  if (!s.socket.empty() || !s.runtime_dir.empty() || !s.node.empty()) {
    return base::invalid("give one of --socket, --runtime-dir and --node");
  }
  if (value.empty()) return base::invalid("the place of the node is empty");
  field = value;
  return {};
}

base::Result<void> set_node(Options& options, const std::string& value) {
  if (value.find('/') != std::string::npos || value == "." || value == "..") {
    return base::invalid(
        "--node " + base::quoted(value) + ": is a node's id, not a path; use --runtime-dir"
    );
  }
  return set_place(options.settings.selection.node, value, options);
}

base::Result<void> set_timeout(Options& options, const std::string& value) {
  const auto interval = parse_interval(value);
  if (!interval) return base::annotate("--timeout", interval.error());
  options.settings.timeout = *interval;
  return {};
}

base::Result<void> set_file(Options& options, const std::string& value) {
  if (!options.file.empty()) return base::invalid("-f: give one file");
  if (value.empty()) return base::invalid("-f: the file's name is empty");
  options.file = value;
  return {};
}

template <Mode M>
base::Result<void> set_mode(Options& options, const std::string&) {
  options.mode = M;
  return {};
}

const std::vector<Option>& all_options() {
  static const std::vector<Option> options = {
      {"--json",
       "",
       "every reply as one line of JSON",
       [](Options& o, const std::string&) -> base::Result<void> {
         o.settings.json = true;
         return {};
       }},
      {"--node", "ID", "the node whose runtime directory is /run/fairlead/ID", set_node},
      {"--runtime-dir",
       "DIR",
       "the node with this runtime directory",
       [](Options& o, const std::string& v) {
         return set_place(o.settings.selection.runtime_dir, v, o);
       }},
      {"--socket",
       "PATH",
       "the node with this control.sock (also: FAIRLEAD_SOCKET)",
       [](Options& o, const std::string& v) {
         return set_place(o.settings.selection.socket, v, o);
       }},
      {"--timeout", "TIME", "longest wait for an answer, 5s if left out", set_timeout},
      {"-f", "FILE", "commands from a file, - for standard input", set_file},
      {"--cmdline-file", "FILE", "the same as -f", set_file},
      {"--keep-going",
       "",
       "go on after a line that failed",
       [](Options& o, const std::string&) -> base::Result<void> {
         o.after = AfterError::kKeepGoing;
         return {};
       }},
      {"--help", "", "this text and all commands", set_mode<Mode::kHelp>},
      {"--version", "", "the version", set_mode<Mode::kVersion>},
      {"--manual", "", "the manual page, for man", set_mode<Mode::kManual>},
      {"--reference", "", "the commands as Markdown, for docs/cli.md", set_mode<Mode::kReference>},
  };
  return options;
}

base::Result<const Option*> option_named(const std::string& name) {
  std::vector<std::string> known;
  for (const Option& option : all_options()) {
    if (option.name == (name == "-h" ? "--help" : name)) return &option;
    known.emplace_back(option.name);
  }
  const std::string guess = did_you_mean(name, known);
  return base::invalid(
      "unknown option " + base::quoted(name) + (guess.empty() ? "; --help lists them" : guess)
  );
}

}  // namespace

base::Result<Options> parse_options(
    const std::vector<std::string>& arguments, const std::string& environment_socket
) {
  Options options;
  bool only_words = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    // "ipvs -L -n": these are words.
    only_words = only_words || (!options.words.empty() && options.words.front() == "ipvs" &&
                                argument.rfind("--json", 0) != 0);
    if (only_words || argument.size() < 2 || argument[0] != '-') {
      options.words.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_words = true;
      continue;
    }
    const std::size_t equals =
        argument.rfind("--", 0) == 0 ? argument.find('=') : std::string::npos;
    FL_ASSIGN(const Option* option, option_named(argument.substr(0, equals)));
    std::optional<std::string> value;
    if (equals != std::string::npos) value = argument.substr(equals + 1);
    if (option->value.empty() && value) {
      return base::invalid(std::string(option->name) + " takes no value");
    }
    if (!option->value.empty() && !value) {
      if (i + 1 == arguments.size()) {
        return base::invalid(
            std::string(option->name) + ": " + std::string(option->value) + " is missing"
        );
      }
      value = arguments[++i];
    }
    FL_TRY(option->set(options, value.value_or("")));
  }
  Selection& selection = options.settings.selection;
  if (selection.socket.empty() && selection.runtime_dir.empty() && selection.node.empty()) {
    selection.socket = environment_socket;
  }
  if (!options.file.empty() && !options.words.empty()) {
    return base::invalid("give -f FILE or a command, not both");
  }
  return options;
}

std::string usage() {
  std::string text =
      "usage: fairlead [OPTION...] COMMAND...    one command\n"
      "       fairlead [OPTION...] -f FILE       a file of commands\n"
      "       fairlead [OPTION...]               a prompt, or commands from standard input\n\n";
  for (const Option& option : all_options()) {
    std::string line = "  " + std::string(option.name) + " " + std::string(option.value);
    line.resize(24, ' ');
    text += line + std::string(option.help) + "\n";
  }
  return text + "\nexit status: 0 done, 1 could not be done, 2 wrong input\n\n";
}

}  // namespace fairlead::cli
