-- How much of a number is the model's own rounding: the reference path of a float32 copy beside that
-- of the model. Null where there is no such copy (float32 models) or no memory for it.
alter table verification add column reference_unsteered double;
alter table verification add column float32 double;
alter table verification add column float32_unsteered double;
alter table verification add column outlier boolean;
