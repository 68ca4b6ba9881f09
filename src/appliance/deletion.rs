//! Removing somebody with everything that is theirs. Done in a task of its own: who asked may leave in
//! the middle, and no reply must be written on for nobody. Called by `http`.

use std::sync::Arc;

use super::Appliance;
use crate::accounts::{Caller, Visitor};
use crate::conversations::remove_conversations_of;
use crate::error::{Error, Result};
use crate::ids::UserId;

impl Appliance {
    /// Removes somebody with everything that is theirs, for an administrator.
    pub async fn delete_user(self: &Arc<Self>, caller: &Caller, id: UserId) -> Result<()> {
        let (house, caller) = (Arc::clone(self), caller.clone());
        let deleted = self.tasks.spawn(async move {
            let accounts = &house.accounts;
            accounts
                .delete_person(&caller, id, remove_conversations_of)
                .await?;
            house.conversations.forget_replies_of(id).await;
            Ok::<_, Error>(())
        });
        deleted.await.map_err(Error::internal)?
    }

    /// Removes the caller with everything that is theirs.
    pub async fn delete_own_account(
        self: &Arc<Self>,
        caller: &Caller,
        visitor: &Visitor,
        password: &str,
    ) -> Result<()> {
        let (house, caller, visitor) = (Arc::clone(self), caller.clone(), visitor.clone());
        let password = password.to_owned();
        let deleted = self.tasks.spawn(async move {
            let accounts = &house.accounts;
            accounts
                .delete_own_account(&caller, &visitor, &password, remove_conversations_of)
                .await?;
            let id = caller.user_id();
            house.conversations.forget_replies_of(id).await;
            Ok::<_, Error>(())
        });
        deleted.await.map_err(Error::internal)?
    }
}
