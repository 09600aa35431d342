// SPDX-License-Identifier: BSD-3-Clause
// The only file that knows libedit.
#include "control/cli/interactive.hh"

#include <cstdlib>
#include <histedit.h>
#include <memory>

#include <unistd.h>

#include "control/cli/completion.hh"
#include "control/cli/run_commands.hh"
#include "control/cli/tokens.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

constexpr int kHistoryLines = 1000;
constexpr std::chrono::milliseconds kNamesTimeout{300};  // Tab must not feel stuck

char* prompt(EditLine*) {
  static char text[] = "fairlead> ";
  return text;
}

Completion completion_at_cursor(EditLine* editor, std::string& text) {
  const LineInfo* line = el_line(editor);
  text.assign(line->buffer, static_cast<std::size_t>(line->cursor - line->buffer));
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  auto* session = static_cast<Session*>(data);
  return complete(text, [session](NameSource source, const std::string& partial) {
    return source == NameSource::kFiles ? file_names(partial)
                                        : session->names(source, kNamesTimeout);
  });
}

unsigned char show_candidates(const Completion& completion) {
  std::fputs(("\n" + describe(completion)).c_str(), stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

unsigned char on_tab(EditLine* editor, int) {
  std::string text;
  const Completion completion = completion_at_cursor(editor, text);
  if (completion.insert.empty()) return show_candidates(completion);
  return el_insertstr(editor, completion.insert.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

unsigned char on_question_mark(EditLine* editor, int) {
  std::string text;
  const Completion completion = completion_at_cursor(editor, text);
  if (completion.takes_any || !tokenize(text)) {  // inside a regular expression or a quote
    return el_insertstr(editor, "?") == 0 ? CC_REFRESH : CC_ERROR;
  }
  return show_candidates(completion);
}

struct EndEditor {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct EndHistory {
  void operator()(History* history) const { history_end(history); }
};

std::string history_file() {
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
  return home && *home ? std::string(home) + "/.fairlead_history" : "";
}

void set_up(EditLine* editor, History* history, Session& session) {
  el_set(editor, EL_CLIENTDATA, &session);
  el_set(editor, EL_PROMPT, prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, ::history, history);
  el_set(editor, EL_ADDFN, "fairlead-complete", "complete the word", on_tab);
  el_set(editor, EL_ADDFN, "fairlead-expected", "list what may follow", on_question_mark);
  el_set(editor, EL_BIND, "^I", "fairlead-complete", nullptr);
  el_set(editor, EL_BIND, "?", "fairlead-expected", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // At the prompt Ctrl-C clears the line; while a command runs it is a signal as usual.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^C", "em-kill-line", nullptr);
}

}  // namespace

int run_interactive(Session& session) {
  const std::unique_ptr<EditLine, EndEditor> editor(el_init("fairlead", stdin, stdout, stderr));
  const std::unique_ptr<History, EndHistory> past(history_init());
  if (!editor || !past) {
    std::fputs("fairlead: cannot use this terminal; pipe commands in, or use -f FILE\n", stderr);
    return 1;
  }
  HistEvent event{};
  history(past.get(), &event, H_SETSIZE, kHistoryLines);
  history(past.get(), &event, H_SETUNIQUE, 1);
  const std::string file = history_file();
  if (!file.empty()) history(past.get(), &event, H_LOAD, file.c_str());
  set_up(editor.get(), past.get(), session);
  catch_interrupts();

  std::fputs("Fairlead " FL_VERSION "; ? lists what may follow, help lists commands\n", stdout);
  for (;;) {
    int length = 0;
    const char* line = el_gets(editor.get(), &length);
    if (line == nullptr || length <= 0) break;
    const auto tokens = tokenize(line);
    if (tokens && tokens->empty()) continue;
    history(past.get(), &event, H_ENTER, line);
    catch_interrupts();
    const auto next = tokens ? session.run(*tokens) : tl::unexpected<base::Error>(tokens.error());
    if (!next) {
      std::fprintf(stderr, "error: %s\n", base::message(next.error().what).c_str());
    } else if (*next == Next::kQuit) {
      break;
    }
  }
  if (!file.empty()) history(past.get(), &event, H_SAVE, file.c_str());
  return 0;
}

}  // namespace fairlead::cli
