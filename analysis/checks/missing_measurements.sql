-- question: Is anything that an experiment asked for not there?
-- grain: experiment, run, split, layer, multiplier
-- source: the view coverage: asked minus measured minus refused
-- columns:
--   experiment  the experiment
--   model       model
--   concept     concept that the questions ask about
--   variant     prompt variant
--   method      how the vector was fitted
--   run_id      the run
--   split       the split
--   layer       the layer
--   multiplier  the multiplier
--   n_asked     items asked for
--   n_missing   items neither measured nor refused

select
    experiment,
    model,
    concept,
    variant,
    method,
    run_id,
    split,
    layer,
    multiplier,
    n_asked,
    n_missing
from coverage
where n_missing > 0
order by experiment, model, concept, variant, method, run_id, split, layer, multiplier
