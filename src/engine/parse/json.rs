//! JSON that is still being written: where a value ends, and what a call says before its arguments.
//!
//! Arguments are told as they come, so they are followed by their brackets and strings alone; what is
//! wrong inside them is for whoever reads them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::marks::window;

/// Follows a value from its opening bracket.
#[derive(Default)]
pub(super) struct JsonScan {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

pub(super) enum Scanned {
    /// The value ends before this place.
    Ends(usize),
    /// Something here can be no JSON: a marker, most likely.
    Breaks(usize),
    GoesOn,
}

impl JsonScan {
    /// Within an object whose bracket was read.
    pub(super) fn within_object() -> Self {
        Self {
            depth: 1,
            ..Self::default()
        }
    }

    pub(super) fn read(&mut self, text: &str) -> Scanned {
        for (at, byte) in text.bytes().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Scanned::Ends(at + 1);
                    }
                }
                b'<' | b'`' => return Scanned::Breaks(at),
                _ => {}
            }
        }
        Scanned::GoesOn
    }
}

/// What stands at the beginning of a call that is one JSON object.
pub(super) enum CallHead {
    /// Its name; its arguments begin with a bracket at this place.
    Begun {
        name: String,
        at: usize,
    },
    /// All of it, up to this place.
    Whole {
        name: String,
        arguments: String,
        end: usize,
    },
    More,
    NoCall,
}

/// `text` begins with the object's bracket. The name must be one that `is_known`.
pub(super) fn call_head(text: &str, ended: bool, is_known: impl Fn(&str) -> bool) -> CallHead {
    let (text, ended) = window(text, ended);
    let head = match Cursor(text, 0).begun_call() {
        Ok(Some((name, at))) => CallHead::Begun { name, at },
        Ok(None) => whole_call(text),
        Err(Lack::More) => CallHead::More,
        Err(Lack::Wrong) => CallHead::NoCall,
    };
    match head {
        CallHead::More if ended => CallHead::NoCall,
        CallHead::Begun { name, .. } | CallHead::Whole { name, .. }
            if name.is_empty() || !is_known(&name) =>
        {
            CallHead::NoCall
        }
        head => head,
    }
}

#[derive(Deserialize)]
struct WholeCall<'a> {
    name: Option<String>,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<Box<WholeCall<'a>>>,
}

/// As [`call_head`], of an object that must be seen to its end.
pub(super) fn whole_call(text: &str) -> CallHead {
    let end = match JsonScan::default().read(text) {
        Scanned::Ends(end) => end,
        Scanned::Breaks(_) => return CallHead::NoCall,
        Scanned::GoesOn => return CallHead::More,
    };
    let Ok(call) = serde_json::from_str::<WholeCall<'_>>(&text[..end]) else {
        return CallHead::NoCall;
    };
    let call = call.function.map_or(
        WholeCall {
            function: None,
            ..call
        },
        |function| *function,
    );
    let arguments = match call.arguments {
        None => Some("{}".to_owned()),
        Some(raw) => object_of(raw.get()),
    };
    match (call.name, arguments) {
        (Some(name), Some(arguments)) => CallHead::Whole {
            name,
            arguments,
            end,
        },
        _ => CallHead::NoCall,
    }
}

/// Arguments are an object; some models write it as a text, and some write none.
fn object_of(json: &str) -> Option<String> {
    if json.starts_with('{') {
        return Some(json.to_owned());
    }
    if json == "null" {
        return Some("{}".to_owned());
    }
    let inner: String = serde_json::from_str(json).ok()?;
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&inner).ok()?;
    Some(inner)
}

enum Lack {
    More,
    Wrong,
}

struct Cursor<'a>(&'a str, usize);

impl Cursor<'_> {
    /// Name and place of the arguments, where the name comes first; None where the whole object must
    /// be seen.
    fn begun_call(mut self) -> Result<Option<(String, usize)>, Lack> {
        self.expect(b'{')?;
        let mut name = None;
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            match (key.as_str(), name.take()) {
                ("name", _) => name = Some(self.string()?),
                ("arguments" | "parameters", Some(name)) => {
                    let begun = self.peek()? == b'{';
                    return Ok(begun.then_some((name, self.1)));
                }
                ("arguments" | "parameters" | "function", _) => return Ok(None),
                ("type" | "id", before) if self.peek()? == b'"' => {
                    self.string()?;
                    name = before;
                }
                _ => return Err(Lack::Wrong),
            }
            match self.peek()? {
                b',' => self.1 += 1,
                _ => return Ok(None),
            }
        }
    }

    fn peek(&mut self) -> Result<u8, Lack> {
        let rest = &self.0.as_bytes()[self.1..];
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.1 += blanks.count();
        self.0.as_bytes().get(self.1).copied().ok_or(Lack::More)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Lack> {
        if self.peek()? != byte {
            return Err(Lack::Wrong);
        }
        self.1 += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, Lack> {
        if self.peek()? != b'"' {
            return Err(Lack::Wrong);
        }
        let start = self.1;
        let mut escaped = false;
        for (at, byte) in self.0.bytes().enumerate().skip(start + 1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.1 = at + 1;
                    return serde_json::from_str(&self.0[start..=at]).map_err(|_| Lack::Wrong);
                }
                _ => {}
            }
        }
        Err(Lack::More)
    }
}
