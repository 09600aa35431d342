// SPDX-License-Identifier: BSD-3-Clause
// Outputs: whole or not at all, never over an input.
#include "dataplane/sys/output_file.hh"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace fairlead::sys {
namespace {

namespace fs = std::filesystem;

class Outputs : public testing::Test {
 protected:
  Outputs() : folder_(testing::TempDir() + "fl-out-" + std::to_string(::getpid())) {
    fs::create_directories(folder_);
  }
  ~Outputs() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::string made(const std::string& name) const {
    std::ofstream(path(name)) << "before";
    return path(name);
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream in(path(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }
  static std::string refusal(const std::string& output, const std::string& input) {
    const NamedFile outputs[] = {{"--out", output}, {"--plot", ""}};
    const NamedFile inputs[] = {{"--updates", ""}, {"--config", input}};
    const auto checked = check_outputs(outputs, inputs);
    if (checked) return "accepted";
    EXPECT_EQ(base::exit_status(checked.error()), 2);
    return checked.error().what;
  }

 private:
  std::string folder_;
};

TEST_F(Outputs, AppearWholeByCommit) {
  const std::string name = made("a");
  auto file = OutputFile::stage(name);
  ASSERT_TRUE(file);
  std::fputs("after", file->file());
  EXPECT_EQ(text("a"), "before");

  ASSERT_TRUE(file->commit());
  EXPECT_EQ(text("a"), "after");
  EXPECT_EQ(files(), 1U);
}

TEST_F(Outputs, NothingStaysWithoutCommit) {
  { const auto file = OutputFile::stage(made("a")); }

  EXPECT_EQ(text("a"), "before");
  EXPECT_EQ(files(), 1U);
}

TEST_F(Outputs, TheirPartsTakeNobodysName) {
  const std::string taken = made("a.part" + std::to_string(::getpid()));
  auto file = OutputFile::stage(path("a"));
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->commit());

  EXPECT_EQ(text(fs::path(taken).filename()), "before");
  EXPECT_EQ(files(), 2U);
}

TEST_F(Outputs, APlaceThatCannotBeWrittenIsBadInput) {
  for (const std::string& place :
       {path("no/such"), path(""), std::string("/proc/x"), path("a") + "/b", std::string()}) {
    const auto file = OutputFile::stage(place);
    ASSERT_FALSE(file) << place;
    EXPECT_EQ(base::exit_status(file.error()), 2) << file.error().what;
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(Outputs, AnInputIsNoOutputHoweverItIsSpelled) {
  const std::string input = made("c.yaml");
  fs::create_directory(path("sub"));
  fs::create_hard_link(input, path("hard"));
  for (const std::string& output : {input, path("sub/../c.yaml"), path("./c.yaml"), path("hard")}) {
    EXPECT_NE(refusal(output, input).find("same file as --config"), std::string::npos) << output;
  }
  EXPECT_EQ(refusal(path("d.yaml"), input), "accepted");
}

TEST_F(Outputs, OnlyRegularFilesAreReplaced) {
  fs::create_symlink(made("target"), path("link"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const std::string& output : {path("link"), path("pipe"), std::string("/dev/null")}) {
    EXPECT_NE(refusal(output, "x").find("is not a regular file"), std::string::npos) << output;
  }
}

TEST_F(Outputs, TwoMustNotBeOneFile) {
  const NamedFile outputs[] = {{"--out", path("a")}, {"--plot", path("./a")}};
  const auto checked = check_outputs(outputs, {});

  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().what.find("same file as --out"), std::string::npos);
}

TEST_F(Outputs, FoldersGoAwayUnlessKept) {
  { const auto folder = OutputFolder::make(path("x/y/z")); }
  EXPECT_EQ(files(), 0U);
  {
    auto folder = OutputFolder::make(path("x/y/z"));
    ASSERT_TRUE(folder);
    folder->keep();
  }
  EXPECT_TRUE(fs::is_directory(path("x/y/z")));
  { const auto folder = OutputFolder::make(path("x/y")); }
  EXPECT_TRUE(fs::is_directory(path("x/y/z")));
}

TEST_F(Outputs, AFileIsNoFolder) {
  for (const std::string& place : {made("a"), path("a/b"), std::string("/proc/x")}) {
    const auto folder = OutputFolder::make(place);
    ASSERT_FALSE(folder) << place;
    EXPECT_EQ(base::exit_status(folder.error()), 2) << folder.error().what;
  }
}

}  // namespace
}  // namespace fairlead::sys
