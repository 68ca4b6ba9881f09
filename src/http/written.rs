//! Which of the bytes that leave by a connection are of an answer.
//!
//! By HTTP/1 all are. By HTTP/2 a client has bytes sent to it as often as it likes: each ping is
//! returned, each change of its settings acknowledged. There the data of answers counts alone; their
//! beginnings are known to `activity` anyway. Used by `connections` alone, which hands over what was
//! written, in order and in whatever pieces.

const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;

#[derive(Default)]
pub(super) enum Written {
    /// Nothing yet.
    #[default]
    Nothing,
    Http1,
    Http2(Frames),
}

/// Where in the frames the last piece ended.
#[derive(Default)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Of the frame behind that head.
    left_bytes: usize,
}

impl Written {
    /// More has left. Whether something of it is of an answer.
    pub(super) fn is_of_answer(&mut self, bytes: &[u8]) -> bool {
        if let (Self::Nothing, Some(first)) = (&self, bytes.first()) {
            *self = match first {
                // The house's frames are far too short for their length to begin with a letter.
                b'H' => Self::Http1,
                _ => Self::Http2(Frames::default()),
            };
        }
        match self {
            Self::Nothing => false,
            Self::Http1 => !bytes.is_empty(),
            Self::Http2(frames) => frames.have_data(bytes),
        }
    }
}

impl Frames {
    fn have_data(&mut self, mut bytes: &[u8]) -> bool {
        let mut have_data = false;
        while !bytes.is_empty() {
            if self.left_bytes == 0 {
                let missing = &mut self.head[self.head_bytes..];
                let count = missing.len().min(bytes.len());
                missing[..count].copy_from_slice(&bytes[..count]);
                self.head_bytes += count;
                bytes = &bytes[count..];
                if self.head_bytes < HEAD_BYTES {
                    break;
                }
                let [high, middle, low, ..] = self.head;
                self.left_bytes = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.head_bytes = 0;
            }
            let count = self.left_bytes.min(bytes.len());
            have_data |= count > 0 && self.head[3] == DATA;
            self.left_bytes -= count;
            bytes = &bytes[count..];
        }
        have_data
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame(kind: u8, payload_bytes: usize) -> Vec<u8> {
        let length = u32::try_from(payload_bytes).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        [&head[..], &vec![b'H'; payload_bytes]].concat()
    }

    #[test]
    fn by_http_1_everything_is_of_an_answer() {
        let mut written = Written::default();
        assert!(!written.is_of_answer(b""));
        assert!(written.is_of_answer(b"HTTP/1.1 200 OK\r\n"));
        assert!(written.is_of_answer(b"\0\0\x08\x06\0\0\0\0\0"));
    }

    #[test]
    fn by_http_2_only_data_is_and_not_the_end_of_it_that_is_empty() {
        let mut written = Written::default();
        assert!(!written.is_of_answer(&frame(SETTINGS, 36)));
        assert!(!written.is_of_answer(&frame(SETTINGS, 0)));
        assert!(!written.is_of_answer(&frame(PING, 8)));
        assert!(written.is_of_answer(&frame(DATA, 70_000)));
        assert!(!written.is_of_answer(&frame(DATA, 0)));
        assert!(!written.is_of_answer(&frame(PING, 8)));
        assert!(written.is_of_answer(&[frame(PING, 8), frame(DATA, 1)].concat()));
    }

    proptest! {
        #[test]
        fn it_matters_not_in_which_pieces_they_leave(
            frames in proptest::collection::vec((0..10_u8, 0..40_usize), 1..20),
            size in 1..30_usize,
        ) {
            let all: Vec<u8> = std::iter::once(frame(SETTINGS, 6))
                .chain(frames.iter().map(|&(kind, length)| frame(kind, length)))
                .flatten()
                .collect();
            let mut written = Written::default();
            let pieces = all.chunks(size).map(|piece| written.is_of_answer(piece));
            let found = pieces.fold(false, |found, piece| found | piece);
            let expected = frames.iter().any(|&(kind, length)| kind == DATA && length > 0);
            prop_assert_eq!(found, expected);
        }
    }
}
