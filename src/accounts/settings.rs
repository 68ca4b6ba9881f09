//! Settings an administrator changes while the house runs: for now, who may register. Each is read
//! from the store where it matters, inside the transaction it decides, so a change holds at once.

use serde::{Deserialize, Serialize};

use super::{Accounts, Caller};
use crate::error::Result;
use crate::store::Reads;
use crate::store::settings::{find_setting, put_setting};

const REGISTRATION: &str = "registration";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub registration: Registration,
}

/// Whether people may make their own account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    Open,
    #[default]
    Closed,
}

pub(super) fn registration(tx: &impl Reads) -> Result<Registration> {
    Ok(find_setting(tx, REGISTRATION)?.unwrap_or_default())
}

impl Accounts {
    pub async fn registration(&self) -> Result<Registration> {
        self.store.read(registration).await
    }

    pub async fn settings(&self, caller: &Caller) -> Result<Settings> {
        caller.require_admin()?;
        Ok(Settings {
            registration: self.registration().await?,
        })
    }

    pub async fn change_settings(&self, caller: &Caller, settings: Settings) -> Result<Settings> {
        caller.require_admin()?;
        self.store
            .write(move |tx| put_setting(tx, REGISTRATION, &settings.registration))
            .await?;
        Ok(settings)
    }
}
