//! Colours, the width of the page and the characters of a picture: how views look, apart from what they say.
//!
//! Key types: [`Look`], [`Table`], [`Cell`].

use crate::model::lanes::Work;
use crate::model::memory::Move;
use anstyle::{AnsiColor, Style};
use fl_trace::event::FaultKind;

/// How the output is to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Whether escape sequences may be used.
    pub color: bool,
    /// Columns of the terminal, or of the page.
    pub width: usize,
    /// Whether characters beyond ASCII may be used.
    pub unicode: bool,
}

impl Look {
    /// Plain ASCII, 100 columns: for files and tests.
    pub const PLAIN: Self = Self { color: false, width: 100, unicode: false };

    /// `text` in `style`.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
    /// A heading.
    pub fn head(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }
    /// What matters less.
    pub fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }
    /// Good news.
    pub fn good(&self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }
    /// What needs attention.
    pub fn warn(&self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default().bold(), text)
    }
    /// Bad news.
    pub fn bad(&self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }
    /// `unicode` where that can be shown, else `ascii`.
    pub fn pick<'a>(&self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }

    /// A bar chart one line high: a character per value, scaled to `max`. Any value above zero is visible.
    pub fn spark(&self, values: impl IntoIterator<Item = u64>, max: u64) -> String {
        let levels: Vec<char> = self
            .pick("\u{2581}\u{2582}\u{2583}\u{2584}\u{2585}\u{2586}\u{2587}\u{2588}", ".:-=+*#@")
            .chars()
            .collect();
        let max = max.max(1);
        values
            .into_iter()
            .map(|value| match value.min(max) {
                0 => ' ',
                value => levels[((value - 1) as u128 * levels.len() as u128 / u128::from(max)) as usize],
            })
            .collect()
    }
}

/// The colour that a fault kind has in every view.
pub fn kind_style(kind: FaultKind) -> Style {
    match kind {
        FaultKind::Zero => AnsiColor::Green.on_default(),
        FaultKind::Executable => AnsiColor::Blue.on_default(),
        FaultKind::Stack => AnsiColor::Magenta.on_default(),
        FaultKind::Bad => AnsiColor::Red.on_default().bold(),
        FaultKind::Mapping => AnsiColor::Cyan.on_default(),
        FaultKind::Swap => AnsiColor::Yellow.on_default(),
    }
}

/// The colour that a CPU's work has in every view.
pub fn work_style(work: Work) -> Style {
    match work {
        Work::Fault => AnsiColor::Green.on_default(),
        Work::Evict => AnsiColor::BrightRed.on_default(),
        Work::Shootdown => AnsiColor::Magenta.on_default(),
        Work::Transfer => AnsiColor::Blue.on_default(),
    }
}

/// The colour that a page on its way has in every view.
pub fn move_style(moved: Move) -> Style {
    match moved {
        Move::Evicted => AnsiColor::BrightRed.on_default(),
        Move::Out => AnsiColor::BrightBlue.on_default(),
        Move::In => AnsiColor::BrightYellow.on_default(),
    }
}

/// One field of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Text, to the left.
    pub fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style::new(), right: false }
    }
    /// A number, to the right.
    pub fn right(text: impl Into<String>) -> Self {
        Self { right: true, ..Self::left(text) }
    }
    /// The same in another style.
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Rows of cells in aligned columns, two blanks apart, indented by two.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table under these column names.
    pub fn new(names: &[&str]) -> Self {
        let mut table = Self::default();
        table.rows.push(names.iter().map(|name| Cell::left(*name).style(Style::new().dimmed())).collect());
        table
    }
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }
    /// The table as lines.
    pub fn text(&self, look: &Look) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width: Vec<usize> = (0..columns)
            .map(|c| {
                self.rows
                    .iter()
                    .filter_map(|r| r.get(c))
                    .map(|cell| cell.text.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        // A column name stands where its numbers stand.
        let right: Vec<bool> = (0..columns)
            .map(|c| self.rows.iter().skip(1).filter_map(|r| r.get(c)).any(|cell| cell.right))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            let mut blanks = 2;
            for (c, cell) in row.iter().enumerate() {
                let pad = width[c] - cell.text.chars().count();
                let before = if right[c] { pad } else { 0 };
                if !cell.text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', blanks + before));
                    line += &look.paint(cell.style, &cell.text);
                    blanks = 2 + pad - before;
                } else {
                    blanks += 2 + width[c];
                }
            }
            text += &line;
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_blanks_at_the_end() {
        let mut table = Table::new(&["kind", "count", "note"]);
        table.row(vec![Cell::left("zero"), Cell::right("1,234"), Cell::left("")]);
        table.row(vec![Cell::left("stack"), Cell::right("7"), Cell::left("x")]);
        assert_eq!(table.text(&Look::PLAIN), "  kind   count  note\n  zero   1,234\n  stack      7  x\n");
    }

    #[test]
    fn a_single_fault_is_visible_beside_a_million() {
        assert_eq!(Look::PLAIN.spark([0, 1, 500_000, 1_000_000], 1_000_000), " .=@");
    }

    #[test]
    fn colour_is_left_out_where_it_is_not_wanted() {
        assert_eq!(Look::PLAIN.bad("x"), "x");
        assert_eq!(Look { color: true, ..Look::PLAIN }.head("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
