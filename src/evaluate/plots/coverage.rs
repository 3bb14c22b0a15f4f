//! How many truths the 90 % intervals hold: each quantity, by how C7 is seen.

use plotters::prelude::*;

use super::{C7_INKS, DIM, Drawn, GRID, INK, Plot, PlotError, before, centred, legend, sheet, title, titles};
use crate::domain::measurement::Quantity;
use crate::evaluate::score::FilmScore;
use crate::evaluate::statistics::wilson;

const NAME: &str = "coverage.svg";
const WIDTH: u32 = 1000;
const ROW: u32 = 36;
/// Above and below the rows.
const HEAD: u32 = 110;
const FOOT: u32 = 56;
/// What an interval of 90 % may hold and still be called honest.
const HONEST: (f64, f64) = (88.0, 92.0);

/// Truths inside and all, for each state of C7.
type Row = (Quantity, [(usize, usize); 4]);

/// Every number that was given.
pub(super) fn draw(films: &[FilmScore]) -> Result<Option<Plot>, PlotError> {
    let rows: Vec<Row> = Quantity::ALL.into_iter().map(|quantity| (quantity, count(films, quantity))).collect();
    let rows: Vec<Row> = rows.into_iter().filter(|(_, counts)| counts.iter().any(|(_, n)| *n > 0)).collect();
    let Ok(height) = u32::try_from(rows.len()) else { return Ok(None) };
    if rows.is_empty() {
        return Ok(None);
    }
    sheet(NAME, (WIDTH, HEAD + FOOT + ROW * height), |area| {
        titles(
            area,
            "Truths inside the 90 % interval",
            "Dot: share; line: its own 95 % interval (Wilson); band: 88 to 92 %",
        )?;
        let present = C7_INKS
            .iter()
            .zip(0..)
            .filter(|(_, state)| rows.iter().any(|(_, c)| c.get(*state).is_some_and(|c| c.1 > 0)));
        let entries: Vec<_> = present.map(|((_, ink, words), _)| (*ink, (*words).to_owned())).collect();
        legend(area, &entries, (30, 80))?;
        content(area, &rows)
    })
    .map(Some)
}

fn count(films: &[FilmScore], quantity: Quantity) -> [(usize, usize); 4] {
    C7_INKS.map(|(state, ..)| {
        let numbers = films.iter().filter(|film| film.c7 == state).flat_map(|film| &film.numbers);
        let given = numbers.filter(|n| n.quantity == quantity).filter_map(|n| Some((n.truth, n.found?.0.ci90())));
        given.fold((0, 0), |(inside, n), (truth, (low, high))| {
            (inside + usize::from((low..=high).contains(&truth)), n + 1)
        })
    })
}

fn content(area: &super::Area<'_>, rows: &[Row]) -> Drawn {
    let bars: Vec<(f64, RGBColor, f64, (f64, f64))> = (0u32..)
        .zip(rows)
        .flat_map(|(row, (_, counts))| {
            (0u32..).zip(C7_INKS).zip(counts).filter_map(move |((state, (_, ink, _)), (inside, n))| {
                let (low, high) = wilson(*inside, *n)?;
                // From the top down, the four states spread over the row.
                let y = f64::from(row) + 0.5 + 0.19 * (f64::from(state) - 1.0);
                Some((y, ink, 100.0 * *inside as f64 / *n as f64, (100.0 * low, 100.0 * high)))
            })
        })
        .collect();
    let lowest = bars.iter().map(|bar| bar.3.0).fold(80.0, f64::min);
    let left = (lowest / 10.0).floor() * 10.0;
    let bottom = rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_top(HEAD)
        .margin_left(210)
        .margin_right(36)
        .margin_bottom(8)
        .set_label_area_size(LabelAreaPosition::Bottom, FOOT - 8)
        .build_cartesian_2d(left..100.0, bottom..0.0)?;
    chart.draw_series([Rectangle::new([(HONEST.0, 0.0), (HONEST.1, bottom)], super::GREEN.mix(0.14).filled())])?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(DIM)
        .x_desc("truths inside, %")
        .x_labels(11)
        .x_label_formatter(&|share| format!("{share:.0}"))
        .label_style(super::font(14, INK))
        .draw()?;
    chart.draw_series(
        (1..rows.len()).map(|row| PathElement::new(vec![(left, row as f64), (100.0, row as f64)], GRID)),
    )?;
    chart.draw_series([PathElement::new(vec![(90.0, 0.0), (90.0, bottom)], INK.stroke_width(1))])?;
    for (y, ink, share, (low, high)) in &bars {
        chart.draw_series([PathElement::new(vec![(*low, *y), (*high, *y)], ink.stroke_width(2))])?;
        chart.draw_series([Circle::new((*share, *y), 4, ink.filled())])?;
    }
    for (row, (quantity, _)) in (0u32..).zip(rows) {
        let (px, py) = chart.backend_coord(&(left, f64::from(row) + 0.5));
        area.draw_text(title(*quantity), &before(14, INK), (px - 12, py))?;
    }
    let (px, py) = chart.backend_coord(&(90.0, 0.0));
    area.draw_text("90", &centred(13, INK), (px, py - 18))?;
    Ok(())
}
