-- How much of a vector would come back with other training questions. Null for vectors that were
-- fitted before; their geometry stays as it is.
alter table vector_layer add column split_half_cosine double;
alter table vector_layer add column split_half_sd double;
alter table vector_layer add column noise_length double;
