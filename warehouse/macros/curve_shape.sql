-- The shape of a curve, by rule. `x` are sorted multipliers, `y` the logit differences at
-- them, two lists of one length. A curve is judged by its steps, so nothing is fitted but a line.

-- Share of the curve's variance that a straight line explains; null for a flat one.
create or replace macro line_r2(x, y) as
    case
        when list_var_pop(y) > 0 and list_var_pop(x) > 0 then
            least(1, pow(
                list_avg(list_transform(list_zip(x, y), lambda p: p[1] * p[2]))
                - list_avg(x) * list_avg(y),
                2
            ) / list_var_pop(x) / list_var_pop(y))
    end;

-- The largest fall from any point to a later one, 0 where it never falls.
create or replace macro largest_fall(y) as
    list_max(list_transform(
        range(1, len(y) + 1), lambda k: list_max(list_slice(y, 1, k)) - y[k]
    ));
create or replace macro largest_rise(y) as
    largest_fall(list_transform(y, lambda value: -value));

-- Mean step per multiplier, in the direction in which the curve goes as a whole, over the steps whose
-- middle lies on a side: 0 = abs(middle) up to half the largest abs(multiplier), 1 = above, -1 = below.
create or replace macro side_gradient(x, y, side) as
    list_avg(list_transform(
        list_filter(
            range(1, len(x)),
            lambda k: side = case
                when abs(x[k] + x[k + 1]) <= greatest(abs(x[1]), abs(x[-1])) then 0
                else sign(x[k] + x[k + 1])
            end
        ),
        lambda k: sign(y[-1] - y[1]) * (y[k + 1] - y[k]) / (x[k + 1] - x[k])
    ));

-- Which way a curve that keeps its direction bends: its outer steps against its inner ones, those at
-- positive multipliers first, those at negative ones where the former differ by less than a tenth.
create or replace macro bend_of(inner_gradient, gradient) as
    case
        when gradient < 0.9 * inner_gradient then 'saturating'
        when gradient > inner_gradient / 0.9 then 'accelerating'
    end;
create or replace macro bend(x, y) as coalesce(
    bend_of(side_gradient(x, y, 0), side_gradient(x, y, 1)),
    bend_of(side_gradient(x, y, 0), side_gradient(x, y, -1)),
    'irregular'
);

-- undetermined: fewer than 5 points, or a range that a slope of `slope_floor` would give.
-- linear: R2 >= .98. A turn counts when it is more than a tenth of the range: without one the curve
-- bends; one that rises to a point inside and falls from it on is inverted_u, the mirror image u.
create or replace macro curve_shape(x, y, slope_floor) as
    case
        when len(x) < 5 or list_max(y) - list_min(y) < slope_floor * (x[-1] - x[1])
            then 'undetermined'
        when line_r2(x, y) >= 0.98 then 'linear'
        when
            least(largest_fall(y), largest_rise(y)) <= 0.1 * (list_max(y) - list_min(y))
            then bend(x, y)
        when
            greatest(
                largest_fall(list_slice(y, 1, list_position(y, list_max(y)))),
                largest_rise(list_slice(y, list_position(y, list_max(y)), len(y)))
            ) <= 0.1 * (list_max(y) - list_min(y))
            then 'inverted_u'
        when
            greatest(
                largest_rise(list_slice(y, 1, list_position(y, list_min(y)))),
                largest_fall(list_slice(y, list_position(y, list_min(y)), len(y)))
            ) <= 0.1 * (list_max(y) - list_min(y))
            then 'u'
        else 'irregular'
    end;
