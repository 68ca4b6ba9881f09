//! Server-sent events as other servers write them: bytes in, the `data` of each event out.
//!
//! Bytes may be cut anywhere, also inside a character or a line end. Lines end with LF, CR or CRLF;
//! comments and fields other than `data` mean nothing here. What an event may hold is limited, so
//! that a server that never ends a line costs no memory. Pure; called by `answer`.

/// What one event may hold, its unfinished line included.
pub(super) const MAX_EVENT_BYTES: usize = 1024 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SseFault {
    TooLong,
    NotUtf8,
}

/// Reads one stream.
#[derive(Default)]
pub(super) struct SseReader {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last line ended with CR, whose LF may still come.
    after_cr: bool,
    /// A byte-order mark counts only before everything else.
    begun: bool,
}

impl SseReader {
    /// Adds to `events` what `bytes` brought to an end. After an error the stream is worth nothing.
    pub(super) fn read(&mut self, bytes: &[u8], events: &mut Vec<String>) -> Result<(), SseFault> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let text = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + text.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err(SseFault::TooLong);
            }
            self.line.extend_from_slice(text);
            let Some(end) = end else { break };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(events)?;
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), SseFault> {
        let mut line = self.line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                let data = String::from_utf8(std::mem::take(&mut self.data));
                events.push(data.map_err(|_| SseFault::NotUtf8)?);
            }
        } else if let Some(value) = data_of(line) {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
        self.line.clear();
        Ok(())
    }
}

/// The value of a `data` field; None for every other line.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => rest.is_empty().then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, SseFault> {
        let mut reader = SseReader::default();
        let mut events = Vec::new();
        for piece in pieces {
            reader.read(piece, &mut events)?;
        }
        Ok(events)
    }

    #[test]
    fn the_data_of_each_event_comes_out_however_its_lines_end() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "\u{feff}: hello|data: one||event: x|id: 7|data:two|data: lines|||data||data: [DONE]||";
            let text = text.replace('|', end);
            assert_eq!(
                read(&[text.as_bytes()]).unwrap(),
                ["one", "two\nlines", "", "[DONE]"],
                "with {end:?}"
            );
        }
    }

    #[test]
    fn an_event_without_its_end_and_a_field_of_another_name_are_nothing() {
        assert!(read(&[b"data: half"]).unwrap().is_empty());
        assert!(read(&[b"data: half\n"]).unwrap().is_empty());
        assert!(
            read(&[b"database: x\n\nerror: y\n\n:data: z\n\n"])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let piece = vec![b'x'; 64 * 1024];
        let mut reader = SseReader::default();
        let mut events = Vec::new();
        let fault = (0..1000).find_map(|_| reader.read(&piece, &mut events).err());
        assert_eq!(fault, Some(SseFault::TooLong));
        assert!(reader.line.len() <= MAX_EVENT_BYTES);
    }

    #[test]
    fn many_lines_of_one_event_are_limited_as_well() {
        let mut reader = SseReader::default();
        let mut events = Vec::new();
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        let fault = (0..10_000).find_map(|_| reader.read(&line, &mut events).err());
        assert_eq!(fault, Some(SseFault::TooLong));
    }

    #[test]
    fn what_is_not_utf8_is_refused_and_a_cut_character_is_not() {
        assert_eq!(read(&[b"data: \xff\n\n"]), Err(SseFault::NotUtf8));
        assert_eq!(
            read(&[b"data: \xf0\x9f", b"\x97\x9d\n\n"]).unwrap(),
            ["\u{1f5dd}"]
        );
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_changes_nothing(
            lines in prop::collection::vec("(data: ?[a-zé🗝]{0,8}|: ?x|event: y|)", 0..20),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n"]), 20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let text: String = lines.iter().zip(&ends).flat_map(|(line, end)| [line.as_str(), end]).collect();
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let each: Vec<&[u8]> = bytes.chunks(1).collect();
            let whole = read(&[bytes]).unwrap();
            prop_assert_eq!(read(&pieces).unwrap(), whole.clone());
            prop_assert_eq!(read(&each).unwrap(), whole);
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&bytes]);
        }
    }
}
