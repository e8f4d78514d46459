// ELECTRA (Clark et al., 2020, arXiv:2003.10555), as Hugging Face's
// ElectraForSequenceClassification computes it: BERT whose embeddings may be narrower than its
// layers, and with RoBERTa's head behind another activation.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadElectra(ConfigReader& config) {
  Architecture electra =
      ReadBertBody(config, {.hidden_size = 256, .num_heads = 4, .inner_size = 1024});
  electra.embedding_size = config.Integer("embedding_size", 128, 1, 1 << 16);
  if (electra.embedding_size != electra.hidden_size) {
    electra.names.embedding_projection = "embeddings_project";
  }
  electra.head = ReadClassificationHead(config);
  std::get<ClassificationHead>(electra.head).activation = Activation::kGeluErf;
  electra.names.pooler = "classifier.dense";
  electra.names.head = "classifier.out_proj";
  return electra;
}

}  // namespace chorus::runner
