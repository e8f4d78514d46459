// The verbs on bundles, by the program itself; docker is a script that notes what it is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/command/command_fixture.h"

namespace chorus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kChorusfile[] = R"(service: my_graph
description: A graph.
labels: {team: nlp}
graph: graph.yaml
models: [gpt2-generation:demo]
include: ["notes/*"]
resources:
  gpt2-generation: {replicas: 2, threads: 3, dtype: int8}
)";

class BundleCommandTest : public CommandTest {
 protected:
  BundleCommandTest() {
    PutFile(temp_ / "project/chorusfile.yaml", kChorusfile);
    PutFile(temp_ / "project/graph.yaml", kGraph);
    PutFile(temp_ / "project/notes/a.txt", "a note");
  }

  Result Build(const std::string& version = "v1") {
    return Run({"build", (temp_ / "project").native(), "--version", version});
  }
  fs::path Folder(const std::string& version = "v1") {
    return temp_ / "home/bundles/my_graph" / version;
  }

  // Puts a docker on PATH that notes its arguments, a line a call with a tab before each, and
  // what lies in the context of a build. It knows the images of `images`.
  void InstallDocker(const std::string& images = "", int exit_status = 0) {
    PutFile(temp_ / "path/docker", R"(#!/bin/sh
here=")" + temp_.path().native() + R"("
for word; do printf '\t%s' "$word"; done >> "$here/docker.log"
echo >> "$here/docker.log"
if [ "$1" = version ]; then
  [ )" + std::to_string(exit_status) + R"( = 0 ] || echo "Cannot connect to the Docker daemon" >&2
  exit )" + std::to_string(exit_status) +
                                       R"(
fi
if [ "$1 $2" = "image inspect" ]; then
  for image in )" + images + R"(; do [ "$5" != "$image" ] || exit 0; done
  exit 1
fi
if [ "$1" = build ]; then
  for last; do :; done
  (cd "$last" && find . -type f | sort) >> "$here/context.log"
  if [ -f "$last/Dockerfile" ]; then cat "$last/Dockerfile" >> "$here/context.log"; fi
fi
[ ! -e "$here/fail" ] || { echo "no space left" >&2; exit 1; }
)");
    fs::permissions(temp_ / "path/docker", fs::perms::owner_all);
    environment_["PATH"] = (temp_ / "path").native() + ":/usr/bin:/bin";
  }
  std::string DockerLog() { return GetFile(temp_ / "docker.log"); }
};

TEST_F(BundleCommandTest, BuildsWhatTheChorusfileSays) {
  const Result result = Build();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out,
            "Built my_graph:v1\n"
            "Serve it:       chorus serve my_graph:latest\n"
            "Make an image:  chorus containerize my_graph:latest\n");
  EXPECT_EQ(GetFile(Folder() / "chorusfile.yaml"), kChorusfile);
  EXPECT_EQ(GetFile(Folder() / "graph.yaml"), kGraph);
  EXPECT_EQ(GetFile(Folder() / "include/notes/a.txt"), "a note");
  EXPECT_EQ(GetFile(Folder() / "openapi.json"), "{\"openapi\":\"3.1.0\"}\n");
  EXPECT_THAT(GetFile(Folder() / "README.md"),
              AllOf(StartsWith("# my_graph:v1\n\nA graph.\n"),
                    HasSubstr("| gpt2-generation | gpt2-generation:demo | 8776623 | replicas 2, "
                              "threads 3, dtype int8 |"),
                    HasSubstr("/v1/graphs/inference_graph:run")));
  const auto bundle = nlohmann::json::parse(Run({"get", "my_graph", "-o", "json"}).out);
  EXPECT_EQ(bundle["name"], "my_graph");
  ASSERT_THAT(bundle["models"], SizeIs(3));
  EXPECT_EQ(bundle["models"][0]["tag"], "gpt2-generation:demo");
  EXPECT_EQ(bundle["models"][1]["tag"], "distilgpt2-generation:demo");  // From latest.
  EXPECT_THAT(bundle["models"][0]["files"], SizeIs(5));
  EXPECT_THAT(bundle["files"], SizeIs(5));
  EXPECT_EQ(bundle["labels"]["team"], "nlp");
}

TEST_F(BundleCommandTest, TheSameContentIsTheSameVersion) {
  const std::string project = (temp_ / "project").native();
  const Result first = Run({"build", project});
  EXPECT_EQ(first.status, 0) << first.err;
  const std::string tag = first.out.substr(6, first.out.find('\n') - 6);
  EXPECT_THAT(tag, ::testing::MatchesRegex("my_graph:[0-9a-f]{12}"));
  PutFile(temp_ / "project/notes/a.txt", "another note");
  const Result second = Run({"build", project});
  EXPECT_THAT(second.out, Not(HasSubstr(tag)));
  PutFile(temp_ / "project/notes/a.txt", "a note");
  const Result third = Run({"build", project, "-f", "chorusfile.yaml"});
  EXPECT_THAT(third.out, StartsWith("Nothing has changed since " + tag + "\n"));
  EXPECT_THAT(Run({"get", "my_graph:latest", "-o", "path"}).out, HasSubstr(tag.substr(9)));
  EXPECT_THAT(nlohmann::json::parse(Run({"list", "-o", "json"}).out), SizeIs(2));
}

TEST_F(BundleCommandTest, SaysWhatKeepsItFromBuilding) {
  const std::string file = (temp_ / "project/chorusfile.yaml").native();
  const std::string good = "service: x\ngraph: graph.yaml\n";
  const struct {
    std::string chorusfile;
    std::string message;
  } kCases[] = {
      {"service: x\ngrpah: graph.yaml\n",
       file + ":2:1: there is no field \"grpah\"; there is service, "},
      {"service: x\ngraph: gone.yaml\n",
       file + ":2:8: graph: there is no file " + (temp_ / "project/gone.yaml").native()},
      {"graph: graph.yaml\n", file + ": service: must name the bundle"},
      {good + "models: [gpt2-generation:v9]\n",
       file + ":3:9: models: no model for the graph's runner gpt2-generation: no model "
              "gpt2-generation:v9; the versions of gpt2-generation are: demo; an entry RUNNER=TAG "
              "names another"},
      {good + "models: [gpt9]\n", file + ":3:10: models[0]: the graph has no runner \"gpt9\""},
      {good + "include: [gone]\n", file + ":3:11: include[0]: no file in "},
      {good + "resources: {gpt9: {}}\n", file + ":3:19: resources.gpt9: the graph has no such"},
      {good + "resources: {gpt2-generation: {threads: 0}}\n",
       file + ":3:40: resources.gpt2-generation.threads: must be from 1 to 1024: 0"},
      {"service: x\ngraph: bad.yaml\n", (temp_ / "project/bad.yaml").native() + " is refused: "},
      {"service: x\ngraph: wrong.yaml\n",
       (temp_ / "project/wrong.yaml").native() + ":1:1: there is no field \"nmae\""},
  };
  PutFile(temp_ / "project/bad.yaml", std::string(kGraph) + "# bad\n");
  PutFile(temp_ / "project/wrong.yaml", "nmae: x\n");
  for (const auto& c : kCases) {
    PutFile(file, c.chorusfile);
    const Result result = Run({"build", (temp_ / "project").native()});
    EXPECT_EQ(result.status, 1) << c.chorusfile;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, StartsWith("chorus: "));
    EXPECT_THAT(result.err, HasSubstr(c.message));
  }
  EXPECT_THAT(Run({"build", temp_.path().native()}).err, HasSubstr("there is no "));
  EXPECT_EQ(Run({"list"}).out, "TAG  SIZE  MODELS  CREATED\n");
  EXPECT_TRUE(fs::is_empty(temp_ / "home/bundles/.tmp"));
}

TEST_F(BundleCommandTest, AVersionIsBuiltOnce) {
  ASSERT_EQ(Build().status, 0);
  const Result again = Build();
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, AllOf(HasSubstr("my_graph:v1 is in the store already"),
                               HasSubstr("choose another --version")));
  EXPECT_EQ(Build("latest").status, 1);
  EXPECT_EQ(Build("../v2").status, 1);
}

TEST_F(BundleCommandTest, ListsGetsAndDeletes) {
  ASSERT_EQ(Build("v1").status, 0);
  ASSERT_EQ(Build("v2").status, 0);
  EXPECT_THAT(Run({"list"}).out,
              AllOf(HasSubstr("\nmy_graph:v1  22."), HasSubstr("\nmy_graph:v2  ")));
  EXPECT_EQ(Run({"get", "my_graph:v1"}).out, GetFile(Folder("v1") / "bundle.yaml"));
  EXPECT_EQ(Run({"get", "my_graph", "-o", "path"}).out, Folder("v2").native() + "\n");
  EXPECT_THAT(Run({"get", "my_graph:v3"}).err,
              HasSubstr("no bundle my_graph:v3; the versions of my_graph are: v1, v2"));
  EXPECT_EQ(Run({"delete", "my_graph"}, "").out, "Not deleted\n");
  EXPECT_EQ(Run({"delete", "my_graph"}, "yes\n").out,
            "Deleted my_graph:v2; its models stay in the store\n");
  EXPECT_EQ(Run({"get", "my_graph:latest", "-o", "path"}).out, Folder("v1").native() + "\n");
  EXPECT_EQ(Run({"delete", "my_graph:v1", "-y"}).status, 0);
  EXPECT_EQ(Run({"list", "-o", "json"}).out, "[]\n");
  EXPECT_EQ(Run({"delete", "my_graph:v1", "-y"}).status, 1);
}

TEST_F(BundleCommandTest, AModelThatABundleNeedsIsNotDeleted) {
  ASSERT_EQ(Build().status, 0);
  const Result result = Run({"models", "delete", "gpt2-generation", "-y"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("gpt2-generation:demo is needed by my_graph:v1"));
  EXPECT_EQ(Run({"models", "delete", "gpt2-generation", "-y", "--force"}).status, 0);
  EXPECT_EQ(Run({"models", "delete", "gpt2-medium-generation", "-y"}).status, 0);
}

TEST_F(BundleCommandTest, ServesExactlyWhatIsPinned) {
  ASSERT_EQ(Build().status, 0);
  // A newer latest is not what the bundle pins.
  const fs::path models = temp_ / "home/models/gpt2-generation";
  PutFile(models / "latest", "other\n");
  Program serve = Serve({"my_graph:latest", "--max_sequences", "5"});
  EXPECT_THAT(serve.out().WaitFor("curl"), HasSubstr("/classify_generated_texts"));
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0) << log;
  for (const char* replica : {"0", "1"}) {
    const std::string prefix = "[gpt2-generation/" + std::string(replica) + "] ";
    EXPECT_THAT(
        log, AllOf(HasSubstr(prefix + "--model=" + (models / "demo").native()),
                   HasSubstr(prefix + "--version=demo"), HasSubstr(prefix + "--threads=3"),
                   HasSubstr(prefix + "--name=gpt2-generation"), HasSubstr(prefix + "--dtype=int8"),
                   HasSubstr(prefix + "--max_sequences=5")));
  }
  EXPECT_THAT(log, AllOf(HasSubstr("[distilgpt2-generation] serving"),
                         Not(HasSubstr("[distilgpt2-generation] --dtype"))));
}

TEST_F(BundleCommandTest, FlagsOfTheCommandLineWinOverTheBundles) {
  ASSERT_EQ(Build().status, 0);
  Program serve = Serve({"my_graph", "--dtype", "float32", "--threads", "1"});
  serve.out().WaitFor("ready");
  serve.Signal(SIGTERM);
  const std::string log = serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
  EXPECT_THAT(log, AllOf(HasSubstr("[gpt2-generation/0] --dtype=float32"),
                         HasSubstr("[gpt2-generation/0] --threads=1"), Not(HasSubstr("int8"))));
}

TEST_F(BundleCommandTest, ServesNothingThatHasChanged) {
  ASSERT_EQ(Build().status, 0);
  const struct {
    fs::path file;
    std::string message;
  } kCases[] = {
      {Folder() / "graph.yaml", "my_graph:v1 is damaged: changed since it was built: graph.yaml"},
      {Folder() / "bundle.yaml", "my_graph:v1 is damaged: "},
      {temp_ / "home/models/gpt2-generation/demo/merges.txt",
       "gpt2-generation:demo is damaged: merges.txt has changed; my_graph:v1 needs it"},
  };
  for (const auto& c : kCases) {
    const std::string before = GetFile(c.file);
    fs::permissions(c.file, fs::perms::owner_all);
    PutFile(c.file, before + "x");
    const Result result = Run({"serve", "my_graph", "--port", "0", "--grpc_port", "0"});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, AllOf(StartsWith("chorus: "), HasSubstr(c.message)));
    PutFile(c.file, before);
  }
  EXPECT_THAT(Run({"serve", "my_graph:v9", "--port", "0", "--grpc_port", "0"}).err,
              HasSubstr("no bundle my_graph:v9"));
  EXPECT_EQ(Run({"serve", "my_graph", "--graph", "x"}).status, 2);
  EXPECT_EQ(Run({"serve", "my_graph", "--model", "a=b"}).status, 2);
}

TEST_F(BundleCommandTest, ExportsToAnotherHome) {
  ASSERT_EQ(Build().status, 0);
  const std::string file = (temp_ / "x.tar.gz").native();
  Result result = Run({"export", "my_graph", file});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Exported my_graph:v1 to " + file + "\n");
  EXPECT_THAT(Run({"export", "my_graph", file}).err, HasSubstr("is there already"));
  environment_["CHORUS_HOME"] = temp_ / "other";
  result = Run({"import", file});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Imported my_graph:v1 and the 3 models it runs\n");
  EXPECT_EQ(GetFile(temp_ / "other/bundles/my_graph/v1/bundle.yaml"),
            GetFile(Folder() / "bundle.yaml"));
  Program serve = Serve({"my_graph"});
  serve.out().WaitFor("ready");
  serve.Signal(SIGTERM);
  serve.err().Rest();
  EXPECT_EQ(serve.Wait(), 0);
  PutFile(temp_ / "not-an-archive", "x");
  EXPECT_EQ(Run({"import", (temp_ / "not-an-archive").native()}).status, 1);
  EXPECT_EQ(Run({"import", (temp_ / "absent").native()}).status, 1);
}

TEST_F(BundleCommandTest, ExportsFilesWhoseNamesAreNotAscii) {
  PutFile(temp_ / "project/notes/é🙂.txt", "x");
  environment_["LC_ALL"] = "C";
  ASSERT_EQ(Build().status, 0);
  Result result = Run({"export", "my_graph", (temp_ / "x.tar.gz").native()});
  EXPECT_EQ(result.status, 0) << result.err;
  environment_["CHORUS_HOME"] = temp_ / "other";
  result = Run({"import", (temp_ / "x.tar.gz").native()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(GetFile(temp_ / "other/bundles/my_graph/v1/include/notes/é🙂.txt"), "x");
}

TEST_F(BundleCommandTest, DryRunPrintsAndCallsNobody) {
  ASSERT_EQ(Build().status, 0);
  environment_["PATH"] = temp_ / "nothing";
  const Result result = Run({"containerize", "my_graph", "--dry-run", "--push", "--runtime",
                             "base:1", "--source", (temp_ / "project").native()});
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string source = (temp_ / "project").native();
  const std::string bundle = GetFile(Folder() / "bundle.yaml");
  const size_t created = bundle.find("created: \"") + 10;
  EXPECT_EQ(result.out,
            "# unless base:1 is there:\n"
            "docker build --tag base:1 --file " +
                source + "/deploy/Dockerfile --target all-in-one " + source +
                "\n"
                "# CONTEXT/all-in-one/Dockerfile:\n"
                "FROM base:1\n"
                "COPY --chown=65532:65532 home/ /var/lib/chorus/\n"
                "ENTRYPOINT [\"/usr/bin/chorus\"]\n"
                "CMD [\"serve\",\"my_graph:v1\",\"--host\",\"0.0.0.0\",\"--allow_anonymous\"]\n"
                "docker build --tag my_graph:v1 --label chorus.bundle=my_graph:v1 "
                "--label org.opencontainers.image.created=" +
                bundle.substr(created, 25) +
                " --label 'org.opencontainers.image.description=A graph.' "
                "--label org.opencontainers.image.title=my_graph "
                "--label org.opencontainers.image.version=v1 --label team=nlp CONTEXT/all-in-one\n"
                "docker push my_graph:v1\n");
}

TEST_F(BundleCommandTest, ContainerizesIntoOneImage) {
  ASSERT_EQ(Build().status, 0);
  InstallDocker("base:1");
  const Result result = Run({"containerize", "my_graph:v1", "--runtime", "base:1", "--tag",
                             "reg.local/g:1", "--platform", "linux/amd64", "--push"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "Built reg.local/g:1\n");
  const std::string log = DockerLog();
  EXPECT_THAT(log, StartsWith("\tversion\t--format\t{{.Server.Version}}\n"
                              "\timage\tinspect\t--format\t{{.Id}}\tbase:1\n"
                              "\tbuild\t--tag\treg.local/g:1\t--platform\tlinux/amd64\t--label\t"));
  EXPECT_THAT(log, HasSubstr("\n\tpush\treg.local/g:1\n"));
  const std::string context = GetFile(temp_ / "context.log");
  EXPECT_THAT(context, AllOf(HasSubstr("./home/bundles/my_graph/v1/bundle.yaml\n"),
                             HasSubstr("./home/bundles/my_graph/v1/include/notes/a.txt\n"),
                             HasSubstr("./home/bundles/my_graph/latest\n"),
                             HasSubstr("./home/models/gpt2-generation/demo/model.safetensors\n"),
                             HasSubstr("./home/models/gpt2-generation/demo/manifest.json\n"),
                             Not(HasSubstr("gpt2-medium")), HasSubstr("FROM base:1\n")));
  EXPECT_TRUE(fs::is_empty(temp_ / "home/bundles/.tmp"));
}

TEST_F(BundleCommandTest, ContainerizesIntoOneImageAProcess) {
  ASSERT_EQ(Build().status, 0);
  InstallDocker("api:1 runner:1");
  const Result result = Run({"containerize", "my_graph", "--split", "--runtime", "api_server=api:1",
                             "--runtime", "runner_server=runner:1"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out,
            "Built my_graph-api_server:v1\n"
            "Built my_graph-runner-gpt2-generation:v1\n"
            "Built my_graph-runner-distilgpt2-generation:v1\n"
            "Built my_graph-runner-bert-base-uncased-classification:v1\n");
  EXPECT_THAT(GetFile(temp_ / "context.log"),
              AllOf(StartsWith("./Dockerfile\n./etc/gateway.yaml\n./etc/graph.yaml\nFROM api:1\n"),
                    HasSubstr("./home/models/gpt2-generation/demo/config.json\n"),
                    Not(HasSubstr("bundle.yaml")), HasSubstr("FROM runner:1\n")));
}

TEST_F(BundleCommandTest, BuildsAMissingRuntimeFromSource) {
  ASSERT_EQ(Build().status, 0);
  InstallDocker();
  Result result = Run({"containerize", "my_graph"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("there is no image chorus/all-in-one:"),
                                HasSubstr("--source DIR"), HasSubstr("--runtime")));
  const std::string source = (temp_ / "project").native();
  result = Run({"containerize", "my_graph", "--source", source});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(DockerLog(), HasSubstr("\t--file\t" + source +
                                     "/deploy/Dockerfile\t--target\tall-in-one\t" + source + "\n"));
  // One that the user names is left to docker, which can pull it.
  EXPECT_EQ(Run({"containerize", "my_graph", "--runtime", "elsewhere:1"}).status, 0);
}

TEST_F(BundleCommandTest, SaysWhatKeepsItFromContainerizing) {
  ASSERT_EQ(Build().status, 0);
  environment_["PATH"] = temp_ / "nothing";
  EXPECT_THAT(Run({"containerize", "my_graph"}).err, HasSubstr("docker is not installed"));
  InstallDocker("base:1", 1);
  EXPECT_THAT(Run({"containerize", "my_graph"}).err,
              HasSubstr("the Docker engine does not answer: Cannot connect to the Docker daemon"));
  InstallDocker("base:1");
  PutFile(temp_ / "fail", "");
  Result result = Run({"containerize", "my_graph", "--runtime", "base:1"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("no space left\n"), HasSubstr("docker build failed with status 1")));
  EXPECT_TRUE(fs::is_empty(temp_ / "home/bundles/.tmp"));
  EXPECT_EQ(Run({"containerize", "my_graph", "--runtime", "other=base:1"}).status, 2);
  EXPECT_EQ(Run({"containerize"}).status, 2);
  EXPECT_THAT(Run({"containerize", "my_graph:v9"}).err, HasSubstr("no bundle my_graph:v9"));
}

}  // namespace
}  // namespace chorus
