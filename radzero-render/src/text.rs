//! Line breaking, for pictures and for terminals.

/// Breaks `text` between words into lines of at most `width` characters (at least 1).
///
/// White space and line breaks between words become one space. A word longer than a line is broken. A text without words gives
/// no lines.
///
/// ```
/// assert_eq!(radzero_render::text::wrap("There is\nfibrosis", 10), ["There is", "fibrosis"]);
/// ```
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
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
        assert_eq!(wrap("ab", 0), ["a", "b"]);
        assert!(wrap(" ", 5).is_empty());
    }
}
