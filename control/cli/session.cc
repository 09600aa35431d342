// SPDX-License-Identifier: BSD-3-Clause
// One line at a time.
#include "control/cli/session.hh"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

#include "control/cli/batch.hh"
#include "control/cli/client.hh"
#include "control/cli/config_commands.hh"
#include "control/cli/edit_commands.hh"
#include "control/cli/ipvs_lines.hh"
#include "control/cli/nearest.hh"
#include "control/cli/packet_commands.hh"
#include "control/cli/pages.hh"
#include "control/cli/run_commands.hh"
#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

using base::ErrorCode;

constexpr std::chrono::milliseconds kSuggestionTimeout{500};
constexpr unsigned kMostIncluded = 8;  // a file that includes itself ends somewhere

const Call* filter_named(const Line& line, std::string_view name) {
  for (const Call& filter : line.filters) {
    if (filter.is(name)) return &filter;
  }
  return nullptr;
}

/// The values of an entry without their names, so that "match state" is not true of everything:
/// one line each.
void add_values(const Json& entry, Page& page) {
  if (entry.is_structured()) {
    for (const Json& value : entry) add_values(value, page);
  } else if (entry.is_string()) {
    page.blocks.emplace_back(entry.get<std::string>());
  } else {
    page.blocks.emplace_back(entry.dump());
  }
}

/// The lists inside the reply lose the entries of which no value matches (with `keep` false: one
/// does); the rest stays.
void keep_matching(Json& json, const std::string& regex, bool keep) {
  for (Json& list : json) {
    if (!list.is_array()) continue;
    Json kept = Json::array();
    for (const Json& entry : list) {
      Page values;
      add_values(entry, values);
      if ((row_count(matching(values, regex)) > 0) == keep) kept.push_back(entry);
    }
    list = std::move(kept);
  }
}

/// Applies the filters that select; false: there are none.
bool select_rows(const Line& line, Json& json, Page& page) {
  bool any = false;
  for (const Call& filter : line.filters) {
    const bool keep = filter.is("match") || filter.is("include");
    if (!keep && !filter.is("exclude")) continue;
    const std::string regex = filter.arguments.value("regex", std::string());
    page = matching(page, regex, keep);
    keep_matching(json, regex, keep);
    any = true;
  }
  return any;
}

/// `config diff vip V` keeps what is said of that vip.
void keep_vip(Json& result, const std::string& vip) {
  if (vip.empty()) return;
  for (const char* const list : {"vips", "backends"}) {
    Json kept = Json::array();
    for (const Json& row : rows(result, list))
      if (part(row, "vip", Json("")).get<std::string>() == vip) kept.push_back(row);
    result[list] = std::move(kept);
  }
  result["keys"] = Json::array();  // of all vips
}

/// `show drop reason R` keeps that reason alone.
base::Result<void> select_reason(Json& result, const std::string& wanted) {
  const auto reasons = result.find("reasons");
  if (wanted.empty() || reasons == result.end() || !reasons->is_array()) return {};
  std::vector<std::string> known;
  Json kept = Json::array();
  for (const Json& reason : *reasons) {
    known.push_back(cell(reason, "name", Format::kText));
    if (known.back() == wanted) kept.push_back(reason);
  }
  if (kept.empty()) {
    const std::string guess = did_you_mean(wanted, known);
    return base::invalid(
        "no drop reason " + base::quoted(wanted) +
        (guess.empty() ? "; show drop | json lists them" : guess)
    );
  }
  *reasons = std::move(kept);
  return {};
}

/// Columns of the terminal behind `out`; 0 if it is none or does not tell.
std::size_t terminal_columns(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

int status_of(const base::Error& error) {
  return error.code == ErrorCode::kNotFound ? 2 : base::exit_status(error);
}

base::Result<void> Session::print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), out_) != text.size() || std::fflush(out_) != 0) {
    return base::fail(ErrorCode::kInternal, "cannot write the output");
  }
  return {};
}

base::Result<Json> Session::ask_at(
    const Place& place, Target target, const Call& call, const std::string& pending
) {
  const std::string& socket =
      target == Target::kDataplane ? place.dataplane_socket : place.control_socket;
  Json arguments = call.arguments;
  if (call.is("show drop")) arguments.erase("reason");                // selected here
  if (call.pattern->method == "config diff") arguments.erase("vip");  // likewise
  if (call.is("config load")) {
    FL_ASSIGN(arguments, config_arguments(call));
  }
  if (call.pattern->method == "config edit") arguments = edit_arguments(call);
  if (!pending.empty()) arguments["pending_digest"] = pending;
  std::string method = call.pattern->method;
  if (const std::string against = diff_of(call); !against.empty()) {
    method = against == "prev" ? "show table diff" : "config diff";
    arguments = against == "prev" ? Json{{"vip", arguments["vip"]}} : Json::object();
  }
  auto result = ask(socket, method, arguments, settings_.timeout);
  if (!result) return tl::unexpected<base::Error>(with_suggestion(result.error(), call));
  return result;
}

base::Error Session::with_suggestion(base::Error error, const Call& call) {
  if (error.code != ErrorCode::kNotFound || error.what.find("did you mean") != std::string::npos) {
    return error;
  }
  for (const auto& [key, source] : {
           std::pair{"vip", NameSource::kVips},
           std::pair{"backend", NameSource::kBackends},
       }) {
    const auto typed = call.arguments.find(key);
    if (typed == call.arguments.end()) continue;
    const std::vector<std::string> known = names(source, kSuggestionTimeout);
    const std::string word = typed->get<std::string>();
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      error.what += did_you_mean(word, known);
      return error;
    }
  }
  return error;
}

std::vector<std::string> Session::names(NameSource source, std::chrono::milliseconds timeout) {
  const bool vips = source == NameSource::kVips;
  const bool nodes = source == NameSource::kNodes;
  const auto where = places(settings_.selection, nodes ? "all" : "");
  std::vector<std::string> found;
  if (!where || source == NameSource::kNone || source == NameSource::kFiles) return found;
  if (nodes) {
    for (const Place& place : *where) found.push_back(place.node);
    found.emplace_back("all");
    return found;
  }
  const auto reply =
      ask(where->front().control_socket, vips ? "show vip" : "show backend", Json::object(), timeout
      );
  if (!reply || !reply->is_object()) return found;
  const auto rows = reply->find(vips ? "vips" : "backends");
  if (rows == reply->end() || !rows->is_array()) return found;
  for (const Json& row : *rows) {
    const std::string name = cell(row, vips ? "name" : "id", Format::kText);
    if (std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
  }
  return found;
}

base::Result<Session::Reply> Session::reply_of(const Place& place, const Call& call) {
  if (is_offline(call)) {
    FL_ASSIGN(Answered answered, answer_offline(call));
    return Reply{std::move(answered.json), std::move(answered.page)};
  }
  if (call.is("flush flow") && reads_file(call)) {
    FL_ASSIGN(Json json, flush_file(call));
    Page page = page_of(call, json);
    return Reply{std::move(json), std::move(page)};
  }
  if (call.pattern->rule->target != Target::kLocal) {
    const bool flows = call.pattern->name.rfind("show flow", 0) == 0;
    const bool commits = autocommit_.covers(call);
    std::string pending;
    if (commits) {
      FL_ASSIGN(pending, autocommit_.begin(place, settings_.timeout));
    }
    FL_ASSIGN(
        Json json,
        flows ? ask_flows(place, call) : ask_at(place, call.pattern->rule->target, call, pending)
    );
    if (!json.is_object()) {
      return base::fail(ErrorCode::kDataLoss, "the daemon's result is not an object");
    }
    if (commits) {
      FL_ASSIGN(json, autocommit_.finish(place, json, settings_.timeout));
    }
    if (call.pattern->method == "config diff" || diff_of(call) == "pending")
      keep_vip(json, call.arguments.value("vip", std::string()));
    if (call.is("show drop")) FL_TRY(select_reason(json, call.arguments.value("reason", "")));
    Page page = page_of(call, json);
    return Reply{std::move(json), std::move(page)};
  }
  const bool nodes = call.is("show nodes");
  std::vector<Place> all;
  if (nodes) {
    FL_ASSIGN(all, places(settings_.selection, "all"));
  }
  FL_ASSIGN(
      LocalAnswer local,
      nodes ? answer_nodes(all, settings_.timeout) : answer_locally(call, place, settings_.timeout)
  );
  return Reply{std::move(local.json), std::move(local.page)};
}

base::Result<void> Session::print_once(const Line& line, const std::vector<Place>& where) {
  const bool json = settings_.json || filter_named(line, "json");
  base::Result<void> outcome;
  for (const Place& place : where) {
    auto reply = reply_of(place, line.command);
    if (!reply && where.size() == 1) return tl::unexpected<base::Error>(reply.error());
    if (!reply) {  // one node that does not answer does not hide the others
      if (outcome) outcome = base::annotate("node " + place.node, reply.error());
      continue;
    }
    const bool selected = select_rows(line, reply->json, reply->page);
    std::string text = filter_named(line, "csv") ? render_csv(reply->page)
                                                 : render(reply->page, terminal_columns(out_));
    if (selected && text.empty()) text = "no row matches\n";
    if (filter_named(line, "count")) {
      text = count_text(reply->page);
    } else if (json) {
      if (where.size() > 1) reply->json = Json{{"node", place.node}, {"result", reply->json}};
      text = reply->json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    if (where.size() > 1 && !json) text = "@" + place.node + "\n" + text;
    FL_TRY(print(text));
    if (const Call* expected = filter_named(line, "expect"))
      FL_TRY(check_expectation(*expected, reply->json));
  }
  return outcome;
}

base::Result<void> Session::watch(
    const Line& line, const std::vector<Place>& where, const Call& filter
) {
  const std::chrono::milliseconds interval(filter.arguments.value("interval_ms", 1000));
  const unsigned times = filter.arguments.value("count", 0U);
  const bool json = settings_.json || filter_named(line, "json");
  const bool terminal = isatty(fileno(out_)) == 1;
  catch_interrupts();
  for (unsigned i = 0; times == 0 || i < times; ++i) {
    if (i > 0 && !sleep_for(interval)) break;
    if (terminal) {
      FL_TRY(print("\x1b[H\x1b[2J"));
    } else if (i > 0 && !json) {
      FL_TRY(print("\n"));
    }
    FL_TRY(print_once(line, where));
  }
  return {};
}

base::Result<void> Session::run_others(const Line& line, const std::vector<Place>& where) {
  if (where.size() > 1) return base::invalid("ipvs: one node at a time, as in @lb1 ipvs -L");
  if (line.command.is("ipvs -C") && autocommit_.on()) {
    return base::invalid(
        "ipvs -C: with autocommit it would take the vips away at once, one by one: set autocommit "
        "off"
    );
  }
  const Place& place = where.front();
  IpvsTables tables;
  tables.restoring = restoring_;
  if (reads_tables(line.command)) {
    FL_ASSIGN(tables, ask_tables(place, line.command, restoring_, settings_.timeout));
  }
  FL_ASSIGN(const IpvsMeaning meaning, ipvs_meaning(line.command, tables));
  if (meaning.lines.empty())
    return print(
        settings_.json || filter_named(line, "json") ? "{\"changed\":false}\n"
                                                     : "OK " + meaning.already + "\n"
    );
  for (const std::string& other : meaning.lines) {
    FL_ASSIGN(const std::vector<Token> tokens, tokenize(other));
    FL_ASSIGN(Line next, parse(tokens));
    next.filters = line.filters;
    FL_TRY(print_once(next, where));
  }
  return {};
}

base::Result<void> Session::include(const std::string& path, const std::string& before) {
  if (included_ == kMostIncluded)
    return base::invalid("include " + path + ": files include each other more than 8 deep");
  ++included_;
  const int status = run_batch_file(*this, path, AfterError::kStop, stderr, before);
  --included_;
  if (status == 0) return {};
  return base::fail(
      status == 2 ? ErrorCode::kInvalidArgument : ErrorCode::kFailedPrecondition,
      "include " + path + ": a command failed"
  );
}

base::Result<void> Session::restore(const std::string& path) {
  const bool before = std::exchange(restoring_, true);
  auto done = include(path, "ipvs");
  restoring_ = before;
  return done;
}

base::Result<Next> Session::run(const std::vector<Token>& tokens) {
  FL_ASSIGN(const Line line, parse(tokens));
  const Call& command = line.command;
  if (!command.pattern) return Next::kGoOn;
  if (command.is("quit") || command.is("exit")) return Next::kQuit;
  if (command.is("help")) {
    FL_ASSIGN(const std::string text, help_text(command.arguments.value("topic", std::string())));
    FL_TRY(print(text));
    return Next::kGoOn;
  }
  if (command.is("include")) {
    FL_TRY(include(command.arguments.value("file", std::string())));
    return Next::kGoOn;
  }
  if (command.is("ipvs -R")) {
    FL_TRY(restore(command.arguments.value("file", std::string())));
    return Next::kGoOn;
  }
  if (command.is("set autocommit")) {
    const bool on = command.arguments.value("switch", "") == "on";
    autocommit_.set(on);
    FL_TRY(print(
        on ? "OK until this session ends: add, set, del and config load commit at once\n"
           : "OK add, set, del and config load are pending until config commit\n"
    ));
    return Next::kGoOn;
  }
  std::vector<Place> where(1);
  if (command.is("sleep")) {
    (void)sleep_for(std::chrono::milliseconds(command.arguments.value("interval_ms", 0)));
    return Next::kGoOn;
  }
  if (!reads_file(command) && !is_offline(command) && !command.is("show nodes")) {
    FL_ASSIGN(where, places(settings_.selection, line.node));
  }
  if (stands_for_others(command)) {
    FL_TRY(run_others(line, where));
  } else if (command.is("show rate")) {
    if (where.size() > 1)
      return base::invalid("show rate: one node at a time, as in @lb1 show rate");
    FL_TRY(print_rates(line, where.front()));
  } else if (const Call* filter = filter_named(line, "watch")) {
    if (command.pattern->name.rfind("show", 0) != 0 && !command.is("lookup")) {
      return base::invalid("| watch: only show and lookup can be repeated");
    }
    FL_TRY(watch(line, where, *filter));
  } else {
    FL_TRY(print_once(line, where));
  }
  return Next::kGoOn;
}

}  // namespace fairlead::cli
