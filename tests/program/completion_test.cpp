#include <gmock/gmock.h>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The scripts, and shells that really complete with them.
class completion : public started_program {
 protected:
  std::string script(const std::string& shell) {
    const auto a = run("completion " + shell);
    EXPECT_EQ(a.code, 0) << a.err;
    return written(a.out, "baton." + shell);
  }

  /// What bash offers behind these words, the last of which is begun.
  std::string bash(const std::string& words) {
    const auto a = shell("bash -c 'source " + script("bash") + "; COMP_WORDS=(" + BATON_PROGRAM + " " + words +
                         "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _baton; echo \"${COMPREPLY[*]}\"'");
    EXPECT_EQ(a.code, 0) << a.err;
    EXPECT_EQ(a.err, "") << words;
    return a.out;
  }

  std::string jobs_file() {
    return written(
        "version: 1\ncluster: a\njobs:\n  rollup: {plugin: noop, schedule: \"@daily\"}\n  report: {plugin: nowhere, schedule: "
        "\"@daily\"}\n");
  }
};

TEST_F(completion, offers_verbs_options_and_values_in_bash) {
  EXPECT_EQ(bash("che"), "check\n");
  EXPECT_THAT(bash("\"\""), AllOf(HasSubstr("run "), HasSubstr(" import "), Not(HasSubstr("manual")), Not(HasSubstr("runner"))));
  EXPECT_EQ(bash("check --con"), "--config --connect\n");
  EXPECT_EQ(bash("plugin in"), "inspect\n");
  EXPECT_EQ(bash("plugin run x.so --is"), "--isolation\n");
  EXPECT_EQ(bash("plugin run x.so --isolation in"), "in_process\n");
  EXPECT_EQ(bash("runs -o \"\""), "table json yaml\n");
  EXPECT_EQ(bash("completion z"), "zsh\n");
  EXPECT_EQ(bash("next --from \"\""), "\n") << "nothing is known of an instant";
}

TEST_F(completion, offers_files_and_the_jobs_of_the_file_in_bash) {
  const auto file = jobs_file();
  EXPECT_EQ(bash("check -c " + file.substr(0, file.size() - 3)), file + "\n");
  EXPECT_EQ(bash("why -c " + file + " r"), "rollup report\n");
  EXPECT_EQ(bash("pause -c " + file + " rollup rep"), "report\n");
  EXPECT_EQ(bash("why ro"), "\n") << "without a file no job is known";
}

TEST_F(completion, offers_verbs_options_and_jobs_in_fish) {
  const auto file = jobs_file();
  const auto fish = [&](const std::string& line) {
    const auto a = shell("env HOME=" + folder_ + " PATH=" + std::filesystem::path{BATON_PROGRAM}.parent_path().string() +
                         ":$PATH fish --no-config -c 'source " + script("fish") + "; complete -C \"" + line + "\"'");
    EXPECT_EQ(a.code, 0) << a.err << " (fish is installed by ./dev setup)";
    return a.out;
  };
  EXPECT_THAT(fish("baton che"), testing::StartsWith("check\t"));
  EXPECT_THAT(fish("baton plugin ins"), testing::StartsWith("inspect\t"));
  EXPECT_THAT(fish("baton runs --co"), AllOf(HasSubstr("--config\t"), HasSubstr("--count\t")));
  EXPECT_THAT(fish("baton plugin run --gr"), HasSubstr("--grace"));
  EXPECT_THAT(fish("baton why -c " + file + " ro"), HasSubstr("rollup"));
}

TEST_F(completion, offers_verbs_options_values_and_jobs_in_zsh) {
  // A terminal of its own, in which TAB is pressed; what the line has become is told as it is carried out.
  const auto terminal =
      written(R"(zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -D -u; source )" +
                  script("zsh") + R"(; bindkey "^I" complete-word; preexec() { print -r -- "<<$1>>" }; print -n REA; print DY'
zpty -r -m z line '*READY*'
for keys in "$@"; do
  zpty -w z "$keys"$'\t'
  zpty -r -m z line '*<<*>>*'
  line=${line#*<<}
  print -r -- "${line%>>*}"
done
zpty -d z
)",
              "terminal.zsh");
  const auto file = jobs_file();
  const auto typed =
      shell("env HOME=" + folder_ + " PATH=" + std::filesystem::path{BATON_PROGRAM}.parent_path().string() + ":$PATH timeout 60 zsh -f " +
            terminal + " 'baton che' 'baton plugin ins' 'baton runs --cou' 'baton completion z' 'baton why -c " + file + " ro'");
  EXPECT_EQ(typed.code, 0) << typed.err << " (zsh is installed by ./dev setup)";
  EXPECT_EQ(typed.out, "baton check\nbaton plugin inspect\nbaton runs --count\nbaton completion zsh\nbaton why -c " + file + " rollup\n");
}

TEST_F(completion, asks_for_a_shell_that_it_knows) {
  for (const auto* wrong : {"completion", "completion ksh", "completion bash --jobs-of x"}) EXPECT_EQ(run(wrong).code, 64) << wrong;
  EXPECT_EQ(run("completion --jobs-of " + jobs_file()).out, "rollup\nreport\n");
  EXPECT_EQ(run("completion --jobs-of /nowhere").code, 78);
}

}  // namespace
}  // namespace baton::program
