-- What each view holds and its grain.
comment on view shown_name is
'The name by which analyses show an id. One row per kind, id.';
comment on column shown_name.name is 'The alphabetically first of its names';
comment on column shown_name.suffix is
'Empty, or @1, @2, ... from the oldest on where a newer id bears the name';
comment on view fit_card is 'What each vector was fitted on, by id and by name. One row per vector_id.';
comment on column fit_card.n_items is 'Training items used';
comment on column fit_card.n_questions is 'Training questions used';
comment on view run_card is 'Everything known about a run, by id and by name. One row per run_id.';
comment on view run_label is
'What views say of a run: run_card without what only joins need. One row per run_id.';
comment on view companion_run is
'The nulls and resamples that stand beside a run, on the same prompts. One row per run_id, companion_run_id.';
comment on macro table beside_runs is
'How far the nulls and resamples of some runs move the same items, with p and q.';
comment on column companion_run.kind is
'Which null (random or label_shuffled), or resample';
comment on view fitted_question is
'The questions that a run''s vector was fitted on: asked again they have leaked. One row per run_id, question_id.';
comment on view split_item is 'The items of each split. One row per dataset_id, split, item_id.';
comment on view sweep is
'Every measurement with everything known about it. One row per run_id, split, item_id, layer, multiplier.';
comment on view unsteered is
'What a model answers when nothing is steered, for evaluations that have runs. One row per evaluation_id.';
comment on column unsteered.median_answer_mass is
'Median over items of p(positive) + p(negative): near 0 where the model would answer otherwise';
comment on column unsteered.answering is
'Whether median_answer_mass is at least 0.5; null where completions are scored by all their tokens';
comment on view slope_floor is
'The smallest slope that can be told from nothing. One row per model_id.';
comment on column slope_floor.factor is
'Largest factor by which an error in one logit difference enters a slope over the multipliers swept';
comment on view item_slope is
'The straight line through each propensity curve over abs(multiplier) <= 1.5. One row per run_id, split, layer, item_id.';
comment on macro table item_slope_within is
'item_slope over abs(multiplier) <= bound: from item_slope_within(0.5)';
comment on view coverage is
'What was asked and what is there. One row per experiment, run_id, split, layer, multiplier.';
comment on view steerability is
'Steerability and how evenly it is spread. One row per run_id, split, layer.';
comment on column steerability.n_items is 'Items with a slope';
comment on view propensity_curve is
'The logit difference as a function of the multiplier. One row per run_id, split, layer, multiplier.';
comment on view best_layer is
'The layer that the validation split chose, or the test split where there is none (cross_fitted). One row per model_id, dataset_id, method, norm, operator, scope.';
comment on column best_layer.layer is
'The chosen layer: largest steerability on the split that chooses among those not degenerate';
comment on view experiment_choice is
'The layer that an experiment chose for a run, from what it asks. One row per experiment, run_id; none where it asks several layers and has no slopes there.';
comment on macro table experiment_choice_of is
'experiment_choice of some experiments, names or globs: from experiment_choice_of([''quickstart''])';
comment on view chosen_layer is
'The layer that validation, or the test split (cross_fitted), chose for a run. One row per run_id; none where nothing was chosen.';
comment on macro table asked_cards is
'The run cards that pass some filters, with the chosen layer: what the analyses begin with.';
comment on view question_slope is
'Slopes by question, the unit that is drawn. One row per run_id, split, layer, question_id.';
comment on column question_slope.n_items is 'Items of the question that have a slope';
comment on column question_slope.total_slope is 'Sum of their slopes';
comment on column question_slope.n_anti_steerable is 'How many of them have slope <= -slope_floor';
comment on column question_slope.n_unmoved is 'How many of them have abs(slope) < slope_floor';
comment on macro table asked_item_slopes is
'The slopes that an analysis is asked about, by item.';
comment on macro table asked_question_slopes is
'The slopes that an analysis is asked about, summed by question.';
comment on macro table missing_of is 'What was asked of some runs and is not there.';
comment on macro table asked_steerability is
'The steerability that an analysis is asked about, with its intervals by question.';
comment on macro table asked_outcomes is
'A vector''s geometry and how its concept fares with it, over all asked concepts.';
comment on macro table asked_nulls is
'How far the null vectors of the asked runs move the same questions.';
comment on column best_layer.complete is 'Nothing asked is missing at any of the candidate layers';
comment on view item_pair is
'Items that differ only in the order of their options. One row per pair, item_id.';
comment on view paired_bias is
'The variance of slopes over questions that ran in both option orders. One row per run_id, split, layer.';
comment on view bias is
'How much of the spread of slopes is owed to place and wording of the answer. One row per run_id, split, layer.';
comment on view generalisation is
'Fit variant x evaluation variant. One row per run_id, split, layer.';
comment on column generalisation.complete is 'Nothing asked is missing, here and for own_steerability';
comment on view side_effect is
'What a vector does to concepts that it was not fitted on. One row per run_id, split, layer.';
comment on column side_effect.complete is 'Nothing asked is missing, here and for own_steerability';
comment on view method_comparison is
'Two vectors on the same questions, A and B in alphabetical order. One row per run_id_a, run_id_b, split, layer.';
comment on view prompt_baseline is
'What asserting the persona in the prompt does, without a vector. One row per model_id, dataset_id, prompt, score, split, item_id.';
comment on view concept_card is
'A concept at the layer that validation chose, as the test split finds it. One row per run_id.';
comment on column concept_card.complete is 'Nothing asked is missing on validation and test';
comment on view vector_geometry is
'Vectors by name, with how their training differences lie around them. One row per vector_id, layer.';
comment on column vector_geometry.n_items is 'Training items used';
comment on column vector_geometry.n_questions is 'Training questions used';
comment on column vector_geometry.layer is
'0-based decoder block whose output was read, and is steered';
comment on view text_damage is
'What steering at every position does to texts that are not about any concept, with everything known about the run. One row per run_id, layer, multiplier, text_id.';
comment on column text_damage.layer is '0-based decoder block whose output is steered';
