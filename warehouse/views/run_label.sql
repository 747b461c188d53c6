-- What a view that is about runs says of each: the run card without what only joins need.
create view run_label as
select * exclude (fit_dataset_ids, fit_variant_ids, parent_vector_id, identity_at_zero, graded)
from run_card;
