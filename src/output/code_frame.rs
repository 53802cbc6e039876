//! Lines of code around a place, made to fit.

/// Narrower than this, nothing could be made out.
const LEAST: usize = 16;

/// The frame with its lines cut so that none is wider than `columns`, and the marked place shows.
pub(super) fn fit(frame: &str, columns: usize) -> String {
    let lines: Vec<String> = frame.lines().map(|line| line.replace('\t', "  ")).collect();
    let Some(gutter) = lines.iter().find_map(|line| line.find(" | ")) else {
        return frame.to_owned();
    };
    let gutter = gutter + " | ".len();
    let room = columns.saturating_sub(gutter);
    let is_wide = |line: &String| line.chars().count() > columns;
    if room < LEAST || !lines.iter().any(is_wide) {
        return lines.join("\n");
    }
    let place = lines.iter().position(|line| caret(line, gutter).is_some());
    let at = place.and_then(|i| caret(&lines[i], gutter)).unwrap_or(0);
    let marked = place.and_then(|i| lines.get(i.checked_sub(1)?));
    let length = marked.map_or(0, |line| line.chars().count().saturating_sub(gutter));
    // As much of what follows the place as of what stands before it, if there is so much.
    let from = match length <= room || at < room * 3 / 4 {
        true => 0,
        false => (at - room / 2).min(length - room),
    };
    let cut = lines.iter().map(|line| cut(line, gutter, from, room));
    cut.collect::<Vec<_>>().join("\n")
}

/// Where in the code the line's caret stands, if it has nothing else.
fn caret(line: &str, gutter: usize) -> Option<usize> {
    let code: String = line.chars().skip(gutter).collect();
    let at = code.strip_suffix('^')?;
    at.trim().is_empty().then(|| at.chars().count())
}

fn cut(line: &str, gutter: usize, from: usize, room: usize) -> String {
    let is_mark = caret(line, gutter).is_some();
    let mut out: String = line.chars().take(gutter).collect();
    let code: Vec<char> = line.chars().skip(gutter).collect();
    let shown = code.iter().skip(from).take(room);
    let mut shown: Vec<char> = shown.copied().collect();
    if from > 0 && !is_mark && !code.is_empty() {
        match shown.first_mut() {
            Some(first) => *first = '…',
            None => shown.push('…'),
        }
    }
    if code.len() > from + room
        && let Some(last) = shown.last_mut()
    {
        *last = '…';
    }
    out.extend(shown);
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = "  1 | short\n> 2 | const veryLongName = anotherLongName.callThat(1, 2, 3);\n    |                      ^\n  3 |";

    #[test]
    fn a_frame_that_fits_is_left_alone_but_for_tabs() {
        assert_eq!(fit(FRAME, 80), FRAME);
        assert_eq!(fit("> 1 | \tx\n    | \t^", 80), "> 1 |   x\n    |   ^");
        assert_eq!(fit("no frame", 3), "no frame");
    }

    #[test]
    fn a_long_line_is_cut_around_the_marked_place() {
        assert_eq!(
            fit(FRAME, 40),
            "  1 | short\n> 2 | const veryLongName = anotherLongN…\n    |                      ^\n  3 |"
        );
        assert_eq!(
            fit(FRAME, 30),
            "  1 | …\n> 2 | …LongName = anotherLong…\n    |             ^\n  3 |"
        );
    }
}
