#include "cli/bundles/container_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/bundles/sample_home.h"

namespace chorus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ContainerPlanTest : public ::testing::Test {
 protected:
  std::vector<ContainerImage> Plan() {
    const auto images = MakeContainerPlan(home_.bundle(), settings_);
    EXPECT_TRUE(images.ok()) << images.status();
    return images.value_or(std::vector<ContainerImage>());
  }

  const TempDirectory temp_;
  SampleHome home_{temp_.path()};
  ContainerSettings settings_{.chorus_version = "1.2.3", .context = "/context"};
};

TEST_F(ContainerPlanTest, PutsAllInOneImage) {
  const auto images = Plan();
  ASSERT_THAT(images, SizeIs(1));
  EXPECT_EQ(images[0].dockerfile,
            "FROM chorus/all-in-one:1.2.3\n"
            "COPY --chown=65532:65532 home/ /var/lib/chorus/\n"
            "ENTRYPOINT [\"/usr/bin/chorus\"]\n"
            "CMD [\"serve\",\"sample:v1\",\"--host\",\"0.0.0.0\",\"--allow_anonymous\"]\n");
  EXPECT_EQ(images[0].dockerfile_path, "/context/all-in-one/Dockerfile");
  EXPECT_THAT(
      images[0].build_command,
      ElementsAreArray(
          {"docker", "build", "--tag", "sample:v1", "--label", "chorus.bundle=sample:v1", "--label",
           "org.opencontainers.image.created=2024-02-29T12:00:00+00:00", "--label",
           "org.opencontainers.image.title=sample", "--label",
           "org.opencontainers.image.version=v1", "--label", "team=nlp", "/context/all-in-one"}));
  EXPECT_THAT(PushCommands(images[0]), ElementsAre(ElementsAre("docker", "push", "sample:v1")));
}

TEST_F(ContainerPlanTest, SplitsIntoTheGatewayAndARunnerForEachModel) {
  settings_.split = true;
  (*home_.bundle().mutable_resources())["gpt2"].set_threads(3);
  (*home_.bundle().mutable_resources())["gpt2"].set_dtype("int8");
  (*home_.bundle().mutable_resources())["gpt2"].set_memory_bytes(1000);
  const auto images = Plan();
  ASSERT_THAT(images, SizeIs(3));
  EXPECT_EQ(images[0].dockerfile,
            "FROM chorus/api_server:1.2.3\n"
            "COPY --chown=65532:65532 etc/ /etc/chorus/\n"
            "ENTRYPOINT [\"/usr/bin/api_server\"]\n"
            "CMD [\"--config\",\"/etc/chorus/gateway.yaml\",\"--graph\",\"/etc/chorus/graph.yaml\","
            "\"--http_address\",\"0.0.0.0:3000\",\"--grpc_address\",\"0.0.0.0:50051\",\"--allow_"
            "anonymous\"]\n");
  EXPECT_THAT(images[0].tags, ElementsAre("sample-api_server:v1"));
  EXPECT_EQ(images[1].dockerfile,
            "FROM chorus/runner_server:1.2.3\n"
            "COPY --chown=65532:65532 home/ /var/lib/chorus/\n"
            "ENTRYPOINT [\"/usr/bin/runner_server\"]\n"
            "CMD [\"--model\",\"/var/lib/chorus/models/gpt2/m1\",\"--name\",\"gpt2\",\"--version\","
            "\"m1\",\"--address\",\"0.0.0.0:50061\",\"--metrics_address\",\"0.0.0.0:9061\","
            "\"--threads\",\"3\",\"--dtype\",\"int8\"]\n");
  EXPECT_THAT(images[1].tags, ElementsAre("sample-runner-gpt2:v1"));
  EXPECT_THAT(images[1].build_command,
              testing::IsSupersetOf(
                  {"chorus.model=gpt2:m1", "chorus.memory_bytes=1000", "/context/runner-gpt2"}));
  EXPECT_EQ(images[1].model, 0);
  EXPECT_THAT(images[2].tags, ElementsAre("sample-runner-bert:v1"));
  EXPECT_EQ(images[2].model, 1);
}

TEST_F(ContainerPlanTest, ModelsThatNeedLibtorchHaveImagesWithIt) {
  auto& resources = *home_.bundle().mutable_resources();
  resources["gpt2"].set_device("cuda:1");
  resources["bert"].set_executor("torch");
  EXPECT_EQ(MakeContainerPlan(home_.bundle(), settings_).status(),
            absl::FailedPreconditionError(
                "gpt2 needs libtorch, which the image all-in-one has not; --split gives each model "
                "the image that it needs, --runtime IMAGE names one that has it"));
  settings_.split = true;
  settings_.runtimes = {{"runner_server_torch", "mine:2"}};
  const auto images = Plan();
  ASSERT_THAT(images, SizeIs(3));
  EXPECT_EQ(images[1].target, "runner_server_cuda");
  EXPECT_THAT(images[1].dockerfile, AllOf(HasSubstr("FROM chorus/runner_server_cuda:1.2.3\n"),
                                          HasSubstr("\"--device\",\"cuda:1\"]")));
  EXPECT_THAT(images[2].dockerfile,
              AllOf(HasSubstr("FROM mine:2\n"), HasSubstr("\"--executor\",\"torch\"]")));
  settings_.split = false;
  settings_.runtimes = {{"all-in-one", "mine:1"}};
  EXPECT_THAT(Plan(), SizeIs(1));
}

TEST_F(ContainerPlanTest, TakesNamesPlatformAndRuntimes) {
  settings_.tags = {"registry.local:5000/graph", "graph:stable"};
  settings_.platform = "linux/arm64";
  settings_.runtimes = {{"all-in-one", "mine:1"}};
  const auto images = Plan();
  ASSERT_THAT(images, SizeIs(1));
  EXPECT_THAT(images[0].tags, ElementsAre("registry.local:5000/graph:v1", "graph:stable"));
  EXPECT_THAT(images[0].dockerfile, HasSubstr("FROM mine:1\n"));
  EXPECT_THAT(std::vector<std::string>(images[0].build_command.begin(),
                                       images[0].build_command.begin() + 8),
              ElementsAre("docker", "build", "--tag", "registry.local:5000/graph:v1", "--tag",
                          "graph:stable", "--platform", "linux/arm64"));
  settings_.split = true;
  EXPECT_THAT(Plan()[0].tags,
              ElementsAre("registry.local:5000/graph-api_server:v1", "graph-api_server:stable"));
}

TEST_F(ContainerPlanTest, LowersNamesAndRefusesThoseThatDockerWould) {
  home_.bundle().set_name("MyGraph");
  EXPECT_THAT(Plan()[0].tags, ElementsAre("mygraph:v1"));
  for (const char* name : {"my..graph", "graph-", "a._b"}) {
    home_.bundle().set_name(name);
    const auto status = MakeContainerPlan(home_.bundle(), settings_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--tag REPOSITORY:TAG gives another"));
  }
  settings_.tags = {"fine"};
  EXPECT_THAT(Plan()[0].tags, ElementsAre("fine:v1"));
}

TEST_F(ContainerPlanTest, PassesTextsOnAsTheyAre) {
  home_.bundle().set_description("First \"line\" $HOME `x`\nsecond");
  (*home_.bundle().mutable_labels())["q"] = "a\"b\\c";
  EXPECT_THAT(Plan()[0].build_command,
              testing::IsSupersetOf(
                  {"org.opencontainers.image.description=First \"line\" $HOME `x`", "q=a\"b\\c"}));
}

TEST_F(ContainerPlanTest, TheGatewayFindsRunnersByTheirNames) {
  EXPECT_EQ(FormatGatewayConfig(home_.bundle()),
            "runners:\n"
            "  - name: gpt2\n    endpoints:\n      - \"gpt2:50061\"\n"
            "  - name: bert\n    endpoints:\n      - \"bert:50061\"\n");
}

}  // namespace
}  // namespace chorus
