//! Reading and writing records inside one transaction.
//!
//! [`Reads`] is what both kinds of transaction can do, so that a repository function that only
//! looks works in either. A table that does not exist is an error here: the first migration makes
//! them all. Callers: the repositories beside this file; closures given to `Store::read` and `write`.

use std::ops::Bound;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};

use super::StoreError;
use super::codec::{self, Record};
use super::keys::{OrderedBytes, TableKey};
use crate::error::Result;

pub(super) type Definition = TableDefinition<'static, OrderedBytes, &'static [u8]>;

/// A table, its key and what it holds.
pub struct Table<K, R> {
    pub(super) name: &'static str,
    shape: std::marker::PhantomData<fn() -> (K, R)>,
}

impl<K, R> Table<K, R> {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            shape: std::marker::PhantomData,
        }
    }

    pub(super) fn definition(&self) -> Definition {
        TableDefinition::new(self.name)
    }
}

pub struct ReadTx(pub(super) redb::ReadTransaction);

pub struct WriteTx<'db>(pub(super) &'db redb::WriteTransaction);

pub trait Reads {
    fn find<K: TableKey, R: Record>(&self, table: &Table<K, R>, key: &K) -> Result<Option<R>>;

    /// Up to `limit` rows whose key starts with `prefix`, in key order, behind the key `after`.
    fn list<P: TableKey, K: TableKey, R: Record>(
        &self,
        table: &Table<K, R>,
        prefix: &P,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, R)>>;

    /// Up to `limit` rows in front of the key `before`, the last first; None: from the end.
    fn list_back<K: TableKey, R: Record>(
        &self,
        table: &Table<K, R>,
        before: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, R)>>;

    /// The keys of up to `limit` rows, in key order, also of those that cannot be read.
    fn list_keys<K: TableKey, R: Record>(
        &self,
        table: &Table<K, R>,
        limit: usize,
    ) -> Result<Vec<K>>;

    /// How many rows there are; takes no longer for many.
    fn count<K: TableKey, R: Record>(&self, table: &Table<K, R>) -> Result<u64>;

    /// All rows, in key order. For small tables.
    fn list_all<K: TableKey, R: Record>(&self, table: &Table<K, R>) -> Result<Vec<(K, R)>> {
        self.list(table, &(), None, usize::MAX)
    }
}

fn find_in<K: TableKey, R: Record>(
    open: &impl ReadableTable<OrderedBytes, &'static [u8]>,
    table: &Table<K, R>,
    key: &K,
) -> Result<Option<R>> {
    open.get(key.to_bytes().as_slice())
        .map_err(StoreError::from)?
        .map(|guard| codec::decode(table.name, guard.value()))
        .transpose()
}

/// `read` makes of each row's bytes what is given for it.
fn list_in<K: TableKey, R, V>(
    open: &impl ReadableTable<OrderedBytes, &'static [u8]>,
    table: &Table<K, R>,
    prefix: &[u8],
    after: Option<Vec<u8>>,
    limit: usize,
    read: impl Fn(&[u8]) -> Result<V>,
) -> Result<Vec<(K, V)>> {
    let start = match &after {
        Some(key) => Bound::Excluded(key.as_slice()),
        None => Bound::Included(prefix),
    };
    let mut rows = Vec::new();
    for row in open
        .range::<&[u8]>((start, Bound::Unbounded))
        .map_err(StoreError::from)?
    {
        let (key, value) = row.map_err(StoreError::from)?;
        if rows.len() == limit || !key.value().starts_with(prefix) {
            break;
        }
        let typed =
            K::read_from(&mut key.value()).ok_or(StoreError::DamagedKey { table: table.name })?;
        rows.push((typed, read(value.value())?));
    }
    Ok(rows)
}

fn list_back_in<K: TableKey, R: Record>(
    open: &impl ReadableTable<OrderedBytes, &'static [u8]>,
    table: &Table<K, R>,
    before: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(K, R)>> {
    let end = match &before {
        Some(key) => Bound::Excluded(key.as_slice()),
        None => Bound::Unbounded,
    };
    let rows = open
        .range::<&[u8]>((Bound::Unbounded, end))
        .map_err(StoreError::from)?;
    rows.rev()
        .take(limit)
        .map(|row| {
            let (key, value) = row.map_err(StoreError::from)?;
            let typed = K::read_from(&mut key.value())
                .ok_or(StoreError::DamagedKey { table: table.name })?;
            Ok((typed, codec::decode(table.name, value.value())?))
        })
        .collect()
}

macro_rules! reads {
    ($transaction:ty) => {
        impl Reads for $transaction {
            fn find<K: TableKey, R: Record>(
                &self,
                table: &Table<K, R>,
                key: &K,
            ) -> Result<Option<R>> {
                find_in(&self.open(table)?, table, key)
            }

            fn count<K: TableKey, R: Record>(&self, table: &Table<K, R>) -> Result<u64> {
                Ok(self.open(table)?.len().map_err(StoreError::from)?)
            }

            fn list<P: TableKey, K: TableKey, R: Record>(
                &self,
                table: &Table<K, R>,
                prefix: &P,
                after: Option<&K>,
                limit: usize,
            ) -> Result<Vec<(K, R)>> {
                list_in(
                    &self.open(table)?,
                    table,
                    &prefix.to_bytes(),
                    after.map(TableKey::to_bytes),
                    limit,
                    |bytes| codec::decode(table.name, bytes),
                )
            }

            fn list_back<K: TableKey, R: Record>(
                &self,
                table: &Table<K, R>,
                before: Option<&K>,
                limit: usize,
            ) -> Result<Vec<(K, R)>> {
                list_back_in(
                    &self.open(table)?,
                    table,
                    before.map(TableKey::to_bytes),
                    limit,
                )
            }

            fn list_keys<K: TableKey, R: Record>(
                &self,
                table: &Table<K, R>,
                limit: usize,
            ) -> Result<Vec<K>> {
                let rows = list_in(&self.open(table)?, table, &[], None, limit, |_| Ok(()))?;
                Ok(rows.into_iter().map(|(key, ())| key).collect())
            }
        }
    };
}
reads!(ReadTx);
reads!(WriteTx<'_>);

impl ReadTx {
    fn open<K, R>(
        &self,
        table: &Table<K, R>,
    ) -> Result<redb::ReadOnlyTable<OrderedBytes, &'static [u8]>> {
        let opened = self.0.open_table(table.definition());
        Ok(opened.map_err(StoreError::from)?)
    }
}

impl WriteTx<'_> {
    fn open<K, R>(
        &self,
        table: &Table<K, R>,
    ) -> Result<redb::Table<'_, OrderedBytes, &'static [u8]>> {
        let opened = self.0.open_table(table.definition());
        Ok(opened.map_err(StoreError::from)?)
    }

    pub fn put<K: TableKey, R: Record>(
        &self,
        table: &Table<K, R>,
        key: &K,
        record: &R,
    ) -> Result<()> {
        let bytes = codec::encode(table.name, record)?;
        let mut open = self.open(table)?;
        open.insert(key.to_bytes().as_slice(), bytes.as_slice())
            .map_err(StoreError::from)?;
        Ok(())
    }

    /// True when there was something to remove.
    pub fn remove<K: TableKey, R: Record>(&self, table: &Table<K, R>, key: &K) -> Result<bool> {
        let mut open = self.open(table)?;
        let removed = open
            .remove(key.to_bytes().as_slice())
            .map_err(StoreError::from)?;
        Ok(removed.is_some())
    }

    /// Removes all rows whose key starts with `prefix`, and decodes none of them.
    pub fn remove_all<P: TableKey, K, R>(&self, table: &Table<K, R>, prefix: &P) -> Result<()> {
        let prefix = prefix.to_bytes();
        let mut behind = prefix.clone();
        while behind.pop_if(|byte| *byte == u8::MAX).is_some() {}
        let end = match behind.last_mut() {
            Some(byte) => {
                *byte += 1;
                Bound::Excluded(behind.as_slice())
            }
            None => Bound::Unbounded,
        };
        let range = (Bound::Included(prefix.as_slice()), end);
        let mut open = self.open(table)?;
        open.retain_in::<&[u8], _>(range, |_, _| false)
            .map_err(StoreError::from)?;
        Ok(())
    }

    /// The key after the last one of a table that is numbered from 1.
    pub fn next_number<R: Record>(&self, table: &Table<u64, R>) -> Result<u64> {
        let open = self.open(table)?;
        let last = open.last().map_err(StoreError::from)?;
        let number = last
            .and_then(|(key, _)| u64::read_from(&mut key.value()))
            .unwrap_or(0);
        Ok(number + 1)
    }
}
