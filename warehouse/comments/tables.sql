-- What each table holds and its grain. A column's meaning is in columns.csv wherever it is the same
-- everywhere; what differs from table to table is said here.

-- What ------------------------------------------------------------------------------------------
comment on table model is 'Models as they were run. One row per model_id.';
comment on table dataset is 'Contrastive datasets with the counts of their audit. One row per dataset_id.';
comment on column dataset.kind is 'Kind of concept: choice (questions with two options) or texts (in no pairs)';
comment on column dataset.n_items is 'Rows of the dataset, copies counted';
comment on table variant is 'Renderings of a dataset under a prompt variant. One row per variant_id.';
comment on table item is 'Questions with their options as displayed. One row per item_id.';
comment on table dataset_item is 'Which item stands in which row and split. One row per dataset_id, row.';
comment on table dataset_text is
'Which text, of which side, stands in which row of a dataset of texts. One row per dataset_id, row.';
comment on column dataset_text.positive is 'Whether the text shows the concept';
comment on column dataset_text.source_row is
'Row of the source, counted from 1; of texts in the spec itself negative ones behind the positive';
comment on table name is 'Every name by which an id was asked for. One row per kind, id, name.';
comment on table planted is
'Truth planted in the reference model. One row per model_id, dataset_id, quantity, variant_id, layer.';
comment on column planted.layer is 'The layer it holds at; null where it holds for the concept';

-- Vectors ---------------------------------------------------------------------------------------
comment on table vector is 'Steering vectors, all layers of a fit as one. One row per vector_id.';
comment on column vector.method is 'Kind of method: mean_difference, random, label_shuffled, file, ...';
comment on table vector_fit is
'What a vector was fitted on. One row per vector_id, dataset_id, split, variant_id.';
comment on column vector_fit.n_items is 'Training items used';
comment on column vector_fit.n_questions is 'Training questions used';
comment on table vector_layer is 'Geometry of a vector per layer. One row per vector_id, layer.';
comment on table vector_direction is 'The vectors themselves. One row per vector_id, layer.';

-- Facts -----------------------------------------------------------------------------------------
comment on table evaluation is
'What is asked of a model, apart from steering. One row per evaluation_id.';
comment on column evaluation.parameters is 'Parameters of the score as canonical JSON';
comment on table baseline is 'Unsteered answers. One row per evaluation_id, item_id.';
comment on table refused is
'Items that cannot be measured under an evaluation. One row per evaluation_id, item_id.';
comment on table run is
'One vector, operator and scope on one evaluation. One row per run_id; layers and multipliers added later join it.';
comment on table text_set is 'Texts on which damage is measured. One row per text_set_id.';
comment on table text is 'The texts themselves. One row per text_id.';
comment on table text_set_text is
'Which text stands in which row of a text set. One row per text_set_id, row.';
comment on table text_baseline is
'What a text costs a model unsteered. One row per evaluation_id, text_id.';
comment on table damage is
'What steering at every position does to a text. One row per run_id, layer, multiplier, text_id.';
comment on table prompt_set is 'Openings that rollouts continue. One row per prompt_set_id.';
comment on table prompt is 'The openings themselves. One row per prompt_id.';
comment on table prompt_set_prompt is
'Which opening stands in which row of a prompt set. One row per prompt_set_id, row.';
comment on column prompt_set_prompt.copies is 'How many times the set''s samples are drawn from it';
comment on table rollout is
'Sampled continuations, steered or (run_id, layer, multiplier null) not. One row per rollout_id.';
comment on column rollout.text is 'The continuation as text, the opening not included';
comment on column rollout.n_tokens is 'Tokens sampled, an end token included';
comment on column prompt.prompt is 'The opening, which may be empty';
comment on table sae is 'Sparse autoencoders. One row per sae_id.';
comment on column sae.source is 'Release and id, or sha256 of a folder''s files';
comment on column sae.architecture is 'Kind of sparse autoencoder: standard, jumprelu, topk, ...';
comment on column sae.layer is '0-based decoder block whose output it was trained on';
comment on table sae_check is
'How well a sparse autoencoder fits the activations of a model. One row per sae_id, model_id, layer, text_set_id.';
comment on column sae_check.n_tokens is 'Tokens whose activations were reconstructed';
comment on table vector_feature is
'The features whose decoder rows a vector is the sum of, or at which it aims. One row per vector_id, layer, feature.';
comment on column vector_feature.coefficient is
'What the decoder row is multiplied by in the sum, before the norm; of a vector that aims, its share of the target';
comment on table feature_effect is
'What steering does to features: effects above the stated floor, the largest of all, and those on features that the vector is made of or aims at. One row per run_id, layer, multiplier, sae_id, stream, feature.';
comment on column feature_effect.effect is 'steered_mean - unsteered_mean';
comment on column feature_effect.standard_error is
'Of the effect, from differences of rollouts with the same random stream; null for one rollout';
comment on column rollout.layer is '0-based decoder block whose output is steered; null unsteered';
comment on column rollout.multiplier is 'Factor on the vector; null unsteered';
comment on table rise_multiplier is
'Multiplier at which a vector, steered at every position, makes a text set cost so much. One row per evaluation_id, vector_id, operator, layer, rule, target.';
comment on column rise_multiplier.cross_entropy is 'Of the text set without steering, mean over its tokens, nats';
comment on column rise_multiplier.cross_entropy_rise is
'At that multiplier, measured: mean over the tokens of the text set, nats';
comment on table scorer is 'What rollouts are scored by. One row per scorer_id.';
comment on column scorer.kind is 'Kind of scorer: words, classifier, judge, log_probability, ...';
comment on column scorer.parameters is 'Parameters of the scorer as canonical JSON';
comment on column scorer.measures is 'behaviour or coherence: which of the two factors its scores are';
comment on table scorer_concept is
'The concepts whose words or criterion a scorer reads. One row per scorer_id, dataset_id.';
comment on column scorer_concept.dataset_id is 'Hash of the concept''s rows';
comment on table score is 'What a scorer says of a rollout. One row per rollout_id, scorer_id.';
comment on column score.score is 'The score, 0 to 1 unless the scorer says otherwise; null where it failed';
comment on table approximator is
'Linear maps from a unit steering vector to what it does to features, y = xM + b. One row per approximator_id.';
comment on column approximator.layer is '0-based decoder block whose output is steered and read';
comment on column approximator.sae_id is 'Autoencoder whose features are foretold';
comment on column approximator.parameters is 'Parameters of fit, inputs and rollouts as canonical JSON';
comment on column approximator.scale is 'Length of every vector; null where a rise was given';
comment on column approximator.text_set_id is 'Texts whose cross-entropy may rise; null where a length was given';
comment on table approximator_feature is
'What an approximator has on each feature: its column of M, and sums over vectors that it has not seen. One row per approximator_id, feature.';
comment on column approximator_feature.mean_effect is 'Mean measured effect over the held-out vectors';
comment on table feature_cause is
'Features whose decoder rows raise a feature most, as foretold. One row per approximator_id, feature, rank.';
comment on column feature_cause.rank is '1 raises it most';
comment on column feature_cause.effect is
'Foretold rise of the feature''s mean activation when the cause''s unit decoder row is added, less bias';
comment on table feature_neighbour is
'Features whose decoder rows point nearly the same way. One row per sae_id, feature, rank.';
comment on column feature_neighbour.rank is '1 is nearest';
comment on column feature_neighbour.cosine is 'Cosine of the two decoder rows';
comment on column run.parameters is 'Parameters of the operator as canonical JSON';
comment on table measurement is
'Steered answers, the facts that everything is computed from. One row per run_id, item_id, layer, multiplier.';

-- Book-keeping ----------------------------------------------------------------------------------
comment on table cell is
'Blocks that are done. One row per run_id, layer, multiplier, split, block.';
comment on column cell.n_items is 'Items measured in the block, refused ones not counted';
comment on table experiment_run is
'What experiments ask for. One row per experiment, run_id, split, layer, multiplier.';
comment on table verification is
'Measurements repeated by the slow reference path. One row per run_id, item_id, layer, multiplier.';
comment on column verification.logit_diff is 'The logit difference by the fast path';
comment on column verification.reference_unsteered is
'The same item without steering, by the reference path; null where float32 is';
comment on column verification.float32 is
'The logit difference by the reference path of a float32 copy; null in float32 and where no copy fitted';
comment on column verification.float32_unsteered is
'The same item without steering, by the reference path of that copy';
comment on column verification.outlier is
'Beyond the tolerance, and let pass: a router of experts broke a near tie the other way; null: not judged';
comment on table execution is 'What ran when, with which code on which machine. One row per execution_id.';

-- The file itself -------------------------------------------------------------------------------
comment on table schema_migration is 'Migrations that were applied. One row per version.';
comment on column schema_migration.version is 'Number of the migration; the largest is the schema version';
comment on column schema_migration.name is 'File name of the migration';
comment on column schema_migration.applied_at is 'When it was applied, UTC';
comment on table schema_definition is 'Which macros, views and comments the file holds. One row.';
comment on column schema_definition.sha256 is 'SHA-256 over the files that they were made from';
comment on column schema_definition.applied_at is 'When they were made, UTC';
