#include "bundles/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/base/temp_directory.h"
#include "tests/bundles/tar_writer.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<std::map<std::string, std::string>> ReadAll(const std::string& bytes,
                                                           const ArchiveLimits& limits = {}) {
  std::map<std::string, std::string> files;
  const absl::Status status =
      ReadArchive(bytes, limits, [&](const std::string& name, std::string_view piece) {
        files[name] += piece;
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return files;
}

TEST(WriteArchive, WritesWhatExtractArchiveUnpacks) {
  const TempDirectory temp;
  PutFile(temp / "one", "1");
  PutFile(temp / "large", std::string(3 << 20, 'x'));
  PutFile(temp / "empty", "");
  const std::string long_name = "a/" + std::string(200, 'n') + "/" + std::string(100, 'm');
  const std::vector<ArchiveFile> files = {{"a/one", temp / "one"},
                                          {"large", temp / "large"},
                                          {"a/b/empty", temp / "empty"},
                                          {long_name, temp / "one"}};
  ASSERT_TRUE(WriteArchive(files, absl::UnixEpoch(), temp / "x.tar.gz").ok());
  fs::create_directory(temp / "out");
  const absl::Status status = ExtractArchive(temp / "x.tar.gz", {}, temp / "out");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(GetFile(temp / "out/a/one"), "1");
  EXPECT_EQ(GetFile(temp / "out/large"), std::string(3 << 20, 'x'));
  EXPECT_EQ(GetFile(temp / "out/a/b/empty"), "");
  EXPECT_EQ(GetFile(temp / ("out/" + long_name)), "1");

  ASSERT_TRUE(WriteArchive(files, absl::UnixEpoch(), temp / "y.tar.gz").ok());
  EXPECT_EQ(GetFile(temp / "x.tar.gz"), GetFile(temp / "y.tar.gz"));
}

TEST(WriteArchive, ReplacesNothingAndLeavesNoPart) {
  const TempDirectory temp;
  PutFile(temp / "one", "1");
  PutFile(temp / "out/x.tar.gz", "theirs");
  EXPECT_TRUE(absl::IsAlreadyExists(
      WriteArchive({{"one", temp / "one"}}, absl::UnixEpoch(), temp / "out/x.tar.gz")));
  EXPECT_EQ(GetFile(temp / "out/x.tar.gz"), "theirs");
  EXPECT_TRUE(absl::IsNotFound(
      WriteArchive({{"gone", temp / "gone"}}, absl::UnixEpoch(), temp / "out/y.tar.gz")));
  EXPECT_EQ(std::distance(fs::directory_iterator(temp / "out"), {}), 1);
  EXPECT_TRUE(absl::IsNotFound(
      WriteArchive({{"one", temp / "one"}}, absl::UnixEpoch(), temp / "no/folder/y.tar.gz")));
}

TEST(ReadArchive, GivesEachFile) {
  const auto files = ReadAll(MakeTar({{"a/b", "text"}, {"c", ""}}));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(*files, ElementsAre(Pair("a/b", "text"), Pair("c", "")));
}

TEST(ReadArchive, RefusesWhatIsNoPlainFileBelowItsFolder) {
  const struct {
    std::vector<TarEntry> entries;
    std::string error;
  } kCases[] = {
      {{{"../x", "y"}}, "\"../x\" does not name a file below its folder"},
      {{{"a/../../x", "y"}}, "does not name"},
      {{{"a/..", "y"}}, "does not name"},
      {{{"/etc/x", "y"}}, "does not name"},
      {{{"./x", "y"}}, "does not name"},
      {{{"a//x", "y"}}, "does not name"},
      {{{"a\\x", "y"}}, "does not name"},
      {{{"a\nx", "y"}}, "\"a\\nx\" does not name"},
      {{{"a\x1b[2Jx", "y"}}, "does not name"},
      {{{std::string(3000, 'x'), "y"}}, "does not name"},
      {{{"x", "", AE_IFLNK, "/etc/passwd"}}, "\"x\" is not a plain file"},
      {{{"x", "", AE_IFLNK, "y"}}, "not a plain file"},
      {{{"y", "1"}, {"x", "", AE_IFREG, "", "y"}}, "\"x\" is not a plain file"},
      {{{"y", "1"}, {"x", "", AE_IFREG, "", "/etc/passwd"}}, "not a plain file"},
      {{{"x", "", AE_IFIFO}}, "not a plain file"},
      {{{"x", "", AE_IFCHR}}, "not a plain file"},
      {{{"x", "", AE_IFBLK}}, "not a plain file"},
      {{{"x/", "", AE_IFDIR}}, "x"},
      {{{"x", "1"}, {"x", "2"}}, "\"x\" is there twice"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ReadAll(MakeTar(c.entries)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.error << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the archive is refused: "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.error));
  }
}

TEST(ReadArchive, KeepsToItsLimits) {
  const std::string tar = MakeTar({{"a", "123"}, {"b", "45"}});
  EXPECT_TRUE(ReadAll(tar, {.max_files = 2, .max_file_bytes = 3, .max_total_bytes = 5}).ok());
  const absl::Status files = ReadAll(tar, {.max_files = 1}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(files)) << files;
  const absl::Status size = ReadAll(tar, {.max_file_bytes = 2}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(size)) << size;
  EXPECT_THAT(std::string(size.message()), HasSubstr("\"a\" must have at most 2 bytes"));
  const absl::Status total = ReadAll(tar, {.max_total_bytes = 4}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(total)) << total;
}

TEST(ReadArchive, RefusesEveryTruncationThatLosesAFile) {
  const std::string tar = MakeTar({{"a", std::string(2000, 'x')}, {"b", "last"}});
  for (size_t size = 0; size < tar.size(); ++size) {
    const auto files = ReadAll(tar.substr(0, size));
    if (!files.ok()) continue;
    EXPECT_EQ(files->at("b"), "last") << size;  // Only the end was lost.
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(tar.substr(0, tar.size() / 2)).status()));
}

TEST(ReadArchive, RefusesWhatIsNoArchive) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll("hello").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(std::string(100'000, '\0')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll("PK\x03\x04" + std::string(100, 'x')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadAll(MakeTar({})).status()));
}

TEST(ReadArchive, EndsWhenTheVisitorFails) {
  int num_calls = 0;
  const auto visit = [&](const std::string&, std::string_view) {
    ++num_calls;
    return absl::CancelledError("enough");
  };
  EXPECT_EQ(ReadArchive(MakeTar({{"a", "1"}, {"b", "2"}}), {}, visit),
            absl::CancelledError("enough"));
  EXPECT_EQ(num_calls, 1);
}

TEST(WriteArchive, KilledItLeavesNothing) {
  const TempDirectory temp;
  PutFile(temp / "large", std::string(64 << 20, 'x'));
  fs::create_directory(temp / "out");
  for (int i = 0; i < 5; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      (void)WriteArchive({{"large", temp / "large"}}, absl::UnixEpoch(), temp / "out/x.tar.gz");
      _exit(0);
    }
    ::usleep(1000 * (i + 1));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(fs::is_empty(temp / "out"));
  }
}

TEST(ExtractArchive, WaitsForNoPipe) {
  const TempDirectory temp;
  ASSERT_EQ(mkfifo((temp / "fifo").c_str(), 0600), 0);
  for (const fs::path& path : {temp / "fifo", fs::path("/dev/zero"), temp.path()}) {
    const absl::Status status = ExtractArchive(path, {}, temp.path());
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is not a file"));
  }
}

TEST(ExtractArchive, SaysWhyItCannotOpen) {
  const TempDirectory temp;
  const absl::Status status = ExtractArchive(temp / "absent", {}, temp.path());
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr((temp / "absent").native()));
}

}  // namespace
}  // namespace chorus
