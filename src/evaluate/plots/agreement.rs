//! Paper A, figures 2c and 3c: the difference of two methods over their mean, after Bland and Altman.

use plotters::prelude::*;

use super::{C7_INKS, DIM, Drawn, GRID, INK, Plot, PlotError, before, beside, legend, sheet, title, titles};
use crate::domain::measurement::{Quantity, Unit};
use crate::evaluate::score::FilmScore;
use crate::evaluate::statistics::Agreement;

const SIZE: (u32, u32) = (900, 600);
/// The scale shows this many times the limits of agreement, unless all points lie nearer.
const REACH: f64 = 2.5;

/// A dot: mean, difference, colour.
type Dot = (f64, f64, RGBColor);

/// Every number of `quantity` that was given.
pub(super) fn draw(films: &[FilmScore], quantity: Quantity) -> Result<Option<Plot>, PlotError> {
    let ink = |film: &FilmScore| C7_INKS.iter().find(|(state, ..)| *state == film.c7).map_or(DIM, |(_, ink, _)| *ink);
    let of_film = |film| {
        let ink = ink(film);
        film.numbers.iter().filter(|n| n.quantity == quantity).filter_map(move |n| {
            let found = n.found?.0.value();
            Some((f64::midpoint(found, n.truth), found - n.truth, ink))
        })
    };
    let dots: Vec<Dot> = films.iter().flat_map(of_film).collect();
    let Some(agreement) = Agreement::of(&dots.iter().map(|dot| dot.1).collect::<Vec<_>>()) else { return Ok(None) };
    let (unit, digits) = match quantity.unit() {
        Unit::Degrees => ("°", 2),
        Unit::Millimetres => (" mm", 2),
        Unit::Ratio => ("", 3),
    };
    let (low, high) = agreement.limits;
    let subtitle = format!(
        "{} pairs. Bias {:+.digits$}{unit}, 95 % limits of agreement {low:+.digits$}{unit} … {high:+.digits$}{unit}",
        dots.len(),
        agreement.bias,
    );
    sheet(&format!("agreement-{}.svg", quantity.name()), SIZE, |area| {
        titles(area, &format!("{}: Sagitta against the truth", title(quantity)), &subtitle)?;
        let present = C7_INKS.iter().filter(|(_, ink, _)| dots.iter().any(|dot| dot.2 == *ink));
        let entries: Vec<_> = present.map(|(_, ink, words)| (*ink, (*words).to_owned())).collect();
        legend(area, &entries, (30, 80))?;
        content(area, &dots, agreement, unit.trim(), digits)
    })
    .map(Some)
}

fn content(area: &super::Area<'_>, dots: &[Dot], agreement: Agreement, unit: &str, digits: usize) -> Drawn {
    let Agreement { bias, sd, limits: (low, high) } = agreement;
    let farthest = dots.iter().map(|dot| (dot.1 - bias).abs()).fold(0.0, f64::max);
    // Without any difference a scale of its own keeps the zero line in the middle.
    let reach = (1.08 * farthest).min(REACH * 1.96 * sd).max(1.2 * 1.96 * sd).max(10f64.powi(-(digits as i32)));
    let (left, right) = dots.iter().fold((f64::MAX, f64::MIN), |(l, r), dot| (l.min(dot.0), r.max(dot.0)));
    let pad = ((right - left) * 0.04).max(0.01);
    let (x, y) = ((left - pad)..(right + pad), (bias - reach)..(bias + reach));
    let in_unit = |what: &str| if unit.is_empty() { what.to_owned() } else { format!("{what}, {unit}") };
    let mut chart = ChartBuilder::on(area)
        .margin_top(100)
        .margin_left(20)
        .margin_right(124)
        .margin_bottom(18)
        .set_label_area_size(LabelAreaPosition::Left, 66)
        .set_label_area_size(LabelAreaPosition::Bottom, 50)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(DIM)
        .x_desc(in_unit("mean of both"))
        .y_desc(in_unit("found − true"))
        .x_labels(8)
        .y_labels(9)
        .label_style(super::font(14, INK))
        .draw()?;
    chart.draw_series([PathElement::new(vec![(x.start, 0.0), (x.end, 0.0)], DIM.mix(0.6))])?;
    let inside = dots.iter().filter(|dot| y.contains(&dot.1));
    chart.draw_series(
        inside.map(|(mean, difference, ink)| Circle::new((*mean, *difference), 3, ink.mix(0.55).filled())),
    )?;
    for (mean, difference, ink) in dots.iter().filter(|dot| !y.contains(&dot.1)) {
        let above = *difference > bias;
        let (px, py) = chart.backend_coord(&(*mean, if above { y.end } else { y.start }));
        // Pixels run down: a mark at the upper edge points up, one at the lower edge is a cross.
        if above {
            area.draw(&TriangleMarker::new((px, py + 7), 5, ink.filled()))?;
        } else {
            area.draw(&Cross::new((px, py - 7), 4, ink.stroke_width(2)))?;
        }
    }
    for (value, name, dashed) in [(bias, "bias", false), (low, "−1.96 SD", true), (high, "+1.96 SD", true)] {
        let ends = [(x.start, value), (x.end, value)];
        if dashed {
            chart.draw_series(DashedLineSeries::new(ends, 7, 5, INK.stroke_width(2)))?;
        } else {
            chart.draw_series(LineSeries::new(ends, INK.stroke_width(2)))?;
        }
        let (px, py) = chart.backend_coord(&(x.end, value));
        let text = format!("{name} {value:+.digits$}");
        area.draw_text(&text, &beside(13, INK), (px + 8, py))?;
    }
    let beyond = dots.iter().filter(|dot| !y.contains(&dot.1)).count();
    if beyond > 0 {
        let (px, py) = chart.backend_coord(&(x.end, y.end));
        area.draw_text(&format!("{beyond} beyond the scale, marked at its edges"), &before(13, DIM), (px, py - 20))?;
    }
    Ok(())
}
