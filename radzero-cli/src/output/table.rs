//! Text for people.

/// Breaks `text` between words into lines of at most `width` characters; a longer word is broken where it must be.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: &[char] = &word.chars().collect::<Vec<_>>();
        if length > 0 && length + 1 + word.len() <= width {
            line.push(' ');
            length += 1;
        } else if length > 0 {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while word.len() > width {
            let (head, tail) = word.split_at(width);
            lines.push(head.iter().collect());
            word = tail;
        }
        line.extend(word);
        length += word.len();
    }
    if length > 0 {
        lines.push(line);
    }
    lines
}

/// Lines side by side: a first column to the left, the others to the right, each as wide as given. The last lines of all
/// cells stand level.
pub(crate) fn row(cells: &[Vec<String>], widths: &[usize]) -> String {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for line in 0..height {
        let mut joined = String::new();
        for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            let content = (line + cell.len()).checked_sub(height).map_or("", |index| cell[index].as_str());
            match column {
                0 => joined.push_str(&format!("{content:<width$}")),
                _ => joined.push_str(&format!("  {content:>width$}")),
            }
        }
        text.push_str(joined.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("There is fibrosis", 10), ["There is", "fibrosis"]);
        assert_eq!(wrap("There is fibrosis", 17), ["There is fibrosis"]);
        assert_eq!(wrap("a  b\nc", 80), ["a b c"]);
        assert_eq!(wrap("cardiomegaly", 5), ["cardi", "omega", "ly"]);
        assert_eq!(wrap("is cardiomegaly so", 5), ["is", "cardi", "omega", "ly so"]);
        assert!(wrap(" ", 5).is_empty());
    }

    #[test]
    fn cells_stand_level_at_the_bottom() {
        let cells = [vec!["image".to_owned()], vec!["There is".to_owned(), "edema".to_owned()]];
        assert_eq!(row(&cells, &[6, 8]), "        There is\nimage      edema\n");
    }
}
