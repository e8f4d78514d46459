// A bundle of the example with the demo models, from `chorus build` to an answer, here and in
// another home.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/process.h"

namespace chorus {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr seconds kStartPatience(120);  // Five processes on a busy machine.

class BundleTest : public ::testing::Test {
 protected:
  ~BundleTest() override { std::filesystem::remove_all(dir_); }

  ShellResult Chorus(const std::string& home, const std::string& arguments) {
    return Shell("CHORUS_HOME=" + dir_ + "/" + home + " " CHORUS_BINARY_DIR "/chorus " + arguments);
  }

  // Serves the bundle and asks it for texts and scores; the reply's body, and what `path` gives.
  std::string Ask(const std::string& home, const std::string& path) {
    Process serve({CHORUS_BINARY_DIR "/chorus", "serve", "inference_graph:latest", "--port", "0",
                   "--grpc_port", "0"},
                  dir_ + "/" + home + ".log", {{"CHORUS_HOME", dir_ + "/" + home}});
    const std::string line = serve.WaitForLine("Chorus is ready", kStartPatience);
    const size_t http = line.find("http://");
    if (http == std::string::npos) return "not ready: " + serve.Log();
    const std::string out =
        Shell("curl -s --max-time 60 '" + line.substr(http, line.find(',') - http) + path + "'")
            .out;
    serve.Signal(SIGTERM);
    EXPECT_EQ(serve.WaitForExit(seconds(60)), 0) << serve.Log();
    return out;
  }

  const std::string dir_ = MakeTempDir();
};

constexpr char kCall[] =
    "/classify_generated_texts?seed=7&max_new_tokens=9&details=true' -X POST -H 'Content-Type: "
    "text/plain' -d 'I have an idea!";

TEST_F(BundleTest, AnswersTheSameInEveryHome) {
  const ShellResult built = Chorus("a", "build examples/bundles/inference_graph");
  ASSERT_EQ(built.exit_status, 0) << built.out;
  const std::string here = Ask("a", kCall);
  const auto results = nlohmann::json::parse(here, nullptr, /*allow_exceptions=*/false);
  ASSERT_THAT(results, SizeIs(3)) << here;
  EXPECT_EQ(results[0]["model"], "gpt2-generation");

  ASSERT_EQ(Chorus("a", "export inference_graph " + dir_ + "/x.tar.gz").exit_status, 0);
  const ShellResult imported = Chorus("b", "import " + dir_ + "/x.tar.gz");
  ASSERT_EQ(imported.exit_status, 0) << imported.out;
  EXPECT_EQ(Ask("b", kCall), here);
}

TEST_F(BundleTest, HoldsTheApiThatIsServed) {
  ASSERT_EQ(Chorus("a", "build examples/bundles/inference_graph").exit_status, 0);
  const ShellResult file =
      Chorus("a", "get inference_graph -o path | tr -d '\\n' | xargs -0 -I{} cat {}/openapi.json");
  EXPECT_THAT(file.out, HasSubstr("\"openapi\":\"3.1.0\""));
  EXPECT_EQ(Ask("a", "/docs.json"), file.out);
}

TEST_F(BundleTest, AGraphThatTheGatewayRefusesIsNotBuilt) {
  Shell("mkdir " + dir_ + "/project");
  Shell("sed s/distilgpt2-generation,/gpt2-generation,/ examples/graphs/inference_graph.yaml > " +
        dir_ + "/project/graph.yaml");
  Shell("sed -i 's/^output: .*/output: nobody/' " + dir_ + "/project/graph.yaml");
  Shell("printf 'service: x\\ngraph: graph.yaml\\n' > " + dir_ + "/project/chorusfile.yaml");
  const ShellResult built = Chorus("a", "build " + dir_ + "/project");
  EXPECT_EQ(built.exit_status, 1);
  EXPECT_THAT(built.out, AllOf(HasSubstr("graph.yaml is refused: "), HasSubstr("nobody")));
}

}  // namespace
}  // namespace chorus
