//! Finding markers in text that is still growing: whole ones, and beginnings at its end.
//! Pure; used by every dialect.

use super::HELD_BYTES_LIMIT;

/// What is known of a marker at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is there.
    Here,
    /// The text is too short to know.
    Maybe,
    Absent,
}

pub(super) fn mark_at_start(text: &str, mark: &str, ended: bool) -> Mark {
    if text.starts_with(mark) {
        Mark::Here
    } else if !ended && mark.starts_with(text) {
        Mark::Maybe
    } else {
        Mark::Absent
    }
}

/// What comes first in a text.
pub(super) enum Found {
    /// One of the markers: where, and which.
    Mark(usize, &'static str),
    /// None; what is before this place is certainly no part of any.
    Until(usize),
}

/// Where two begin at one place, the longer counts.
pub(super) fn find_mark(text: &str, marks: &[&'static str], ended: bool) -> Found {
    let whole = marks
        .iter()
        .filter_map(|&mark| text.find(mark).map(|at| (at, mark)))
        .min_by_key(|(at, mark)| (*at, usize::MAX - mark.len()));
    if let Some((at, mark)) = whole {
        // A longer one may begin here and not be complete, or a partial one before.
        return Found::Mark(at, mark);
    }
    if ended {
        return Found::Until(text.len());
    }
    let longest = marks.iter().map(|mark| mark.len()).max().unwrap_or(0);
    let mut from = text.len().saturating_sub(longest.saturating_sub(1));
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let partial = text[from..].char_indices().map(|(at, _)| from + at);
    let mut partial = partial.filter(|&at| marks.iter().any(|mark| mark.starts_with(&text[at..])));
    Found::Until(partial.next().unwrap_or(text.len()))
}

/// As much of a text as may be held back, and whether no more will come into that.
pub(super) fn window(text: &str, ended: bool) -> (&str, bool) {
    if text.len() <= HELD_BYTES_LIMIT {
        return (text, ended);
    }
    let mut end = HELD_BYTES_LIMIT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_marker_is_found_and_a_beginning_is_waited_for() {
        let marks = ["<think>", "<tool_call>"];
        let found = |text, ended| match find_mark(text, &marks, ended) {
            Found::Mark(at, mark) => (at, mark),
            Found::Until(at) => (at, ""),
        };
        assert_eq!(found("a<tool_call>b<think>", false), (1, "<tool_call>"));
        assert_eq!(found("ü<too", false), (2, ""));
        assert_eq!(found("ü<too", true), (6, ""));
        assert_eq!(found("a<<t", false), (2, ""));
        assert_eq!(found("a < b", false), (5, ""));
    }
}
