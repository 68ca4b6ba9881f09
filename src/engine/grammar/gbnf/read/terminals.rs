//! Literals, classes and their escapes. What no text can hold is refused where it stands: a
//! grammar that asks for it would lead nowhere.

use super::super::{CharSet, Element};
use super::{Read, Reader};

impl Reader<'_> {
    pub(super) fn read_literal(&mut self, elements: &mut Vec<Element>) -> Read<()> {
        let offset = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return self.refuse(offset, "this string is never closed"),
                Some(b'"') => break,
                Some(_) => {
                    let char_at = self.at;
                    let code = self.read_char()?;
                    let set = CharSet::new(&[(code, code)], false);
                    if set.is_empty() {
                        return self.refuse(char_at, "no text holds this character");
                    }
                    let set = self.set_id(set, 1);
                    elements.push(Element::Chars(set));
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn read_class(&mut self) -> Read<u32> {
        let offset = self.at;
        self.at += 1;
        let negated = self.peek() == Some(b'^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        while self.peek() != Some(b']') {
            if self.peek().is_none() {
                return self.refuse(offset, "this [ is never closed");
            }
            let range_at = self.at;
            let low = self.read_char()?;
            let mut high = low;
            if self.peek() == Some(b'-') && self.bytes.get(self.at + 1) != Some(&b']') {
                self.at += 1;
                high = self.read_char()?;
            }
            if low > high {
                return self.refuse(range_at, "this range ends before it begins");
            }
            ranges.push((low, high));
        }
        self.at += 1;
        let set = CharSet::new(&ranges, negated);
        // llama.cpp takes an empty class, even a negated one, for the empty text.
        if ranges.is_empty() || set.is_empty() {
            return self.refuse(offset, "no character is in this class");
        }
        Ok(self.set_id(set, 2 * ranges.len()))
    }

    pub(super) fn set_id(&mut self, set: CharSet, weight: usize) -> u32 {
        if let Some(id) = self.set_ids.get(&set) {
            let known = &mut self.set_weights[*id as usize];
            *known = weight.max(*known);
            return *id;
        }
        let id = u32::try_from(self.sets.len()).expect("there are fewer sets than bytes of text");
        self.sets.push(set.clone());
        self.set_weights.push(weight);
        self.set_ids.insert(set, id);
        id
    }

    fn read_char(&mut self) -> Read<u32> {
        let offset = self.at;
        let Some(char) = self.text[self.at..].chars().next() else {
            return self.refuse(offset, "the grammar ends in the middle of a rule");
        };
        self.at += char.len_utf8();
        if char != '\\' {
            return Ok(char.into());
        }
        let escape = self.peek();
        self.at += 1;
        match escape {
            Some(b'x') => self.read_hex(2, offset),
            Some(b'u') => self.read_hex(4, offset),
            Some(b'U') => self.read_hex(8, offset),
            Some(b't') => Ok(0x09),
            Some(b'r') => Ok(0x0D),
            Some(b'n') => Ok(0x0A),
            Some(byte @ (b'\\' | b'"' | b'[' | b']' | b'-')) => Ok(byte.into()),
            _ => {
                let reason = "this escape is unknown; there are \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\-";
                self.refuse(offset, reason)
            }
        }
    }

    fn read_hex(&mut self, digits: usize, offset: usize) -> Read<u32> {
        let read = self.bytes.get(self.at..self.at + digits);
        let read = read.filter(|read| read.iter().all(u8::is_ascii_hexdigit));
        let Some(read) = read else {
            return self.refuse(
                offset,
                format!("{digits} hexadecimal digits are expected here"),
            );
        };
        self.at += digits;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
        Ok(read.iter().fold(0, |code, byte| code << 4 | digit(byte)))
    }
}
