//! A price that somebody else says: asked for between transactions, before and after the reply.
//! The first try of a promise is given up for it; what was reserved is charged once.

use std::sync::Mutex;

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::*;
use crate::accounts::allowance::{Holder, Pricing};
use crate::engine::{ChatMessage, Role};
use crate::error::ErrorKind;
use crate::plugins::rules_busy;
use crate::store::allowances::{find_allowance, list_entries};
use crate::store::settings::put_setting;
use crate::store::users::{UserRecord, put_user};

/// Says what is left of its prices, in turn, and keeps what it was asked.
struct Till {
    /// None: nobody can be asked.
    prices: Mutex<Vec<Option<Option<u32>>>>,
    asked: Arc<Mutex<Vec<PricedReply>>>,
}

impl Pricing for Till {
    fn price(&self, reply: PricedReply) -> BoxFuture<'static, Result<Option<u32>>> {
        self.asked.lock().unwrap().push(reply);
        let price = self.prices.lock().unwrap().pop().expect("a price");
        ready(price.ok_or_else(rules_busy)).boxed()
    }
}

fn user() -> UserRecord {
    UserRecord::example("ada")
}

/// What a reply costs when these prices are said before and after it, and what was asked.
async fn cost_at(before: Option<u32>, after: Option<u32>) -> (Option<i64>, Vec<PricedReply>) {
    let asked = cost_of([before, after].map(Some).into()).await;
    asked.expect("it can be paid for")
}

/// The same, when all of this is said in turn.
async fn cost_of(mut said: Vec<Option<Option<u32>>>) -> Result<(Option<i64>, Vec<PricedReply>)> {
    said.reverse();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap());
    let user = user();
    let holder = Holder::User(user.id);
    let user_id = user.id;
    let policy = serde_json::json!({ "enabled": true, "price": { "kind": "policy" } });
    store
        .write(move |tx| {
            put_user(tx, &user)?;
            put_setting(tx, "allowance", &policy)
        })
        .await
        .unwrap();
    let asked = Arc::<Mutex<Vec<PricedReply>>>::default();
    let allowances = Arc::new(Allowances::new(Arc::clone(&store)));
    allowances.connect_pricing(Arc::new(Till {
        prices: Mutex::new(said),
        asked: Arc::clone(&asked),
    }));
    let payer = Payer {
        user_id,
        allowances,
        may_pay: true,
        quote: Arc::default(),
    };
    let writing = payer.clone();
    let write = move |tx: &WriteTx| {
        let mut request = Generate::new("m", vec![ChatMessage::new(Role::User, "x".repeat(288))]);
        let id = MessageId::generate();
        let size = Size::of(&request, 4_096);
        writing.reserve(tx, id, &mut request, size)
    };
    let terms = payer.write(&store, write).await?;
    let charge = terms.into_charge().expect("it is charged");
    let usage = Usage {
        prompt_tokens: 90,
        completion_tokens: 5,
        ..Usage::default()
    };
    let settlement = charge.settlement(Some(usage)).await;
    let cost = store.write(move |tx| settlement.write(tx)).await.unwrap();
    let (account, entries) = store
        .read(move |tx| Ok((find_allowance(tx, holder)?, list_entries(tx, holder, 0, 9)?)))
        .await
        .unwrap();
    let left = 4_000 - cost.unwrap_or(0);
    let account = account.unwrap();
    assert_eq!((account.balance, account.reserved), (left, 0));
    assert_eq!(entries.len(), 2, "it was opened and charged once");
    let asked = asked.lock().unwrap().clone();
    Ok((cost, asked))
}

#[tokio::test]
async fn a_price_is_asked_for_with_an_estimate_and_with_what_was_used() {
    let (cost, asked) = cost_at(Some(7), Some(9)).await;
    assert_eq!(cost, Some(9));
    let [before, after] = asked.as_slice() else {
        panic!("it was asked {} times", asked.len());
    };
    assert_eq!((before.is_over, before.usage.prompt_tokens), (false, 100));
    assert_eq!((after.is_over, after.usage.prompt_tokens), (true, 90));
    assert_eq!(after.usage.completion_tokens, 5);
}

#[tokio::test]
async fn a_price_that_is_not_said_is_what_was_said_before_and_else_the_houses() {
    assert_eq!(cost_at(Some(7), None).await.0, Some(7));
    assert_eq!(cost_at(None, None).await.0, Some(100));
    assert_eq!(cost_at(None, Some(3)).await.0, Some(3));
}

#[tokio::test]
async fn while_nobody_can_be_asked_nothing_is_begun_and_what_was_written_is_asked_about_again() {
    let refused = cost_of(vec![None]).await;
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Overloaded { .. }));
    let (cost, asked) = cost_of(vec![Some(Some(7)), None, None, Some(Some(9))])
        .await
        .unwrap();
    assert_eq!((cost, asked.len()), (Some(9), 4));
    let busy = [vec![Some(Some(7))], vec![None; 3]].concat();
    assert_eq!(
        cost_of(busy).await.unwrap().0,
        Some(7),
        "what was set aside"
    );
}
