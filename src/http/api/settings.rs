//! `/admin/settings`: what an administrator changes while the house runs. The room `accounts`
//! refuses everybody else.

use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use super::tokens::{AllowanceRules, UpdateAllowanceRules};
use super::{ApiResult, House, Tag};
use crate::accounts;
use crate::http::caller::Steward;

pub(in crate::http) struct SettingsApi;

#[derive(Object)]
struct Settings {
    registration: RegistrationRules,
    allowance: AllowanceRules,
    privacy: PrivacyRules,
}

impl From<accounts::Settings> for Settings {
    fn from(settings: accounts::Settings) -> Self {
        Self {
            registration: settings.registration.into(),
            allowance: settings.allowance.into(),
            privacy: settings.privacy.into(),
        }
    }
}

#[derive(Object)]
#[oai(remote = "accounts::PrivacyRules")]
struct PrivacyRules {
    /// Administrators may open others' conversations, and the owners are told.
    break_glass: bool,
}

/// Who may make an account, and what must come before they are let in.
#[derive(Object)]
#[oai(remote = "accounts::RegistrationRules")]
struct RegistrationRules {
    mode: RegistrationMode,
    /// They must prove that the e-mail is theirs.
    verify_email: bool,
    approval: RegistrationApproval,
}

/// A section or field that is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateSettings {
    registration: Option<UpdateRegistrationRules>,
    allowance: Option<UpdateAllowanceRules>,
    privacy: Option<UpdatePrivacyRules>,
}

#[derive(Object)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdatePrivacyRules {
    break_glass: Option<bool>,
}

#[derive(Object, Default)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
struct UpdateRegistrationRules {
    mode: Option<RegistrationMode>,
    verify_email: Option<bool>,
    approval: Option<RegistrationApproval>,
}

/// Nobody; who has a registration key; everybody, with a key or without.
#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "accounts::RegistrationMode")]
pub(super) enum RegistrationMode {
    Closed,
    Key,
    Open,
}

/// Whether an administrator must approve: nobody, those without a registration key, or everybody.
#[derive(Enum)]
#[oai(rename_all = "snake_case", remote = "accounts::RegistrationApproval")]
pub(super) enum RegistrationApproval {
    Never,
    WithoutKey,
    Always,
}

impl From<UpdateSettings> for accounts::SettingsChange {
    fn from(update: UpdateSettings) -> Self {
        let registration = update.registration.unwrap_or_default();
        Self {
            registration: accounts::RegistrationRulesChange {
                mode: registration.mode.map(Into::into),
                verify_email: registration.verify_email,
                approval: registration.approval.map(Into::into),
            },
            allowance: update.allowance.map(Into::into).unwrap_or_default(),
            break_glass: update.privacy.and_then(|privacy| privacy.break_glass),
        }
    }
}

#[OpenApi(prefix_path = "/admin/settings", tag = "Tag::Settings")]
impl SettingsApi {
    /// The settings of the house
    #[oai(path = "/", method = "get", operation_id = "get_settings")]
    async fn get_settings(&self, house: House<'_>, caller: Steward) -> ApiResult<Json<Settings>> {
        Ok(Json(house.accounts.settings(&caller).await?.into()))
    }

    /// Change some settings of the house
    #[oai(path = "/", method = "patch", operation_id = "update_settings")]
    async fn update_settings(
        &self,
        house: House<'_>,
        caller: Steward,
        body: Json<UpdateSettings>,
    ) -> ApiResult<Json<Settings>> {
        let settings = house.accounts.change_settings(&caller, body.0.into());
        Ok(Json(settings.await?.into()))
    }
}
