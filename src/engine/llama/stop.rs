//! From a model's bytes to text that may be sent: whole characters, and nothing of a stop string.
//!
//! Pure. A token may be half a character, and a stop string may be spread over many tokens: what
//! could still become either is held back until it is known.

use encoding_rs::{Decoder, UTF_8};

/// The text of one reply on its way out.
pub(super) struct ReplyText {
    decoder: Decoder,
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl ReplyText {
    pub(super) fn new(stops: &[String]) -> Self {
        Self {
            decoder: UTF_8.new_decoder_without_bom_handling(),
            stops: stops.to_vec(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes a token's bytes, returns what may be sent now. Invalid bytes become U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.decode(bytes, false);
        self.release()
    }

    /// True once a stop string came: what follows is not wanted.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What was still held back, at the end of the reply.
    pub(super) fn finish(&mut self) -> String {
        self.decode(&[], true);
        let released = self.release();
        released + &std::mem::take(&mut self.held)
    }

    fn decode(&mut self, bytes: &[u8], last: bool) {
        let most = self
            .decoder
            .max_utf8_buffer_length(bytes.len())
            .unwrap_or(bytes.len() * 3 + 16);
        self.held.reserve(most);
        let (_result, _read, _replaced) =
            self.decoder.decode_to_string(bytes, &mut self.held, last);
    }

    fn release(&mut self) -> String {
        if self.stopped {
            self.held.clear();
            return String::new();
        }
        if let Some(at) = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
        {
            self.stopped = true;
            let mut released = std::mem::take(&mut self.held);
            released.truncate(at);
            return released;
        }
        let keep_from = self.held.len() - self.possible_beginning();
        let kept = self.held.split_off(keep_from);
        std::mem::replace(&mut self.held, kept)
    }

    /// Bytes at the end that may be the beginning of a stop string.
    fn possible_beginning(&self) -> usize {
        let begins = |at: usize| {
            self.stops
                .iter()
                .any(|stop| stop.starts_with(&self.held[at..]))
        };
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let earliest = (self.held.len() + 1).saturating_sub(longest);
        (earliest..self.held.len())
            .filter(|&at| self.held.is_char_boundary(at))
            .find(|&at| begins(at))
            .map_or(0, |at| self.held.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(pieces: &[&[u8]], stops: &[&str]) -> (Vec<String>, bool) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut text = ReplyText::new(&stops);
        let mut sent: Vec<String> = pieces.iter().map(|piece| text.push(piece)).collect();
        sent.push(text.finish());
        (sent, text.is_stopped())
    }

    #[test]
    fn half_characters_wait_for_their_other_half() {
        let bytes = "a€b".as_bytes();
        let (sent, _) = through(&[&bytes[..2], &bytes[2..3], &bytes[3..]], &[]);
        assert_eq!(sent, ["a", "", "€b", ""]);
        let (sent, _) = through(&[b"a\xff", b"\xe2\x82"], &[]);
        assert_eq!(sent.concat(), "a\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_stop_string_over_many_tokens_is_never_sent() {
        let (sent, stopped) = through(&[b"one\n", b"\nUs", b"er", b": two"], &["\n\nUser:"]);
        assert_eq!(sent.concat(), "one");
        assert!(stopped);
        let (sent, stopped) = through(&[b"one\n", b"\nUs", b"eless"], &["\n\nUser:"]);
        assert_eq!(sent, ["one", "", "\n\nUseless", ""]);
        assert!(!stopped);
    }

    #[test]
    fn what_was_held_back_is_sent_when_the_model_ends() {
        let (sent, stopped) = through(&[b"end\n", b"\n"], &["\n\nUser:"]);
        assert_eq!(sent, ["end", "", "\n\n"]);
        assert!(!stopped);
    }

    proptest! {
        #[test]
        fn the_text_is_the_same_however_it_is_cut(
            text in "[ab€é\n]{0,40}",
            stops in prop::collection::vec("[ab€\n]{1,4}", 0..3),
            cuts in prop::collection::vec(0_usize..120, 0..20),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut reply = ReplyText::new(&stops);
            let mut sent = String::new();
            for cut in cuts.windows(2) {
                if !reply.is_stopped() {
                    sent.push_str(&reply.push(&bytes[cut[0]..cut[1]]));
                }
            }
            sent.push_str(&reply.finish());
            for stop in &stops {
                prop_assert!(!sent.contains(stop.as_str()));
            }
            // Which of two overlapping stop strings is seen first may depend on the cuts.
            prop_assert!(text.starts_with(&sent));
            prop_assert_eq!(sent == text, !reply.is_stopped());
        }
    }
}
