// RoBERTa (Liu et al., 2019, arXiv:1907.11692), as Hugging Face's RobertaForSequenceClassification
// computes it: BERT but for where positions begin, and for the head, which is on <s> itself.
#include "runner_server/model/architectures/table.h"

namespace chorus::runner {

Architecture ReadRobertaBody(ConfigReader& config, int vocab_size) {
  Architecture roberta = ReadBertBody(config, {.vocab_size = vocab_size});
  roberta.padding_id = config.Integer("pad_token_id", 1, 0, roberta.vocab_size - 1);
  roberta.first_position = roberta.padding_id + 1;
  roberta.context_size =
      config.Integer("max_position_embeddings", 512, roberta.first_position + 1, 1 << 20) -
      roberta.first_position;
  roberta.head = ReadClassificationHead(config);
  roberta.names.base_pooler = "pooler.dense";
  roberta.names.pooler = "classifier.dense";
  roberta.names.head = "classifier.out_proj";
  return roberta;
}

Architecture ReadRoberta(ConfigReader& config) { return ReadRobertaBody(config, 50265); }

}  // namespace chorus::runner
