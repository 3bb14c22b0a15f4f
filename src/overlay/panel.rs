//! The panel beside the film: verdict and reasons, numbers with their intervals, findings, the notice.

use super::Layout;
use super::canvas::{AMBER, Align, Canvas, DIM, Face, GREEN, Ink, RED, WHITE};
use super::text::Weight;
use crate::domain::measurement::{Estimate, Level, Measurement, Quantity, Reading, Unit};
use crate::domain::report::{Certainty, Finding, NOTICE, Report, Verdict};

/// Text sizes and line heights, in units of the canvas.
const BODY: f32 = 15.5;
const SMALL: f32 = 12.8;
const LEADING: f32 = 1.34;
const MARGIN: f32 = 20.0;

/// A value in its unit with the half width of its interval, or the word that stands for it.
pub(super) fn value(quantity: Quantity, reading: &Reading) -> String {
    match reading {
        Reading::Ok(estimate) => number(quantity, *estimate),
        Reading::Unreliable(estimate, _) => format!("{} unreliable", number(quantity, *estimate)),
        Reading::Withheld(_) => "withheld".to_owned(),
    }
}

fn number(quantity: Quantity, estimate: Estimate) -> String {
    let (low, high) = estimate.ci90();
    let (half, value) = ((high - low) / 2.0, estimate.value());
    let signed = |v: f64, digits| format!("{v:+.digits$}").replace('-', "−");
    match quantity.unit() {
        Unit::Degrees => format!("{}° ± {half:.1}°", signed(value, 1)),
        Unit::Millimetres if quantity.has_a_sign() => format!("{} ± {half:.1} mm", signed(value, 1)),
        Unit::Millimetres => format!("{value:.1} ± {half:.1} mm"),
        Unit::Ratio => format!("{value:.2} ± {half:.2}"),
    }
}

/// Draws the panel: the notice at its foot, always, and above it as much as there is room for.
pub(super) fn paint(canvas: &mut Canvas<'_>, report: &Report, layout: &Layout) {
    let unit = canvas.unit();
    let (x, y, width, height) = if layout.beside {
        (layout.film_width as f32, 0.0, (layout.width - layout.film_width) as f32, layout.height as f32)
    } else {
        (0.0, layout.film_height as f32, layout.width as f32, (layout.height - layout.film_height) as f32)
    };
    let columns = if layout.beside { 1.0 } else { 3.0 };
    let margin = MARGIN * unit;
    let column_width = (width - margin * (columns + 1.0)) / columns;
    let (left, right, bottom) = (x + margin, x + width - margin, y + height - margin);
    let foot = Flow { canvas, top: y, bottom, right, x: left, y: 0.0, column_width: width - 2.0 * margin, full: false };
    let bottom = foot.at_the_foot(&footer(report)) - 8.0 * unit;
    let top = y + margin;
    let mut flow = Flow { canvas, top, bottom, right, x: left, y: top, column_width, full: false };
    for block in blocks(report) {
        flow.block(&block);
    }
}

/// One line or paragraph of the panel.
enum Item {
    Heading(&'static str),
    Verdict(&'static str, &'static str, Ink),
    Row(String, String, Ink),
    Text(String, Ink),
    Small(String),
}

fn blocks(report: &Report) -> Vec<Vec<Item>> {
    vec![verdict(report), alignment(report), findings(report), segments(report), canal(report)]
}

fn verdict(report: &Report) -> Vec<Item> {
    let quality = &report.assessment.quality;
    let (sign, word, ink) = match quality.verdict {
        Verdict::Accept => ("✓", "Accept", GREEN),
        Verdict::Review => ("!", "Review", AMBER),
        Verdict::Repeat => ("↻", "Repeat", RED),
        Verdict::NotApplicable => ("–", "Not a lateral neck", DIM),
    };
    let mut items = vec![Item::Verdict(sign, word, ink)];
    items.extend(quality.reasons.iter().take(2).map(|r| Item::Text(r.text.clone(), WHITE)));
    if quality.reasons.len() > 2 {
        items.push(Item::Small(format!("and {} more in the report", quality.reasons.len() - 2)));
    }
    items
}

/// The numbers of the whole neck; a reason stands once, below the first number it belongs to.
fn alignment(report: &Report) -> Vec<Item> {
    let mut items = vec![Item::Heading("Alignment")];
    let mut told: Vec<&str> = Vec::new();
    for (quantity, title) in [
        (Quantity::C2C7Cobb, "Cobb C2–C7"),
        (Quantity::C2C6Cobb, "Cobb C2–C6"),
        (Quantity::C2Slope, "C2 slope"),
        (Quantity::C7Slope, "C7 slope"),
        (Quantity::Sva, "SVA C2–C7"),
    ] {
        let Some(reading) = report.measurements.get(quantity, None) else { continue };
        items.push(row(title.to_owned(), quantity, reading));
        if let Reading::Unreliable(_, why) | Reading::Withheld(why) = reading
            && !told.contains(&why.as_str())
        {
            told.push(why);
            items.push(Item::Small(why.clone()));
        }
    }
    items
}

fn row(title: String, quantity: Quantity, reading: &Reading) -> Item {
    let ink = match reading {
        Reading::Ok(_) => WHITE,
        Reading::Unreliable(..) => AMBER,
        Reading::Withheld(_) => DIM,
    };
    Item::Row(title, value(quantity, reading), ink)
}

/// Angle and slip of each segment in one row.
fn segments(report: &Report) -> Vec<Item> {
    let mut items = vec![Item::Heading("Segments: angle, slip")];
    for (_, _, level) in Level::segments() {
        let short =
            |quantity| report.measurements.get(quantity, Some(level)).map_or("–".to_owned(), |r| brief(quantity, r));
        let text = format!("{}   {}", short(Quantity::SegmentalAngle), short(Quantity::SlipDistance));
        items.push(Item::Row(dash(level), text, WHITE));
    }
    items
}

/// Pavlov of each level, without the depths it comes from.
fn canal(report: &Report) -> Vec<Item> {
    let mut items = vec![Item::Heading("Canal: Pavlov ratio")];
    let rows = report.measurements.0.iter().filter(|m| m.quantity == Quantity::Pavlov);
    items.extend(
        rows.filter_map(|Measurement { quantity, level, reading }| Some(row(dash((*level)?), *quantity, reading))),
    );
    items
}

/// A value without its interval; `?` marks an unreliable one.
fn brief(quantity: Quantity, reading: &Reading) -> String {
    let Some(estimate) = reading.estimate() else { return "withheld".to_owned() };
    let unit = if quantity.unit() == Unit::Degrees { "°" } else { " mm" };
    let mark = if matches!(reading, Reading::Unreliable(..)) { "?" } else { "" };
    format!("{:+.1}{unit}{mark}", estimate.value()).replace('-', "−")
}

fn findings(report: &Report) -> Vec<Item> {
    let all = &report.assessment.findings;
    let told = |f: &&Finding| f.present || f.certainty == Certainty::Borderline;
    let mut items = vec![Item::Heading("Findings")];
    for finding in all.iter().filter(told) {
        let place = finding.level.map_or_else(String::new, |l| format!(" {}", dash(l)));
        let how = match (finding.present, finding.certainty) {
            (true, Certainty::Clear) => "present",
            (true, Certainty::Borderline) => "present, borderline",
            (false, _) => "not excluded",
        };
        let text = format!("{}{place}: {how}", finding.name.replace('_', " "));
        items.push(Item::Text(text, if finding.present { RED } else { AMBER }));
    }
    if items.len() == 1 {
        let text = if all.is_empty() {
            "None could be judged."
        } else {
            "No number that could be judged lies beyond its threshold."
        };
        items.push(Item::Text(text.to_owned(), WHITE));
    }
    items
}

fn footer(report: &Report) -> Vec<Item> {
    let spacing = report.spacing.map_or_else(
        || "No trustworthy spacing: lengths withheld.".to_owned(),
        |s| format!("{:.4} mm a pixel ({}).", s.mm_per_pixel(), s.source().name().replace('_', " ")),
    );
    let facing = report.facing.map_or("unknown", |f| f.name());
    vec![
        Item::Small(format!(
            "{spacing} Facing {facing}, {}. ± is the 90 % interval.",
            report.position.position().name()
        )),
        Item::Small(NOTICE.to_owned()),
    ]
}

fn dash(level: Level) -> String {
    level.to_string().replace('-', "–")
}

/// Fills columns from the top; a block that does not fit begins the next column, and where there is none, what is left
/// over is left to the report and said so.
struct Flow<'c, 'a> {
    canvas: &'c mut Canvas<'a>,
    top: f32,
    bottom: f32,
    right: f32,
    x: f32,
    y: f32,
    column_width: f32,
    full: bool,
}

impl Flow<'_, '_> {
    /// Draws `items` so that they end at the bottom; the height at which they begin.
    fn at_the_foot(mut self, items: &[Item]) -> f32 {
        let begin = self.bottom - items.iter().map(|i| self.height(i)).sum::<f32>();
        self.y = begin;
        for item in items {
            self.item(item);
        }
        begin
    }

    fn block(&mut self, items: &[Item]) {
        let unit = self.canvas.unit();
        let height: f32 = items.iter().map(|i| self.height(i)).sum();
        let next = self.x + self.column_width + MARGIN * unit;
        let room_beside = next + 0.9 * self.column_width < self.right;
        if self.y > self.top && self.y + height > self.bottom && room_beside {
            (self.x, self.y) = (next, self.top);
        }
        let more = Item::Small("… more in the report".to_owned());
        for item in items {
            // Keep room for the line that says that something is missing.
            if !self.full && self.y + self.height(item) + self.height(&more) > self.bottom {
                self.item(&more);
                self.full = true;
            }
            if !self.full {
                self.item(item);
            }
        }
        self.y += 9.0 * unit;
    }

    fn height(&self, item: &Item) -> f32 {
        let unit = self.canvas.unit();
        let lines = |text: &str, size: f32| self.lines(text, size).len() as f32 * size * LEADING * unit;
        match item {
            Item::Heading(_) => (SMALL * LEADING + 4.0) * unit,
            Item::Verdict(..) => 40.0 * unit,
            Item::Row(..) => BODY * LEADING * unit,
            Item::Text(text, _) => lines(text, BODY) + 2.0 * unit,
            Item::Small(text) => lines(text, SMALL) + 2.0 * unit,
        }
    }

    fn lines(&self, text: &str, size: f32) -> Vec<String> {
        self.canvas.fonts().wrap(text, Weight::Regular, size * self.canvas.unit(), self.column_width)
    }

    fn item(&mut self, item: &Item) {
        let unit = self.canvas.unit();
        let height = self.height(item);
        let (x, right) = (self.x, self.x + self.column_width);
        let base = |size: f32| self.y + size * unit;
        match item {
            Item::Heading(text) => {
                let face = Face::plain(SMALL - 1.0, Weight::Bold, DIM);
                self.canvas.text(&text.to_uppercase(), (x, base(SMALL)), Align::Left, face);
                let rule = self.y + height - 2.5 * unit;
                self.canvas.fill((x, rule), self.column_width, (0.8 * unit).max(1.0), [58, 66, 78]);
            }
            Item::Verdict(sign, word, ink) => {
                let at = (x + 14.0 * unit, self.y + 14.0 * unit);
                self.canvas.disc(at, *ink, 14.0, false);
                let sign_at = (at.0, at.1 + 8.0 * unit);
                self.canvas.text(sign, sign_at, Align::Centre, Face::plain(22.0, Weight::Bold, [10, 12, 16]));
                let word_at = (x + 38.0 * unit, self.y + 23.0 * unit);
                self.canvas.text(word, word_at, Align::Left, Face::plain(25.0, Weight::Bold, *ink));
            }
            Item::Row(title, value, ink) => {
                let y = base(BODY);
                self.canvas.text(title, (x, y), Align::Left, Face::plain(BODY, Weight::Regular, DIM));
                self.canvas.text(value, (right, y), Align::Right, Face::plain(BODY, Weight::Regular, *ink));
            }
            Item::Text(text, ink) => self.paragraph(text, BODY, *ink),
            Item::Small(text) => self.paragraph(text, SMALL, DIM),
        }
        self.y += height;
    }

    fn paragraph(&mut self, text: &str, size: f32, ink: Ink) {
        let unit = self.canvas.unit();
        for (index, line) in self.lines(text, size).iter().enumerate() {
            let y = self.y + (size + index as f32 * size * LEADING) * unit;
            self.canvas.text(line, (self.x, y), Align::Left, Face::plain(size, Weight::Regular, ink));
        }
    }
}
