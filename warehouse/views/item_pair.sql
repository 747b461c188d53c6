-- Items that differ in nothing but the order of their options: those of a pair have one `pair`, the
-- id of the one whose positive option stands first (sign 1; -1 where it stands second).
create view item_pair as
select
    one.item_id as pair,
    unnest([one.item_id, two.item_id]) as item_id,
    unnest([1, -1]) as sign
from item as one
inner join item as two
    on
        two.question_id = one.question_id
        and two.options = list_reverse(one.options)
        and two.symbols = one.symbols
        and two.option_order <> one.option_order
where one.positive_option = 0 and two.positive_option = 1;
