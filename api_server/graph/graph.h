#pragma once

// One inference graph: generators that continue a text, and the classifier that scores what they
// wrote.
//
// `GraphSpec` is what a person writes, as yet unchecked (GraphFromConfig makes one of the YAML's
// proto). `Graph` is the checked product, with indices where the spec has names.
//
// Thread safety: a Graph is immutable; share it as shared_ptr<const Graph>.

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "proto/chorus/v1/generation.pb.h"

namespace chorus {

// As chorus.config.v1.Graph, which says what each field means.
struct GraphSpec {
  struct Generate {
    std::string runner;
    std::string input;
    v1::GenerationParams defaults;
  };
  struct Classify {
    std::string runner;
    std::vector<std::string> inputs;
  };
  struct Node {
    std::string name;
    std::variant<std::monostate, Generate, Classify> kind;
  };
  std::string name;
  std::vector<Node> nodes;
  std::string output;
};

// Invariants: (1) `input` and `inputs` are indices into generators(). (2) Following `input` from
// any generator ends at the request's text. (3) Every generator's text reaches the classifier,
// itself or through other generators. (4) There is at least one row. Of a single model's graph only
// the first two hold.
class Graph {
 public:
  struct Generator {
    std::string name;
    std::string runner;
    std::optional<int> input;  // The generator whose text is the prompt; none: the request's text.
    v1::GenerationParams defaults;

    friend bool operator==(const Generator& a, const Generator& b);
  };
  struct Classifier {
    std::string name;
    std::string runner;
    std::vector<int> inputs;  // Row i scores the text of generators()[inputs[i]]; no duplicates.

    friend bool operator==(const Classifier&, const Classifier&) = default;
  };

  // INVALID_ARGUMENT tells all that is wrong, a line each, as
  // `graph "g": node "n": temperature must be greater than 0: -1`. `runners` are the names a node
  // may use.
  static absl::StatusOr<std::shared_ptr<const Graph>> Create(
      const GraphSpec& spec, const absl::flat_hash_set<std::string>& runners);

  // One generator and no classifier, which runs a model by itself.
  static std::shared_ptr<const Graph> OfModel(const std::string& runner);

  const std::string& name() const { return name_; }
  const std::vector<Generator>& generators() const { return generators_; }  // In declared order.
  // Its rows are the graph's reply.
  const Classifier& classifier() const { return classifier_; }
  bool has_classifier() const { return !classifier_.inputs.empty(); }
  // The generators whose texts make the reply, in its order: those of the rows, if there are any.
  const std::vector<int>& outputs() const { return outputs_; }
  // The place of a generator's text among them.
  std::optional<int> output_of(int generator) const;

  // Whether they do the same under the same names.
  friend bool operator==(const Graph&, const Graph&) = default;

 private:
  Graph() = default;

  std::string name_;
  std::vector<Generator> generators_;
  Classifier classifier_;
  std::vector<int> outputs_;
};

}  // namespace chorus
