//! The values of a GGUF file's metadata. Whole numbers of every kind fit into one; of long lists
//! only what is asked of them is kept.

/// What a value is stored as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::models) enum Kind {
    #[default]
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    List,
    U64,
    I64,
    F64,
}

impl Kind {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        const KINDS: [Kind; 13] = [
            Kind::U8,
            Kind::I8,
            Kind::U16,
            Kind::I16,
            Kind::U32,
            Kind::I32,
            Kind::F32,
            Kind::Bool,
            Kind::Text,
            Kind::List,
            Kind::U64,
            Kind::I64,
            Kind::F64,
        ];
        KINDS.get(code as usize).copied()
    }

    /// Of one value; of a text, its length alone.
    pub(super) fn size_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::Text | Self::List | Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// What the first of these bytes are, in little endian. Of texts and lists, their length.
    pub(super) fn value_of(self, bytes: [u8; 8]) -> Value {
        let [first, second, third, fourth, ..] = bytes;
        let (two, four) = ([first, second], [first, second, third, fourth]);
        let whole = |number: i128| Value::Whole(self, number);
        match self {
            Self::U8 => whole(first.into()),
            Self::I8 => whole(i8::from_le_bytes([first]).into()),
            Self::U16 => whole(u16::from_le_bytes(two).into()),
            Self::I16 => whole(i16::from_le_bytes(two).into()),
            Self::U32 => whole(u32::from_le_bytes(four).into()),
            Self::I32 => whole(i32::from_le_bytes(four).into()),
            Self::U64 | Self::Text | Self::List => whole(u64::from_le_bytes(bytes).into()),
            Self::I64 => whole(i64::from_le_bytes(bytes).into()),
            Self::Bool => Value::Bool(first != 0),
            Self::F32 => Value::F32(f32::from_le_bytes(four)),
            Self::F64 => Value::F64(f64::from_le_bytes(bytes)),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::models) enum Value {
    Whole(Kind, i128),
    F32(f32),
    F64(f64),
    Bool(bool),
    Text(String),
    /// Too long to be kept.
    LongText,
    List(List),
}

/// What is known of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::models) struct List {
    pub(in crate::models) kind: Kind,
    pub(in crate::models) count: u64,
    /// The first whole numbers in it.
    pub(in crate::models) numbers: Vec<i128>,
    /// The least and the greatest whole number in it.
    pub(in crate::models) bounds: Option<(i128, i128)>,
    /// Where a text first comes again that is not empty.
    pub(in crate::models) repeated: Option<u64>,
}

impl List {
    pub(super) fn see(&mut self, number: i128, keep: bool) {
        let (low, high) = self.bounds.unwrap_or((number, number));
        self.bounds = Some((low.min(number), high.max(number)));
        if keep {
            self.numbers.push(number);
        }
    }
}
