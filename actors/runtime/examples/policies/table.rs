//! The result of an experiment: rows of named columns.

/// Rows with the names of their columns.
pub(crate) struct Table {
    title: String,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &'static [&'static str]) -> Self {
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// Lines of comma-separated values, with a head. No value has a comma.
    pub(crate) fn csv(&self) -> String {
        let head = self.columns.join(",");
        let rows = self.rows.iter().map(|row| row.join(","));
        std::iter::once(head).chain(rows).map(|line| line + "\n").collect()
    }

    /// A title, and columns that are aligned.
    pub(crate) fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].len());
            cells.max().unwrap_or_default().max(self.columns[column].len())
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let cells = cells.iter().zip(&widths);
            cells.map(|(cell, width)| format!("{cell:>width$}  ")).collect::<String>() + "\n"
        };
        let rows = self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
        format!("\n{}\n\n{}{}", self.title, line(self.columns.to_vec()), rows.collect::<String>())
    }
}
