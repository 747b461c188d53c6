-- How many ids of each kind have a name, and which names there are.
select kind, count(distinct id) as n_ids, list_sort(list(distinct name)) as names
from name
group by kind
order by kind;
