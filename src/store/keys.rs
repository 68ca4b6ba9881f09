//! How keys become bytes: big-endian and fixed width, so that byte order is key order.
//!
//! redb stores a key type's name with the table, so there is exactly one, with a name that never
//! changes; what a key means is said by the Rust type of the [`super::Table`]. A text can only stand last
//! in a key, because it has no fixed width. Used by `store/` alone.

use redb::TypeName;

use crate::ids::{
    ApiKeyId, ConversationId, GroupId, JobId, MailId, MessageId, NoticeId, RegistrationKeyId,
    RemoteSourceId, RequestId, SessionId, UserId,
};

/// The one redb key type: bytes, compared as bytes.
#[derive(Debug)]
pub(super) struct OrderedBytes;

impl redb::Value for OrderedBytes {
    type SelfType<'a> = &'a [u8];
    type AsBytes<'a> = &'a [u8];

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        TypeName::new("chatelaine::OrderedBytes")
    }
}

impl redb::Key for OrderedBytes {
    fn compare(left: &[u8], right: &[u8]) -> std::cmp::Ordering {
        left.cmp(right)
    }
}

/// Something that can stand in a key.
pub trait TableKey: Sized {
    fn write_to(&self, bytes: &mut Vec<u8>);
    /// Takes its part from the front of `bytes`; None when they are not such a key.
    fn read_from(bytes: &mut &[u8]) -> Option<Self>;

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        self.write_to(&mut bytes);
        bytes
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}

macro_rules! id_key {
    ($($id:ty),*) => {$(
        impl TableKey for $id {
            fn write_to(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_bytes());
            }

            fn read_from(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(<$id>::from_bytes)
            }
        }
    )*};
}
id_key!(
    UserId,
    SessionId,
    ConversationId,
    MessageId,
    JobId,
    MailId,
    RemoteSourceId,
    GroupId,
    RegistrationKeyId,
    ApiKeyId,
    RequestId,
    NoticeId
);

/// The hash of a secret.
impl TableKey for [u8; 32] {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}

/// The prefix of every key.
impl TableKey for () {
    fn write_to(&self, _bytes: &mut Vec<u8>) {}

    fn read_from(_bytes: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl TableKey for u64 {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(u64::from_be_bytes)
    }
}

impl TableKey for bool {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        take::<1>(bytes).map(|[byte]| byte != 0)
    }
}

impl TableKey for String {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        String::from_utf8(std::mem::take(bytes).to_vec()).ok()
    }
}

impl<A: TableKey, B: TableKey> TableKey for (A, B) {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        self.0.write_to(bytes);
        self.1.write_to(bytes);
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read_from(bytes)?, B::read_from(bytes)?))
    }
}

/// A time that sorts the latest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LatestFirst(pub i64);

impl TableKey for LatestFirst {
    fn write_to(&self, bytes: &mut Vec<u8>) {
        (u64::MAX - self.0.max(0).cast_unsigned()).write_to(bytes);
    }

    fn read_from(bytes: &mut &[u8]) -> Option<Self> {
        u64::read_from(bytes).map(|inverted| Self((u64::MAX - inverted).cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_come_back_as_they_went(number: u64, flag: bool, text: String) {
            let key = (number, (flag, text));
            let bytes = key.to_bytes();
            prop_assert_eq!(<(u64, (bool, String))>::read_from(&mut bytes.as_slice()), Some(key));
        }

        #[test]
        fn byte_order_is_key_order(left: (u64, bool), right: (u64, bool)) {
            prop_assert_eq!(left.to_bytes().cmp(&right.to_bytes()), left.cmp(&right));
        }

        #[test]
        fn the_latest_comes_first(left in 0..i64::MAX, right in 0..i64::MAX) {
            prop_assert_eq!(LatestFirst(left).to_bytes().cmp(&LatestFirst(right).to_bytes()), right.cmp(&left));
        }
    }
}
